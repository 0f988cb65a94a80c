"""Two questions share a key only where the same answer is right for both."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ports import Message, Scope
from app.rag.cache_key import cache_key, normalised
from app.rag.retrieval import Question

names = st.text("ab,:+=[]\" '", max_size=3)
scopes = st.builds(
    Scope,
    groups=st.none() | st.frozensets(names, max_size=2),
    tags=st.lists(st.frozensets(names, min_size=1, max_size=2), max_size=2).map(tuple),
)
turns = st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=names)
questions = st.builds(
    Question,
    tenant=names,
    text=st.sampled_from(["Who?", "who ", "Who, IT?", "Who, it?"]),
    top_k=st.integers(1, 2),
    conversation=st.lists(turns, max_size=2).map(tuple),
    scope=scopes,
)
versions = st.sampled_from(["", "v1", "v2"])


def meaning(question: Question, *others: str) -> tuple[object, ...]:
    return (replace(question, text=normalised(question.text)), *others)


@given(questions, questions, versions, versions, versions, versions)
def test_keys_are_equal_exactly_where_everything_is(
    one: Question, other: Question, basis_1: str, basis_2: str, corpus_1: str, corpus_2: str
) -> None:
    same = meaning(one, basis_1, corpus_1) == meaning(other, basis_2, corpus_2)
    first, second = cache_key(one, basis_1, corpus_1), cache_key(other, basis_2, corpus_2)
    assert (first.exact == second.exact) is same
    same_but_text = meaning(replace(one, text=""), basis_1, corpus_1) == meaning(
        replace(other, text=""), basis_2, corpus_2
    )
    assert (first.partition == second.partition) is same_but_text


def test_a_key_tells_nothing_of_its_question() -> None:
    question = Question(tenant="acme", text="What does Ms Miller earn?", top_k=5)
    key = cache_key(question, "basis", "v1")
    assert {len(key.exact), len(key.partition)} == {64}
    assert set(key.exact + key.partition) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  What is\n the  Refund policy ?! ", "what is the Refund policy"),
        ("What is IT?", "what is IT"),
        ("Is it 3.5?", "is it 3.5"),
        ("What is 5!?", "what is 5!"),
        ("What's new?", "what's new"),
        ("Please help.", "please help"),
        ("Cafe\u0301 opening", "Caf\u00e9 opening"),
        ("???", ""),
    ],
)
def test_what_never_changes_an_answer_is_left_out(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I polish a table?", "How do I Polish a table?"),
        ("Polish tables?", "polish tables?"),
        ("What does it cost?", "What does IT cost?"),
        ("WHO pays?", "Who pays?"),
        ("May leave?", "may leave?"),
        ("What is 5!", "What is 5?"),
        ("What is 5!!", "What is 5!"),
        ("Is it 3.5?", "Is it 35?"),
    ],
)
def test_what_may_change_an_answer_is_kept(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)
