"""The verdict on an answer: which of its statements rest on the passages they cite, or that it refuses to answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.rag.citations import BETWEEN_STATEMENTS, MARKERS, STATEMENT_END, Citation
from app.rag.groundedness import support

VerdictName: TypeAlias = Literal["grounded", "ungrounded", "refusal", "no_context"]
REFUSAL = re.compile(
    r"\b(?:documents?|passages?|sources?|context)\b[^.!?]{0,80}?\b(?:(?:do|does|did) not|(?:don|doesn|didn)['\u2019]t)"
    r"\b[^.!?]{0,20}?\b(?:answer|say|mention|contain|provide|cover|specify)"
    r"|\bI (?:do not|don't|cannot|can't|could not|couldn't) (?:know|answer|find|tell|say)\b"
    r"|\b(?:no|not enough|insufficient) information\b|\bunable to answer\b",
    re.IGNORECASE,
)
MIN_WORDS = 3
"""A shorter stretch (`Yes.`, `In short:`) states nothing that could be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """`min_support`: share of a statement's words that a passage must have. `min_grounded`: share of the statements."""

    min_support: float
    min_grounded: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`grounded` is the share of `statements` that rest on their passages, 1 if there are none to check."""

    verdict: VerdictName
    grounded: float = 1
    statements: int = 0
    unsupported: tuple[tuple[int, int], ...] = ()
    """Characters, start and end, of each statement that does not."""


def judge(answer: str, passages: Sequence[str], citations: Sequence[Citation], thresholds: Thresholds) -> Verdict:
    """Judge an answer by the passages it was written from; a statement that cites none may rest on any of them."""
    if not passages:
        return Verdict(verdict="no_context")
    if not citations and REFUSAL.search(answer):
        return Verdict(verdict="refusal")
    cited: dict[tuple[int, int], list[str]] = {}
    for citation in citations:
        cited.setdefault((citation.start, citation.end), []).append(passages[citation.source])
    for span in _uncited(answer, list(cited)):
        cited[span] = list(passages)
    unsupported = sorted(
        span for span, texts in cited.items() if support(answer[slice(*span)], texts) < thresholds.min_support
    )
    grounded = 1 - len(unsupported) / len(cited) if cited else 1
    return Verdict(
        verdict="grounded" if grounded >= thresholds.min_grounded else "ungrounded",
        grounded=round(grounded, 3),
        statements=len(cited),
        unsupported=tuple(unsupported),
    )


def _uncited(answer: str, cited: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the statements that no citation covers."""
    taken = sorted([*cited, *(marker.span() for marker in MARKERS.finditer(answer))])
    found: list[tuple[int, int]] = []
    place = 0
    for start, end in [*taken, (len(answer), len(answer))]:
        found += _statements(answer, place, start)
        place = max(place, end)
    return found


def _statements(answer: str, start: int, end: int) -> list[tuple[int, int]]:
    ends = [boundary.end() for boundary in STATEMENT_END.finditer(answer, start, end)]
    spans = zip([start, *ends], [*ends, end], strict=True)
    return [
        (a + len(part) - len(part.lstrip(BETWEEN_STATEMENTS)), a + len(part.rstrip()))
        for a, b in spans
        if len((part := answer[a:b]).split()) >= MIN_WORDS
    ]
