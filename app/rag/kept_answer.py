"""What is kept of an answer, and which answers are: whole ones that rest on their passages and lacked nothing."""

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
"""So many are read once for as long as they are given again and again, each as the same object; some 2 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptAnswer:
    """A finished answer. `key` is the one it is kept under: a value that came to lie elsewhere is not taken."""

    key: str
    hits: tuple[Hit, ...]
    text: str
    citations: list[Citation]
    model: str | None
    quality: Verdict
    removed: dict[str, int]

    def done(self, cached: CachedBy, timings_ms: dict[Stage, float], degraded: list[str]) -> Done:
        """Return the end of the answer as it is given to the next who asks."""
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
"""Changes with what is kept: an answer of another form is not looked for."""


def may_keep(text: str, done: Done) -> bool:
    """Whether an answer is good enough for the next who asks."""
    return (
        done.finish_reason == "stop" and done.quality.verdict == "grounded" and not done.degraded and bool(text.strip())
    )


def kept(key: str, hits: tuple[Hit, ...], text: str, done: Done) -> bytes:
    """Return what to keep of an answer."""
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
    """Return what was kept under a key; None for anything else."""
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
