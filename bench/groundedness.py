"""Measures how well the quality verdict tells supported answers from altered or unsupported ones, and its cost.

    python -m bench.groundedness

The answers, each of about one sentence, are in groundedness.txt beside this file. One is flagged if its verdict, with
the thresholds of the default settings, is `ungrounded`.
"""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from app.rag.quality import Thresholds, judge
from app.settings import Settings

Label: TypeAlias = Literal["+", "~", "-", "?"]
NAMES: dict[Label, str] = {"+": "supported", "~": "altered", "-": "unsupported", "?": "refusing"}
WRONG: tuple[Label, ...] = ("~", "-")
SENTENCES = Path(__file__).with_suffix(".txt")
REPEATS = 20


@dataclass(frozen=True, slots=True)
class Labelled:
    passage: str
    sentence: str
    label: Label


@dataclass(frozen=True, slots=True)
class Quality:
    """How well unsupported answers are told: `precision` of the flagged ones are, `recall` of them is flagged."""

    precision: float
    recall: float
    flagged: Counter[Label]


def read() -> list[Labelled]:
    passage, found = "", list[Labelled]()
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            passage = line[2:]
        elif line[0] in NAMES:
            found.append(Labelled(passage, line[2:], line[0]))
    return found


def measure(labelled: list[Labelled], thresholds: Thresholds) -> Quality:
    flagged = [
        case for case in labelled if judge(case.sentence, [case.passage], [], thresholds).verdict == "ungrounded"
    ]
    right = sum(case.label in WRONG for case in flagged)
    wrong = sum(case.label in WRONG for case in labelled)
    return Quality(right / len(flagged), right / wrong, Counter(case.label for case in flagged))


def main() -> None:
    labelled, settings = read(), Settings()
    thresholds = Thresholds(min_support=settings.quality_min_support, min_grounded=settings.quality_min_grounded)
    result = measure(labelled, thresholds)
    total = Counter(case.label for case in labelled)
    figures = f"precision {result.precision:.3f}, recall {result.recall:.3f}"
    print(f"{len(labelled)} answers, {figures} at threshold {thresholds.min_support}")
    for label, name in NAMES.items():
        print(f"  {name:12} {result.flagged[label]:3} of {total[label]:3} flagged")
    known, new = (cost_us(labelled, thresholds, new=new) for new in (False, True))
    size = sum(len(case.passage) for case in labelled) // len(labelled)
    print(f"  {known:.0f} µs an answer, its passage being known; {new:.0f} µs with a new one, of {size} characters")


def cost_us(labelled: list[Labelled], thresholds: Thresholds, *, new: bool) -> float:
    """Return the CPU time of a verdict on one passage, which is either `new` or was analysed before."""
    started = time.process_time()
    for turn in range(REPEATS):
        for number, case in enumerate(labelled):
            passage = f"{case.passage} {turn}.{number}" if new else case.passage
            judge(case.sentence, [passage], [], thresholds)
    return (time.process_time() - started) / REPEATS / len(labelled) * 1e6


if __name__ == "__main__":
    main()
