"""Groups and metadata in words: what is allowed, and what a reader sees."""

import pytest

from app.ports import Scope
from app.rag.access import MAX_GROUPS, MAX_TAGS, may_read, metadata_of, parse_groups, tags_of, wanted_tags


def test_groups_come_in_one_order_each_once() -> None:
    assert parse_groups([" hr", "board", "hr", ""]) == ("board", "hr")


@pytest.mark.parametrize(
    "names", [["a b"], ["a:b"], ["a+b"], ["-a"], ["x" * 65], [f"g{n}" for n in range(MAX_GROUPS + 1)]]
)
def test_odd_or_too_many_groups_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"is not allowed|at most"):
        parse_groups(names)


def test_metadata_survives_its_way_through_tags() -> None:
    metadata = {"year": "2024", "formula": "a=b", "place": "Zürich 你好"}
    assert metadata_of(tags_of(metadata)) == metadata
    assert tags_of(metadata) == tags_of(dict(reversed(metadata.items())))


@pytest.mark.parametrize(
    "metadata",
    [{"a=b": "c"}, {"": "c"}, {"a": ""}, {"a": "x" * 201}, {"a": "b\n"}, {f"k{n}": "v" for n in range(MAX_TAGS + 1)}],
)
def test_odd_or_too_much_metadata_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is not allowed|is not 1 to|at most"):
        tags_of(metadata)
    with pytest.raises(ValueError, match=r"is not allowed|is not 1 to|at most"):
        wanted_tags(metadata)


def test_a_filter_wants_one_value_of_each_key() -> None:
    assert wanted_tags({"year": ["2023", "2024"], "lang": "en"}) == (
        frozenset({"lang=en"}),
        frozenset({"year=2023", "year=2024"}),
    )
    with pytest.raises(ValueError, match="has 0 values"):
        wanted_tags({"year": []})


@pytest.mark.parametrize(
    ("reader", "document", "sees"),
    [
        (None, ("hr",), True),
        (frozenset({"hr"}), (), True),
        (frozenset({"hr"}), ("board", "hr"), True),
        (frozenset({"hr"}), ("board",), False),
        (frozenset[str](), ("board",), False),
        (frozenset({"HR"}), ("hr",), False),
    ],
)
def test_a_reader_sees_what_is_open_or_of_a_group_of_theirs(
    reader: frozenset[str] | None, document: tuple[str, ...], sees: bool
) -> None:
    assert may_read(Scope(groups=reader), document) is sees
