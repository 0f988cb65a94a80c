"""The verdict on an answer: which of its statements their passages support, or that it refuses to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.rag.citations import MARKERS, Citation
from app.rag.groundedness import WORD, support
from app.rag.statements import Span, can_be_checked, uncited_statements, without_refusal

VerdictName: TypeAlias = Literal["grounded", "ungrounded", "refusal", "no_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Least share of a statement's words in a passage (`min_support`), and of such statements (`min_grounded`)."""

    min_support: float
    min_grounded: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`grounded` is the share of the `statements` that their passages support.

    It is 1 if there are none to check, and 0 for an answer without words.
    """

    verdict: VerdictName
    grounded: float = 1
    statements: int = 0
    unsupported: tuple[tuple[int, int], ...] = ()
    """Start and end of each statement in the answer that is not supported."""


def judge(
    answer: str, passages: Sequence[str], citations: Sequence[Citation], thresholds: Thresholds, question: str = ""
) -> Verdict:
    """Judge an answer by the passages it was written from. A statement that cites none may rest on any of them.

    An answer is a refusal if it says that it has no answer and otherwise only repeats the question. An answer without a
    single word is ungrounded: a model was asked and wrote that, so a second attempt or the fallback may replace it.
    """
    if not passages:
        return Verdict(verdict="no_context")

    def is_supported(part: Span, texts: Sequence[str]) -> bool:
        return support(answer[slice(*part)], texts, thresholds.min_support) >= thresholds.min_support

    checked: dict[Span, bool] = {}
    refuses = False
    for statement, texts in _with_passages(answer, passages, citations).items():
        if is_supported(statement, texts):
            checked[statement] = True
        elif (rest := without_refusal(answer, statement, question, texts)) == [statement]:
            checked[statement] = False
        else:
            refuses = True
            checked |= {clause: is_supported(clause, texts) for clause in rest}
    if refuses and not checked:
        return Verdict(verdict="refusal")
    if not checked and not WORD.search(MARKERS.sub("", answer)):
        return Verdict(verdict="ungrounded", grounded=0)
    grounded = sum(checked.values()) / len(checked) if checked else 1
    return Verdict(
        verdict="grounded" if grounded >= thresholds.min_grounded else "ungrounded",
        grounded=round(grounded, 3),
        statements=len(checked),
        unsupported=tuple(sorted(part for part, is_grounded in checked.items() if not is_grounded)),
    )


def _with_passages(answer: str, passages: Sequence[str], citations: Sequence[Citation]) -> dict[Span, Sequence[str]]:
    """Return each statement with the passages that may support it."""
    cited: dict[Span, list[str]] = {}
    for citation in citations:
        cited.setdefault((citation.start, citation.end), []).append(passages[citation.source])
    found = {**cited, **dict.fromkeys(uncited_statements(answer, list(cited)), passages)}
    return {span: texts for span, texts in found.items() if can_be_checked(answer[slice(*span)])}
