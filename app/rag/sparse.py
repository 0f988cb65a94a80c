"""Sparse word vectors for stores without a full-text search of their own: the part of BM25 that depends on the passage
alone.

A word's dimension is a hash of its singular. The other part, how rare the word is, the store adds.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from app.rag.fusion import query_words

SATURATION = 1.2
LENGTH_SHARE = 0.75
"""BM25's k1 and b, at their usual values."""
MEAN_WORDS = 256
"""Assumed mean length of a passage with its title; it scales the penalty for long passages."""
TITLE_WEIGHT = 4
"""How much a word in a title counts, as in the embedded store."""
_SHORTEST_PLURAL = 4


class SparseVector(NamedTuple):
    """`values[n]` is the weight in dimension `indices[n]`, out of 2³². Indices are ascending and unique."""

    indices: list[int]
    values: list[float]


def passage_vector(title: str, text: str) -> SparseVector:
    """Return the saturated frequency (BM25) of each word."""
    counts = Counter(_dimensions(text))
    for dimension in _dimensions(title):
        counts[dimension] += TITLE_WEIGHT
    length = 1 - LENGTH_SHARE + LENGTH_SHARE * counts.total() / MEAN_WORDS
    weights = {
        dimension: count * (SATURATION + 1) / (count + SATURATION * length) for dimension, count in counts.items()
    }
    return _sorted(weights)


def question_vector(text: str) -> SparseVector:
    """Return weight 1 for each meaningful word; empty if the question has no words."""
    return _sorted({_dimension(word): 1.0 for word in query_words(text)})


def counted_words(title: str, text: str) -> str:
    """Return a passage's words for a store that counts words itself; as above, each word of the title four times."""
    return " ".join(map(singular, [*TITLE_WEIGHT * _words(title), *_words(text)]))


def asked_words(text: str) -> str:
    """Return a question's meaningful words in the same form; empty if there are none."""
    return " ".join(map(singular, query_words(text)))


def singular(word: str) -> str:
    """Return an English word without its plural ending, by Harman's three rules; the result need not be a real word."""
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _dimensions(text: str) -> Iterable[int]:
    return map(_dimension, _words(text))


def _dimension(word: str) -> int:
    return crc32(singular(word).encode())


def _sorted(weights: dict[int, float]) -> SparseVector:
    indices = sorted(weights)
    return SparseVector(indices, [weights[index] for index in indices])
