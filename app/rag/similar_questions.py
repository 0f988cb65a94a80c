"""Finds a cached answer to the same question in other words: close enough, and with nothing that sets the two apart.

Similarity alone is not enough: to an embedding, "the pay of 2023" and "the pay of 2024" are almost the same question.
So numbers, names, negations, opposites and the kind of question must agree too; docs/decisions/semantic-cache.md has
the figures.
"""

import re
from collections.abc import Sequence

import numpy as np

from app.ports import AnswerCache, Vector
from app.rag.cache_key import CacheKey
from app.rag.groundedness import WORD, differ, stems

KEY_CHARS = 64
"""Length of a SHA-256 in hexadecimal."""
KINDS = re.compile(r"\b(who|whom|whose|when|where|why|how (?:many|much|long|often|far|fast|big)|how)\b", re.IGNORECASE)
LIMITS = re.compile(r"\b(except|unless|excluding|besides|only|other than)\b", re.IGNORECASE)

LIGHT = stems(
    "find get got happen happens reason please use used using much many long often fast quickly our my me not"
)
"""Words that vary between ways of asking the same thing; all other words must occur in both questions."""


class SimilarQuestions:
    """Remembers the latest questions of each cache partition with their vectors. Raises what the cache raises."""

    def __init__(self, cache: AnswerCache, min_similarity: float) -> None:
        self._cache, self._min_similarity = cache, min_similarity

    async def latest(self, partition: str) -> list[bytes]:
        """Return the remembered questions of a partition."""
        return await self._cache.latest(partition)

    def find(self, latest: Sequence[bytes], text: str, vector: Vector) -> str | None:
        """Return the key of the most similar question that asks the same; `vector` has unit length."""
        width = KEY_CHARS + 2 * len(vector)
        entries = [entry for entry in latest if len(entry) >= width]
        if not entries or not vector.any():
            return None
        packed = b"".join(entry[KEY_CHARS:width] for entry in entries)
        similarities = np.frombuffer(packed, np.float16).reshape(len(entries), -1).astype(np.float32) @ vector
        order: list[int] = np.argsort(-similarities).tolist()
        for place in order:
            if not similarities[place] >= self._min_similarity:  # also false for NaN
                return None
            entry = entries[place]
            if ask_the_same(text, entry[width:].decode(errors="replace")):
                return entry[:KEY_CHARS].decode(errors="replace")
        return None

    async def add(self, key: CacheKey, text: str, vector: Vector) -> None:
        await self._cache.add(key.partition, key.exact.encode() + vector.astype(np.float16).tobytes() + text.encode())


def ask_the_same(one: str, other: str) -> bool:
    """Whether two questions that are already similar ask the same thing, as far as their words can tell."""
    return not differ(one, other) and _marks(one) == _marks(other)


def _marks(text: str) -> tuple[object, ...]:
    """Return what must be equal: kind of question, limiting words, meaningful words, and names and numbers in order."""
    _, *later = words = WORD.findall(text) or [""]
    return (
        {word.lower() for word in KINDS.findall(text)},
        {word.lower() for word in LIMITS.findall(text)},
        stems(text) - LIGHT,
        [word.lower() for word in words if (word in later and word[0].isupper()) or any(map(str.isdigit, word))],
    )
