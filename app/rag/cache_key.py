"""The key under which an answer is cached: it covers everything that may change the answer, so equal keys mean equal
answers.

A key is a SHA-256 digest: no question, tenant or group can be read from it.
"""

import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

from pydantic_core import to_json

from app.rag.groundedness import STOP_WORDS
from app.rag.kept_answer import FORM
from app.rag.retrieval import Question

FIRST_WORD = re.compile(r"\w+")
OPENERS = STOP_WORDS | {"please", "tell", "explain", "describe", "show", "list", "give", "why"}
"""Words that a capital letter does not change: no names, and no words that can also be names, such as `may`."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`exact` identifies one question; questions of the same `partition` differ in their words alone."""

    exact: str
    partition: str


def cache_key(question: Question, basis: str, corpus_version: str) -> CacheKey:
    """Return the key. `basis` is a hash of the service's models, index, prompt and settings."""
    scope = question.scope
    partition = _digest(
        FORM,
        basis,
        question.tenant,
        corpus_version,
        None if scope.groups is None else sorted(scope.groups),
        [sorted(tags) for tags in scope.tags],
        question.top_k,
        [(turn.role, turn.content) for turn in question.conversation],
    )
    return CacheKey(_digest(partition, normalised(question.text)), partition)


def normalised(text: str) -> str:
    """Return the question without differences that never change its meaning: spacing, the mark at its end (except that
    of a factorial), and the capital of its first word where that only opens the sentence. `polish` and `Polish` stay
    apart.
    """
    words = " ".join(unicodedata.normalize("NFC", text).split())
    bare = words.rstrip("?!. ")
    words = words.rstrip("?. ") if bare[-1:].isdigit() else bare
    return FIRST_WORD.sub(_without_capital, words, count=1)


def _without_capital(word: re.Match[str]) -> str:
    text = word[0]
    lower = text.lower()
    return lower if text == lower.capitalize() and lower in OPENERS else text


def _digest(*parts: object) -> str:
    """Hash the parts as JSON, which keeps `a`, `b` apart from `ab`."""
    return sha256(to_json(parts)).hexdigest()
