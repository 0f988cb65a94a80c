"""Secrets and personal data are cut by category; what the guard misses is measured on a corpus of ours."""

from collections import Counter

import pytest

from app.rag.guard import Guard, Rules
from app.rag.sensitive import PERSONAL, SECRETS, SHAPES, Category
from tests.app.rag.guarding import PASSAGES, corpus, guarded, splits

GUARD = Guard(Rules(link_hosts=frozenset({"docs.example.org"}), redact=SECRETS + PERSONAL))
SENSITIVE = corpus("sensitive")
INSENSITIVE = corpus("insensitive")
MISSES: dict[str, int] = {"password": 3, "email": 2, "phone": 2, "ssn": 1}
"""Of each category's examples, those that no pattern of ours finds; they stand in the corpus to be counted."""


def test_the_misses_are_the_known_ones_and_no_more() -> None:
    missed = [case for case in SENSITIVE if case["secret"] in guarded(GUARD, [case["text"]])]
    assert Counter(case["category"] for case in missed) == MISSES, missed
    assert len(SENSITIVE) >= 10 * len(missed)


@pytest.mark.parametrize("case", SENSITIVE, ids=lambda case: case["category"])
def test_the_split_of_frames_changes_nothing(case: dict[str, str]) -> None:
    whole = guarded(GUARD, [case["text"]])
    assert {guarded(GUARD, parts) for parts in splits(case["text"])} | {guarded(GUARD, list(case["text"]))} == {whole}


@pytest.mark.parametrize("start", ["\u07fd", "\U00011f51"], ids=["a mark", "a digit of Unicode 15"])
def test_what_one_pattern_engine_alone_calls_part_of_a_word_changes_nothing_either(start: str) -> None:
    text = f'src=//"{start}@x.example, {start}23-45-6789 '
    whole = guarded(GUARD, [text])
    assert {guarded(GUARD, parts) for parts in splits(text)} | {guarded(GUARD, list(text))} == {whole}
    assert "@" not in whole


@pytest.mark.parametrize("text", INSENSITIVE)
def test_what_only_looks_sensitive_stays(text: str) -> None:
    assert guarded(GUARD, [text]) == text


@pytest.mark.parametrize("category", SECRETS + PERSONAL)
def test_a_category_is_cut_alone_visibly_and_counted(category: Category) -> None:
    examples = [c for c in SENSITIVE if c["category"] == category and c["secret"] not in guarded(GUARD, [c["text"]])]
    guard = Guard(Rules(redact=(category,)))
    text = guard.open(PASSAGES)
    out = text.feed(examples[0]["text"]) + text.end()
    assert SHAPES[category].replacement in out
    assert text.removed[category] == 1


def test_nothing_is_redacted_that_was_not_asked_for() -> None:
    guard = Guard(Rules(redact=SECRETS))
    assert guarded(guard, ["Call +49 30 1234567 today."]) == "Call +49 30 1234567 today."
