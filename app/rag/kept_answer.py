"""The cached form of an answer, and which answers qualify: complete, grounded in their passages and not degraded."""

import json
from dataclasses import dataclass
from hashlib import sha256

from pydantic import TypeAdapter, ValidationError

from app.ports import Hit
from app.rag.citations import Citation
from app.rag.events import CachedBy, Done
from app.rag.quality import Verdict
from app.rag.run import Stage

HOT_ANSWERS = 128
"""How many answers stay parsed in memory while they are asked for repeatedly; some 2 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptAnswer:
    """A finished answer. `key` is the key it was stored under: a value found under any other key is rejected."""

    key: str
    hits: tuple[Hit, ...]
    text: str
    citations: list[Citation]
    model: str | None
    quality: Verdict
    removed: dict[str, int]

    def done(self, cached: CachedBy, timings_ms: dict[Stage, float], degraded: list[str]) -> Done:
        """Return the end of the answer for the next person who asks."""
        return Done(
            finish_reason="stop",
            citations=list(self.citations),
            model=self.model,
            timings_ms=timings_ms,
            degraded=degraded,
            quality=self.quality,
            removed=dict(self.removed),
            prompt_tokens=0,
            completion_tokens=0,
            cached=cached,
        )


_FORM = TypeAdapter(KeptAnswer)
FORM = sha256(json.dumps(_FORM.json_schema()).encode()).hexdigest()
"""A hash of the stored form and part of every key, so that answers of an older form are never looked up."""


def may_keep(text: str, done: Done) -> bool:
    """Whether an answer is good enough to be given again."""
    return (
        done.finish_reason == "stop" and done.quality.verdict == "grounded" and not done.degraded and bool(text.strip())
    )


def kept(key: str, hits: tuple[Hit, ...], text: str, done: Done) -> bytes:
    """Return the answer in its stored form."""
    return _FORM.dump_json(
        KeptAnswer(
            key=key,
            hits=hits,
            text=text,
            citations=done.citations,
            model=done.model,
            quality=done.quality,
            removed=done.removed,
        )
    )


_hot: dict[str, tuple[bytes, KeptAnswer]] = {}


def read(value: bytes, key: str) -> KeptAnswer | None:
    """Return the answer stored under a key; None if the value is anything else."""
    if (hot := _hot.get(key)) and hot[0] == value:
        return hot[1]
    try:
        answer = _FORM.validate_json(value)
    except ValidationError:
        return None
    if answer.key != key:
        return None
    _hot[key] = value, answer
    if len(_hot) > HOT_ANSWERS:
        del _hot[next(iter(_hot))]
    return answer
