"""The events that make up an answer, in order: Sources, then Tokens, then Done."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.ports import Hit
from app.rag.citations import Citation
from app.rag.quality import Verdict
from app.rag.run import Stage

FinishReason: TypeAlias = Literal["stop", "length", "no_context", "fallback"]
CachedBy: TypeAlias = Literal["exact", "semantic"]
"""`exact`: the same question was, or is being, answered for somebody else. `semantic`: one that means the same was."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages, best first; always the first event. Another Sources event may replace it until the first token."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end of an answer. `model` is None if no generator was asked."""

    finish_reason: FinishReason
    citations: list[Citation]
    model: str | None
    timings_ms: dict[Stage, float]
    degraded: list[str]
    """Optional dependencies that this answer had to do without, by role."""
    quality: Verdict
    removed: dict[str, int] = field(default_factory=dict[str, int])
    """How much the guard cut out of the answer, by category; `link` counts links."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """All tokens that models generated for this answer, rewriting included."""
    answer_tokens: int | None = None
    """The part of `completion_tokens` that belongs to the answer's text."""
    answer_prompt_tokens: int | None = None
    """The part of `prompt_tokens` that the answer was written from."""
    cached: CachedBy | None = None


Event: TypeAlias = Sources | Token | Done
