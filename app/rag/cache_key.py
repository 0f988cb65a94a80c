"""Under which key an answer is kept: everything that may change it, so that equal keys mean equal answers.

A key is a SHA-256: no question, tenant or group can be read from it.
"""

import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

from pydantic_core import to_json

from app.rag.kept_answer import FORM
from app.rag.retrieval import Question

WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`exact` is of one question; questions of one `partition` differ in their words alone."""

    exact: str
    partition: str


def cache_key(question: Question, basis: str, corpus_version: str) -> CacheKey:
    """Return the key. `basis` stands for the models, the index, the prompt and the settings of this service."""
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
    """Return the words of a question without what never changes an answer: spacing, the mark at its end, and case but
    that of abbreviations: `IT` is not `it`.
    """
    words = unicodedata.normalize("NFC", text).strip().rstrip("?!. ").split()
    return WORD.sub(_without_case, " ".join(words))


def _without_case(word: re.Match[str]) -> str:
    text = word[0]
    return text if len(text) > 1 and text.isupper() else text.casefold()


def _digest(*parts: object) -> str:
    """JSON keeps apart what joined text would not: `a`, `b` from `ab`."""
    return sha256(to_json(parts)).hexdigest()
