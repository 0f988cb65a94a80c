"""Cuts a document into passages that the embedding model can take as a whole."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

TokenSpans: TypeAlias = Callable[[str], list[tuple[int, int]]]
"""Character span of each token of a text, in order, without specials."""

MAX_TOKENS = 512
"""The size of one passage, including the model's special tokens and prefix."""
OVERLAP_TOKENS = 50
"""At most this many tokens from the end of a passage are repeated at the start of the next one in the same section."""
MIN_BUDGET_TOKENS = 64
"""A model that normalises Unicode can need some 20 tokens for a single character; a budget must fit any character."""
CHUNKER = f"sections-2/{MAX_TOKENS}/{OVERLAP_TOKENS}"
"""Part of the index identity. Raise the number whenever the same document would be cut differently."""
PIECE_CHARACTERS = 8192
"""How much text is tokenised at once; a tokenizer needs some 100 bytes of memory for each character meanwhile."""

_BREAKS = (
    re.compile(r"\n[ \t]*\n\s*"),  # paragraphs
    re.compile(r"\n|(?<=[.!?\u2026])[\"')\]\u201d\u2019]*\s+|(?<=[\u3002\uff01\uff1f])"),  # lines and sentences
    re.compile(r"\s+"),  # words
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a document whose boundaries no passage crosses: a page, or the text under a heading."""

    text: str
    location: str = ""


def cut(sections: Sequence[Section], token_spans: TokenSpans, budget_tokens: int) -> Iterator[Section]:
    """Yield passages of at most `budget_tokens` tokens, in order, each with the location of its section."""
    for section in sections:
        for start, end in passage_spans(section.text, token_spans, budget_tokens):
            yield Section(text=section.text[start:end], location=section.location)


def passage_spans(text: str, token_spans: TokenSpans, budget_tokens: int) -> Iterator[tuple[int, int]]:
    """Yield the character spans of one section's passages; together they cover every character except white space.

    A passage ends at a paragraph, else at a sentence, else at a word if one ends in its second half, else in mid-word.
    """
    if budget_tokens < MIN_BUDGET_TOKENS:
        raise ValueError(f"budget_tokens is {budget_tokens}: a passage needs room for at least {MIN_BUDGET_TOKENS}.")
    starts = _token_starts(text, token_spans)
    begin = 0
    while begin < len(text):
        end = _end_of_passage(text, token_spans, begin, starts, budget_tokens)
        passage = text[begin:end]
        if passage.strip():
            yield end - len(passage.lstrip()), begin + len(passage.rstrip())
        overlap_tokens = min(OVERLAP_TOKENS, budget_tokens // 8)
        begin = end if end == len(text) else _begin_of_next(text, begin, end, starts, overlap_tokens)


def _token_starts(text: str, token_spans: TokenSpans) -> Sequence[int]:
    """Return where each token begins, in four bytes each. The text is tokenised in pieces, which no token crosses."""
    starts = array("I")
    begin = 0
    while begin < len(text):
        end = _end_of_piece(text, begin)
        starts.extend(begin + start for start, _ in token_spans(text[begin:end]))
        begin = end
    return starts


def _end_of_piece(text: str, begin: int) -> int:
    """End after the last whole line that fits, else after a sentence or word of the second half, else in mid-word."""
    limit = begin + PIECE_CHARACTERS
    if limit >= len(text):
        return len(text)
    line_end = text.rfind("\n", begin, limit) + 1
    return line_end or _best_break(text, begin, limit)


def _end_of_passage(text: str, token_spans: TokenSpans, begin: int, starts: Sequence[int], budget_tokens: int) -> int:
    first = bisect_left(starts, begin)
    tokens = budget_tokens
    while True:
        after = max(first + tokens, bisect_right(starts, begin))
        end = _best_break(text, begin, starts[after]) if after < len(starts) else len(text)
        # On its own a passage can have a few more tokens than it had inside the text.
        excess = len(token_spans(text[begin:end].strip())) - budget_tokens
        if excess <= 0 or tokens <= 1:
            return end
        tokens = bisect_left(starts, end) - first - excess


def _best_break(text: str, begin: int, limit: int) -> int:
    middle = (begin + limit + 1) // 2
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, middle, limit)]
        if ends:
            return ends[-1]
    return limit


def _begin_of_next(text: str, begin: int, end: int, starts: Sequence[int], overlap_tokens: int) -> int:
    """Begin at the first sentence, else word, that starts within the overlap; else at `end`, without an overlap."""
    overlap = max(starts[max(bisect_left(starts, end) - overlap_tokens, 0)], begin + 1)
    for pattern in _BREAKS[1:]:
        for match in pattern.finditer(text, overlap, end):
            if match.end() < end:
                return match.end()
    return end
