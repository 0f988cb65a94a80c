"""What is read back of an answer is what was kept, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rag.citations import Citation
from app.rag.events import Done
from app.rag.kept_answer import HOT_ANSWERS, kept, read
from app.rag.quality import Verdict
from tests.support.fake_ports import hit

HITS = (hit("The sky is blue."), hit("\u00fc \U0001f30d \u2028 \x00", doc_id="odd", score=1e-9))
TEXT = "It is blue. [1]\n\u00fc"
DONE = Done(
    finish_reason="stop", citations=[Citation(0, 0, 11, 0, 16)], model="m", timings_ms={"total": 1.0}, degraded=[],
    quality=Verdict(verdict="grounded", statements=1, unsupported=((0, 2),)), removed={"link": 2},
)  # fmt: skip
VALUE = kept("key", HITS, TEXT, DONE)


def test_an_answer_is_read_back_whole() -> None:
    found = read(VALUE, "key")
    assert found
    assert (found.hits, found.text) == (HITS, TEXT)
    assert (found.citations, found.model) == (DONE.citations, DONE.model)
    assert (found.quality, found.removed) == (DONE.quality, DONE.removed)


def test_it_is_read_once_and_anew_where_it_was_renewed() -> None:
    assert read(VALUE, "key") is read(bytes(bytearray(VALUE)), "key")
    renewed = read(kept("key", HITS, "It is grey. [1]", DONE), "key")
    assert renewed
    assert renewed.text == "It is grey. [1]"


def test_no_more_than_the_hot_ones_stay_in_memory() -> None:
    first = kept("0", HITS, TEXT, DONE)
    before = read(first, "0")
    for key in map(str, range(1, HOT_ANSWERS + 1)):
        assert read(kept(key, HITS, TEXT, DONE), key)
    assert read(first, "0") is not before


def test_what_was_kept_under_another_key_is_nothing() -> None:
    assert read(VALUE, "other") is None


@given(st.binary(max_size=50) | st.integers(0, len(VALUE) - 1).map(lambda end: VALUE[:end]))
def test_other_bytes_and_half_an_answer_are_nothing(value: bytes) -> None:
    assert read(value, "key") is None


@given(st.integers(0, len(VALUE) - 1), st.binary(max_size=3))
def test_a_damaged_answer_raises_nothing(place: int, damage: bytes) -> None:
    found = read(VALUE[:place] + damage + VALUE[place + 1 :], "key")
    assert found is None or found.key == "key"


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_an_answer_with_a_score_that_is_no_number_is_not_read(score: float) -> None:
    assert read(kept("key", (hit("x", score=score),), TEXT, DONE), "key") is None
