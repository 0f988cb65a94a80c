"""Cutting text into passages, with the real tokenizer and with whatever text hypothesis thinks of."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.wordllama import WordLlamaEmbedder
from app.rag.chunking import (
    MAX_TOKENS,
    MIN_BUDGET_TOKENS,
    OVERLAP_TOKENS,
    PIECE_CHARACTERS,
    Section,
    cut,
    passage_spans,
)

TOKEN_SPANS = WordLlamaEmbedder().token_spans
SENTENCE = "The quick brown fox number {} jumps over the lazy dog. "
NASTY = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.text("a \n.\t", min_size=200, max_size=2000),
    st.text("\u0301e\u200d\U0001f469\U0001f467", min_size=100, max_size=600),
    st.lists(st.sampled_from(["word ", "end. ", "\n\n", "# Head\n", "x" * 90, "\u4f60\u597d\u3002", " " * 40])).map(
        "".join
    ),
)


def passages(text: str, budget: int = MIN_BUDGET_TOKENS) -> list[str]:
    return [text[start:end] for start, end in passage_spans(text, TOKEN_SPANS, budget)]


@settings(deadline=None, max_examples=150)
@given(NASTY)
def test_no_character_is_lost_and_no_passage_is_too_long(text: str) -> None:
    spans = list(passage_spans(text, TOKEN_SPANS, MIN_BUDGET_TOKENS))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)
    assert all(len(TOKEN_SPANS(text[start:end])) <= MIN_BUDGET_TOKENS for start, end in spans)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert spans == sorted(spans) == list(passage_spans(text, TOKEN_SPANS, MIN_BUDGET_TOKENS))


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\U0001f469\u200d\U0001f467" * 20_000, "a" + "\u0301" * 100_000, ".\"'" * 30_000, "\n" * 300_000],
    ids=["one word", "emoji", "combining", "punctuation", "empty lines"],
)
def test_a_text_without_a_place_to_cut_is_cut_all_the_same(text: str) -> None:
    pieces = passages(text, MAX_TOKENS)
    assert sum(map(len, pieces)) == len(text.strip())
    assert all(len(TOKEN_SPANS(piece)) <= MAX_TOKENS for piece in pieces)


@pytest.mark.parametrize("end", ["\n", ". ", " ", ""], ids=["lines", "sentences", "words", "one word"])
def test_a_long_text_is_tokenised_in_pieces_and_no_character_is_lost(end: str) -> None:
    sizes: list[int] = []

    def token_spans(part: str) -> list[tuple[int, int]]:
        sizes.append(len(part))
        return TOKEN_SPANS(part)

    text = "".join(f"number{n}{end}" for n in range(10_000))
    spans = list(passage_spans(text, token_spans, MAX_TOKENS))
    assert max(sizes) <= PIECE_CHARACTERS
    covered = {at for start, stop in spans for at in range(start, stop)}
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)
    assert all(len(TOKEN_SPANS(text[start:stop])) <= MAX_TOKENS for start, stop in spans)


def test_a_text_that_fits_is_one_passage() -> None:
    assert passages("  One. Two.\n\nThree.  ") == ["One. Two.\n\nThree."]


def test_passages_end_with_paragraphs_where_they_can() -> None:
    paragraphs = [(SENTENCE * 3).strip().format(n, n, n) for n in range(40)]
    assert all(piece.endswith(".") for piece in passages("\n\n".join(paragraphs), 200))
    ends = {paragraph[-60:] for paragraph in paragraphs}
    assert all(piece[-60:] in ends for piece in passages("\n\n".join(paragraphs), 200))


def test_passages_of_prose_are_nearly_full() -> None:
    pieces = passages("".join(SENTENCE.format(n) for n in range(200)), MAX_TOKENS)
    assert min(len(TOKEN_SPANS(piece)) for piece in pieces[:-1]) > MAX_TOKENS - 20


def test_a_passage_repeats_whole_sentences_of_the_one_before_within_the_overlap() -> None:
    text = "".join(SENTENCE.format(n) for n in range(200))
    pieces = passages(text, MAX_TOKENS)
    numbers = [list(map(int, re.findall(r"number (\d+)", piece))) for piece in pieces]
    for before, after in pairwise(numbers):
        shared = [SENTENCE.format(n) for n in after if n in before]
        assert 0 < len(TOKEN_SPANS("".join(shared).strip())) <= OVERLAP_TOKENS
        assert before[-1] + 1 in after


def test_sections_are_never_mixed_and_keep_their_location() -> None:
    sections = [Section(text="One.", location="page 1"), Section(text="Two.", location="page 2")]
    assert list(cut(sections, TOKEN_SPANS, MAX_TOKENS)) == sections


def test_a_budget_that_might_not_hold_one_character_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        passages("text", 10)
