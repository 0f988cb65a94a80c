"""Citations: which characters of an answer rest on which passage, read from the `[n]` markers in it."""

import re
from dataclasses import dataclass

MARKER = r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\]"
MARKERS = re.compile(rf"{MARKER}(?:\s*{MARKER})*")
STATEMENT_END = re.compile(
    r"[.!?…](?<!\b(?:Dr|Mr|Ms|St|vs)\.)(?<!\b(?:Mrs|e\.g|i\.e)\.)(?<!\bProf\.)[\"'”\u2019)]*\s+|\n+"
    r"|[\u3002\uff01\uff1f]\s*"
)
BETWEEN_STATEMENTS = " \t\r\n.,;:!?…\u3002\uff01\uff1f"


@dataclass(frozen=True, slots=True)
class Citation:
    """Characters `start` to `end` of the answer are supported by the source at index `source`, counted from 0.

    `passage_start` to `passage_end` are the characters of that passage whose words come closest; equal if there are
    none.
    """

    source: int
    start: int
    end: int
    passage_start: int = 0
    passage_end: int = 0


def find_citations(answer: str, sources: int) -> list[Citation]:
    """Return the citations in order, one for each source that a marker names; numbers beyond the last source are
    ignored.

    A cited statement begins after the previous marker or sentence and ends before its own marker.
    """
    citations: list[Citation] = []
    previous = 0
    for marker in MARKERS.finditer(answer):
        end = previous + len(answer[previous : marker.start()].rstrip())
        start = previous
        for boundary in STATEMENT_END.finditer(answer, previous, end):
            start = boundary.end() if answer[boundary.end() : end].strip(BETWEEN_STATEMENTS) else start
        while start < end and answer[start] in BETWEEN_STATEMENTS:
            start += 1
        numbers = {int(number) for number in re.findall(r"\d+", marker.group())}
        if start < end:
            citations += [Citation(number - 1, start, end) for number in sorted(numbers) if 1 <= number <= sources]
        previous = marker.end()
    return citations
