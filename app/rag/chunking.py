"""Cutting a document into passages that the embedding model can hold whole."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

TokenSpans: TypeAlias = Callable[[str], list[tuple[int, int]]]
"""Character span of each token of a text, in order, without specials."""

MAX_TOKENS = 512
"""Of one passage, the model's specials and prefix included."""
OVERLAP_TOKENS = 50
"""At most so many tokens at the end of a passage are repeated at the start of the next one of the same section."""
MIN_BUDGET_TOKENS = 64
"""One character can be some 20 tokens for a model that normalises Unicode; a budget must hold any character."""
CHUNKER = f"sections-2/{MAX_TOKENS}/{OVERLAP_TOKENS}"
"""Part of the index identity: raise the number whenever the same document would be cut in another way."""
PIECE_CHARACTERS = 8192
"""Of a text that is tokenised at once: meanwhile a tokenizer keeps some 100 bytes a character."""

_BREAKS = (
    re.compile(r"\n[ \t]*\n\s*"),  # paragraphs
    re.compile(r"\n|(?<=[.!?\u2026])[\"')\]\u201d\u2019]*\s+|(?<=[\u3002\uff01\uff1f])"),  # lines and sentences
    re.compile(r"\s+"),  # words
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a document that no passage crosses: a page, or what stands under a heading."""

    text: str
    location: str = ""


def cut(sections: Sequence[Section], token_spans: TokenSpans, budget_tokens: int) -> Iterator[Section]:
    """Passages of at most `budget_tokens` tokens, in order, each with the location of its section."""
    for section in sections:
        for start, end in passage_spans(section.text, token_spans, budget_tokens):
            yield Section(text=section.text[start:end], location=section.location)


def passage_spans(text: str, token_spans: TokenSpans, budget_tokens: int) -> Iterator[tuple[int, int]]:
    """Character spans of the passages of one section; together they hold every character but white space.

    A passage ends with a paragraph, else a sentence, else a word if one ends in its second half, else in mid-word.
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
    """Where each token begins, four bytes a token; no token crosses the end of a piece."""
    starts = array("I")
    begin = 0
    while begin < len(text):
        end = _end_of_piece(text, begin)
        starts.extend(begin + start for start, _ in token_spans(text[begin:end]))
        begin = end
    return starts


def _end_of_piece(text: str, begin: int) -> int:
    """After the last line that fits, else after the last sentence or word of its second half, else in mid-word."""
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
    """At the first sentence, else word, that begins within the overlap; else at `end`, without overlap."""
    overlap = max(starts[max(bisect_left(starts, end) - overlap_tokens, 0)], begin + 1)
    for pattern in _BREAKS[1:]:
        for match in pattern.finditer(text, overlap, end):
            if match.end() < end:
                return match.end()
    return end
