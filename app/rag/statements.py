"""Splits an answer into statements that can be checked, without clauses that only say that there is no answer."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from app.rag.citations import BETWEEN_STATEMENTS, MARKERS, STATEMENT_END
from app.rag.groundedness import WORD, known_words, names, stems

Span: TypeAlias = tuple[int, int]
"""Start and end in the answer, in characters."""

MAX_LEAD_IN = 2
"""Most words in a lead-in such as `In short:` or `## Summary`."""
MAX_SAYING_NOTHING = 40
"""In characters; a longer stretch of text always says something."""
LEAD_IN = re.compile(r"#|.*:[\s*_]*$", re.DOTALL)
ASSENT = re.compile(
    r"(?:\W*\b(?:yes|no|okay|ok|sure|certainly|of course|(?:in)?correct|true|false|right|wrong|sorry|thanks|thank you"
    r"|hello|ja|nein|oui|non|s\u00ed)\b)+\W*",
    re.IGNORECASE,
)
LIST_NUMBER = re.compile(r"^[ \t]*(\d{1,2})[.)][ \t]+(?=\S)", re.MULTILINE)
REFUSAL = re.compile(
    r"\b(?:documents?|passages?|sources?|context)\b[^.!?]{0,80}?\b(?:(?:do|does|did) not|(?:don|doesn|didn)['\u2019]t)"
    r"\b[^.!?]{0,20}?\b(?:answer|say|mention|contain|provide|cover|specify)"
    r"|\bI (?:do not|don't|cannot|can't|could not|couldn't) (?:know|answer|find|tell|say)\b"
    r"|\b(?:no|not enough|insufficient) information\b|\bunable to answer\b",
    re.IGNORECASE,
)
JOINT = re.compile(
    r"\s*[,;:]\s+(?:(?:and|or|nor|but|yet|so|however)\s+)?|\s*[()\u2014]\s*"
    r"|\s+(?:[-\u2013]+|and|or|nor|but|yet|so|while|whereas|because|though|although|however)\s+",
    re.IGNORECASE,
)
LISTING = frozenset({"", "and", "or", "nor"})
"""Joints, ignoring the comma, that may continue what is refused; after any other the answer says something new."""
AROUND_REFUSALS = stems(
    "I am I'm we we're afraid sorry apologize apologies regret unfortunately however therefore based according given "
    "provided available above here passages documents sources context information question answer know find more only "
    "yet"
)


def uncited_statements(answer: str, cited: Sequence[Span]) -> list[Span]:
    """Return the statements that no citation covers."""
    taken = sorted([*cited, *(marker.span() for marker in MARKERS.finditer(answer)), *_list_numbers(answer)])
    found: list[Span] = []
    place = 0
    for start, end in [*taken, (len(answer), len(answer))]:
        found += _statements(answer, place, start)
        place = max(place, end)
    return found


def _list_numbers(answer: str) -> list[Span]:
    """Return where list items are numbered: a 1, or a number that continues an earlier one."""
    counted, found = {0}, list[Span]()
    for number in LIST_NUMBER.finditer(answer):
        if int(number[1]) - 1 in counted:
            counted.add(int(number[1]))
            found.append(number.span())
    return found


def _statements(answer: str, start: int, end: int) -> list[Span]:
    ends = [boundary.end() for boundary in STATEMENT_END.finditer(answer, start, end)]
    spans = zip([start, *ends], [*ends, end], strict=True)
    return [
        (a + len(part) - len(part.lstrip(BETWEEN_STATEMENTS)), a + len(part.rstrip()))
        for a, b in spans
        if (part := answer[a:b])
    ]


def can_be_checked(statement: str) -> bool:
    """Say whether a stretch of text states anything: more than yes or no, and not just an announcement."""
    if len(statement) > MAX_SAYING_NOTHING:
        return True
    said = stems(statement)
    if not said or ASSENT.fullmatch(statement):
        return False
    return not (
        LEAD_IN.match(statement)
        and len(WORD.findall(statement)) <= MAX_LEAD_IN
        and not names(statement)
        and not any(stem[0].isdigit() for stem in said)
    )


def without_refusal(answer: str, statement: Span, question: str, passages: Sequence[str]) -> list[Span]:
    """Return the clauses of a statement that say more than that there is no answer; the whole statement if none
    refuses.

    A refusal may repeat the question's words, but no number or name that neither the question nor a passage contains.
    """
    refusals = [refusal.end() for refusal in REFUSAL.finditer(answer, *statement)]
    if not refusals:
        return [statement]
    asked, left = stems(question), list[Span]()
    known = AROUND_REFUSALS | known_words([question, *passages])
    for joint, start, end in _clauses(answer, statement):
        clause = answer[start:end]
        said = stems(clause)
        if any(start < place <= end for place in refusals):
            is_refused = known >= names(clause) | {stem for stem in said if stem[0].isdigit()}
        else:
            is_refused = said <= AROUND_REFUSALS | (asked if joint in LISTING else frozenset())
        if not is_refused:
            left.append((start, end))
    return left


def _clauses(answer: str, statement: Span) -> list[tuple[str, int, int]]:
    """Return the clauses, each with the word or mark that joins it to the previous one."""
    joints = list(JOINT.finditer(answer, *statement))
    starts = [("", statement[0]), *((joint.group().strip(" \t\r\n,").lower(), joint.end()) for joint in joints)]
    ends = [*(joint.start() for joint in joints), statement[1]]
    return [(joint, start, end) for (joint, start), end in zip(starts, ends, strict=True)]
