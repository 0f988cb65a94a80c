"""Merges the keyword and the vector half ("leg") of a hybrid search into one ranking."""

import re
from collections.abc import Sequence
from typing import TypeVar

Key = TypeVar("Key")

VECTOR_WEIGHT = 0.3
"""Weight of the vector leg; the keyword leg gets the rest. Tuned on one half of XQuAD with `bench/retrieval.py`."""
LEG_LIMIT = 50
"""Candidates taken from each leg; a leg's scores are scaled between its best and its last candidate."""

MAX_QUERY_WORDS = 256
"""How many different words of a question the keyword leg looks up; further ones are ignored."""
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about an and are as at be been by can did do does for from had has have how i in is it its me my of on or "
        "our that the their there these they this to was we were what when where which who whom whose why will with "
        "would you your",
    )
)
"""English words found in any text; in a question they say what kind of answer is wanted, not what it is about."""


def query_words(text: str) -> list[str]:
    """Return the distinct words of a question in lower case, without stop words unless there are no others.

    They contain only letters, digits and underscores: nothing that a query language would treat as an operator.
    """
    words = dict.fromkeys(re.findall(r"\w+", text.lower()))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or list(words))[:MAX_QUERY_WORDS]


def relative_score(
    keyword: Sequence[tuple[Key, float]], vector: Sequence[tuple[Key, float]], vector_weight: float = VECTOR_WEIGHT
) -> list[tuple[Key, float]]:
    """Rank by the weighted sum of both legs, each scaled to 0..1. Returns scores in 0..1, best first, ties in leg
    order.

    A leg is a list of `(key, score)`, higher is better. If all its scores are equal, each key gets the full weight.
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
