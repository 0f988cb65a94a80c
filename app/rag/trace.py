"""What a trace records about a request. Spans are built from it after the request is over, if it is sampled.

A request that is not sampled records nothing, and no request records anything per token.
"""

import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class StageNote:
    """One stage, on the clock of `time.monotonic`. `error` is a type's name or `cancelled`, never an error's text."""

    stage: str
    span_id: str
    started: float
    first_token: float | None = None
    ended: float | None = None
    error: str | None = None


@dataclass(slots=True)
class Trace:
    """A request's place in a trace; ids in hexadecimal, as W3C Trace Context writes them."""

    trace_id: str
    traceparent: str = ""
    """The `traceparent` to send with the current outgoing call; empty: none."""
    span_id: str = ""
    """Id of the request's own span."""
    parent_id: str = ""
    """Id of the caller's span; empty if there is none."""
    sampled: bool = False
    started: float = field(default_factory=time.monotonic)
    stages: list[StageNote] = field(default_factory=list[StageNote])
    has_words: bool = False
    """Whether the answer has begun."""
    answer_id: str = ""
    """What the answer is rated by; empty where there was none."""
    end: Any = None
    """The `Done` event, if the answer was completed."""

    def begin(self, stage: str, since: float) -> StageNote:
        """Record that a stage begins; outgoing calls from now on belong to it."""
        note = StageNote(stage, secrets.token_hex(8), since)
        self.stages.append(note)
        self._calls_belong_to(note.span_id)
        return note

    def finish(self, note: StageNote, now: float, error: str | None) -> None:
        note.ended, note.error = now, error
        self._calls_belong_to(self.span_id)

    def _calls_belong_to(self, span_id: str) -> None:
        self.traceparent = f"00-{self.trace_id}-{span_id}-01"


current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the request being served."""


def outgoing_headers() -> dict[str, str]:
    """Return the headers that let the server being called join the trace."""
    trace = current.get()
    return {"traceparent": trace.traceparent} if trace and trace.traceparent else {}
