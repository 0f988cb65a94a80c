"""Citations point at exactly the statement that a marker stands behind."""

import pytest

from app.rag.citations import find_citations


def cited(answer: str, sources: int = 5) -> list[tuple[int, str]]:
    return [(c.source, answer[c.start : c.end]) for c in find_citations(answer, sources)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Paris is a city [1]. It is large [2].", [(0, "Paris is a city"), (1, "It is large")]),
        ("Paris is a city. [1] It is large. [2]", [(0, "Paris is a city."), (1, "It is large.")]),
        ("Uncited. Paris is a city [1].", [(0, "Paris is a city")]),
        ("A is x [1] and B is y [2].", [(0, "A is x"), (1, "and B is y")]),
        ("Both say so [1][3].", [(0, "Both say so"), (2, "Both say so")]),
        ("Both say so [3, 1].", [(0, "Both say so"), (2, "Both say so")]),
        ("First line\nSecond line [2]", [(1, "Second line")]),
        ("Ask. Dr. Smith and Mrs. Jones, e.g. in Rome [1].", [(0, "Dr. Smith and Mrs. Jones, e.g. in Rome")]),
        ("没有出处。仓库在周一关闭[1]。", [(0, "仓库在周一关闭")]),
        ("It costs 3.5 million [1].", [(0, "It costs 3.5 million")]),
    ],
)
def test_a_marker_cites_the_statement_before_it(answer: str, expected: list[tuple[int, str]]) -> None:
    assert cited(answer) == expected


@pytest.mark.parametrize("answer", ["", "No marker.", "[1]", "See [0].", "See [6].", "An array a[i].", "See [12345]."])
def test_what_points_at_no_source_or_no_statement_is_no_citation(answer: str) -> None:
    assert find_citations(answer, 5) == []
