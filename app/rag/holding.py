"""The `hold` mode: an answer leaves only after its verdict, and one that its passages do not support is retried or
withheld.

The price: the time to the first token becomes that of the whole answer, or of two.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from app.ports import DependencyUnavailable
from app.rag.events import Done, Event, Sources, Token
from app.rag.retrieval import Question
from app.rag.run import Run

WIDER = 2
"""The second search retrieves this many times as many passages as the first."""
FALLBACK = "I found no answer that the documents clearly support; what comes closest is listed as sources."


async def held(attempt: Callable[[Question], AsyncGenerator[Event, None]], question: Question, run: Run) -> list[Event]:
    """Return the events of a supported answer, of a refusal, or of the fallback answer.

    Raises DependencyUnavailable if the first attempt does; if the second attempt fails, returns the fallback answer.
    """
    events = first = await _whole(attempt, question)
    if _done(first).quality.verdict == "ungrounded":
        try:
            events = await _whole(attempt, replace(question, top_k=question.top_k * WIDER))
        except DependencyUnavailable:
            events = _withheld(first)
        else:
            events = _withheld(events) if _done(events).quality.verdict == "ungrounded" else events
            events[-1] = _with_tokens_of(_done(events), _done(first))
    run.record("first_token", run.started)
    run.record("total", run.started)
    return events


async def _whole(attempt: Callable[[Question], AsyncGenerator[Event, None]], question: Question) -> list[Event]:
    async with aclosing(attempt(question)) as events:
        return [event async for event in events]


def _done(events: list[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done), "an attempt ends with Done or raises"  # noqa: S101
    return last


def _withheld(events: list[Event]) -> list[Event]:
    """Replace the text by the fallback; keep the sources and the verdict, without positions in the withheld text."""
    sources, done = [event for event in events if isinstance(event, Sources)], _done(events)
    done = replace(done, finish_reason="fallback", citations=[], quality=replace(done.quality, unsupported=()))
    return [*sources, Token(FALLBACK), done]


def _with_tokens_of(done: Done, other: Done) -> Done:
    """Add up the tokens of both attempts."""

    def total(one: int | None, two: int | None) -> int | None:
        return None if one is None or two is None else one + two

    return replace(
        done,
        prompt_tokens=total(done.prompt_tokens, other.prompt_tokens),
        completion_tokens=total(done.completion_tokens, other.completion_tokens),
    )
