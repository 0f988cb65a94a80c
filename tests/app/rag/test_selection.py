"""Which passages and turns go into a prompt."""

import pytest

from app.ports import Message
from app.rag.selection import latest_that_fit, most_tokens, select, that_fit
from tests.support.fake_ports import hit

TURNS = tuple(Message(role="user", content=text) for text in ("a" * 30, "b" * 3, "c" * 6))


def test_a_text_that_stands_in_two_documents_is_one_passage() -> None:
    hits = [hit("same", doc_id="a"), hit("same", doc_id="b"), hit("other"), hit("third")]
    assert select(hits, 2, per_document=9) == (hits[0], hits[2])


@pytest.mark.parametrize("repeated", ["the POOL drains", "The pool\n drains", "pool drains"])
def test_what_stands_in_a_better_passage_is_left_out(repeated: str) -> None:
    hits = [hit("The pool drains at noon."), hit(f"{repeated} at noon.", doc_id="copy")]
    assert select(hits, 5, per_document=9) == (hits[0],)


@pytest.mark.parametrize(
    "text", ["The pool drains in 20 s.", "ool drains in 10 s.", "The pool drains in 10 s. Then it stops."]
)
def test_what_differs_stays(text: str) -> None:
    hits = [hit("The pool drains in 10 s."), hit(text)]
    assert select(hits, 5, per_document=9) == tuple(hits)


def test_one_document_gets_no_more_than_its_share() -> None:
    hits = [hit(text, doc_id=text[0]) for text in ("a1", "a2", "a3", "b1", "a4", "c1")]
    assert [h.chunk.text for h in select(hits, 4, per_document=2)] == ["a1", "a2", "b1", "c1"]


def test_tokens_are_rather_overestimated_in_any_script() -> None:
    assert (most_tokens("a word"), most_tokens("你好"), most_tokens("")) == (2, 2, 0)


def test_a_passage_too_long_for_what_is_left_makes_way_for_a_shorter_one() -> None:
    hits = [hit("a" * 30, title=""), hit("b" * 60, title=""), hit("c" * 15, title="ttt"), hit("dddd", title="")]
    assert that_fit(hits, 17) == ((hits[0], hits[2]), 1)
    assert that_fit(hits[1:], 5) == ((hits[1],), 0)


@pytest.mark.parametrize(("tokens", "kept"), [(0, 0), (2, 1), (3, 2), (12, 2), (13, 3)])
def test_the_latest_turns_stay_and_none_is_skipped(tokens: int, kept: int) -> None:
    assert latest_that_fit(TURNS, tokens) == TURNS[len(TURNS) - kept :]
