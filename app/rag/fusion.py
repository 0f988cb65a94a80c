"""Merging the keyword and the vector leg of a hybrid search into one ranking."""

import re
from collections.abc import Sequence
from typing import TypeVar

Key = TypeVar("Key")

VECTOR_WEIGHT = 0.3
"""Share of the vector leg; the keyword leg has the rest. Tuned on one half of XQuAD by `bench/retrieval.py`."""
LEG_LIMIT = 50
"""Candidates that each leg contributes; the scale of a leg runs from its best to its last one."""

MAX_QUERY_WORDS = 256
"""Different words of a question that the keyword leg looks up; the rest is ignored."""
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about an and are as at be been by can did do does for from had has have how i in is it its me my of on or "
        "our that the their there these they this to was we were what when where which who whom whose why will with "
        "would you your",
    )
)
"""English words that stand in any text; in a question they say what is wanted, not what about."""


def query_words(text: str) -> list[str]:
    """The words of a question in lower case, each once, without stop words unless it has no others.

    Letters, digits and underscores only: nothing that a query language takes for an operator.
    """
    words = dict.fromkeys(re.findall(r"\w+", text.lower()))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or list(words))[:MAX_QUERY_WORDS]


def relative_score(
    keyword: Sequence[tuple[Key, float]], vector: Sequence[tuple[Key, float]], vector_weight: float = VECTOR_WEIGHT
) -> list[tuple[Key, float]]:
    """Rank by the weighted sum of both legs, each scaled to 0..1; scores in 0..1, best first, ties in leg order.

    A leg is `(key, score)`, higher is better. A leg whose scores are all equal gives each of its keys full marks.
    """
    totals: dict[Key, float] = {}
    for leg, weight in ((keyword, 1 - vector_weight), (vector, vector_weight)):
        if not leg:
            continue
        lowest = min(score for _, score in leg)
        spread = max(score for _, score in leg) - lowest
        for key, score in leg:
            totals[key] = totals.get(key, 0.0) + weight * ((score - lowest) / spread if spread > 0 else 1.0)
    return sorted(totals.items(), key=lambda item: -item[1])
