"""Finds, for a reader, the sentence of the cited passage that shares the most words with a statement.

This judges nothing: whether the passage supports the statement is for the verdict to say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from app.rag.citations import Citation
from app.rag.groundedness import stems

PART_END = re.compile(r"(?<=[.!?…])[\"')\u201d\u2019]*\s+|\n\s*\n|\n(?=\s*(?:[-*+•#|]|\d+[.)]\s))")
"""A sentence may run over several lines, as in PDF text; list items and table rows stand alone."""


def with_quotes(citations: Sequence[Citation], answer: str, passages: Sequence[str]) -> list[Citation]:
    """Return the citations with their place in the passage; an empty place if no sentence shares a word."""
    return [_with_quote(citation, answer, passages[citation.source]) for citation in citations]


def _with_quote(citation: Citation, answer: str, passage: str) -> Citation:
    said = stems(answer[citation.start : citation.end])
    # Among sentences that share equally many words, take the shortest.
    start, end, part = max(_parts(passage), key=lambda part: (len(said & part[2]), part[0] - part[1]))
    return replace(citation, passage_start=start, passage_end=end) if said & part else citation


@lru_cache(maxsize=512)
def _parts(passage: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    """Split a passage once for all answers that cite it."""
    return tuple((start, end, stems(passage[start:end])) for start, end in _spans(passage))


def _spans(passage: str) -> Iterator[tuple[int, int]]:
    start = 0
    for boundary in PART_END.finditer(passage):
        yield start, boundary.start() + len(boundary.group().rstrip())
        start = boundary.end()
    yield start, len(passage.rstrip())
