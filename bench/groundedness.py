"""How well the quality verdict tells supported sentences from altered and unsupported ones, and what a sentence costs.

    python -m bench.groundedness

The sentences are in groundedness.txt beside this file. A sentence is flagged when its support stays below the
threshold of the default settings.
"""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from app.rag.groundedness import support
from app.settings import Settings

Label: TypeAlias = Literal["+", "~", "-"]
NAMES: dict[Label, str] = {"+": "supported", "~": "altered", "-": "unsupported"}
SENTENCES = Path(__file__).with_suffix(".txt")
REPEATS = 20


@dataclass(frozen=True, slots=True)
class Labelled:
    passage: str
    sentence: str
    label: Label


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the sentences that are not supported: which share of those flagged is right, and which share is flagged."""

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


def measure(labelled: list[Labelled], threshold: float) -> Quality:
    flagged = [case for case in labelled if support(case.sentence, [case.passage]) < threshold]
    right = sum(case.label != "+" for case in flagged)
    wrong = sum(case.label != "+" for case in labelled)
    return Quality(right / len(flagged), right / wrong, Counter(case.label for case in flagged))


def main() -> None:
    labelled, threshold = read(), Settings().quality_min_support
    result = measure(labelled, threshold)
    total = Counter(case.label for case in labelled)
    figures = f"precision {result.precision:.3f}, recall {result.recall:.3f}"
    print(f"{len(labelled)} sentences, {figures} at threshold {threshold}")
    for label, name in NAMES.items():
        print(f"  {name:12} {result.flagged[label]:3} of {total[label]:3} flagged")
    started = time.process_time()
    for _ in range(REPEATS):
        measure(labelled, threshold)
    microseconds = (time.process_time() - started) / REPEATS / len(labelled) * 1e6
    print(f"  {microseconds:.0f} µs a sentence, its passage being known")


if __name__ == "__main__":
    main()
