"""What an answer is made of, in the order in which it comes: Sources, then Tokens, then Done."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.ports import Hit
from app.rag.citations import Citation
from app.rag.quality import Verdict
from app.rag.run import Stage

FinishReason: TypeAlias = Literal["stop", "length", "no_context", "fallback"]
CachedBy: TypeAlias = Literal["exact", "semantic"]
"""The same question was answered before, or is being answered for somebody else; or one that means the same was."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages, best first; always the first event. Before the first token others may take their place."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end of an answer; `model` is None if no generator was asked."""

    finish_reason: FinishReason
    citations: list[Citation]
    model: str | None
    timings_ms: dict[Stage, float]
    degraded: list[str]
    """Optional dependencies that this answer had to do without, by role."""
    quality: Verdict
    removed: dict[str, int] = field(default_factory=dict[str, int])
    """What the guard cut out of the answer, by category, `link` for links."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """Of all that a model wrote for this answer."""
    answer_tokens: int | None = None
    """Of `completion_tokens`, those of the text itself."""
    answer_prompt_tokens: int | None = None
    """Of `prompt_tokens`, those that it was written from."""
    cached: CachedBy | None = None


Event: TypeAlias = Sources | Token | Done
