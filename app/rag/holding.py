"""Answers that leave only after their verdict: one that its passages do not support is written anew or not sent.

Nothing leaves before the verdict, so the time to the first token is that of the whole answer, or of two.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from app.ports import DependencyUnavailable
from app.rag.events import Done, Event, Sources, Token
from app.rag.retrieval import Question
from app.rag.run import Run

WIDER = 2
"""The second search takes so many times the passages of the first."""
FALLBACK = "I found no answer that the documents clearly support; what comes closest is listed as sources."


async def held(attempt: Callable[[Question], AsyncGenerator[Event, None]], question: Question, run: Run) -> list[Event]:
    """Return the events of an answer that its passages support, of a refusal, or of the fallback.

    Raises DependencyUnavailable if the first attempt does; when the second one fails, there is the fallback.
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
    """Keep the sources and the verdict, without places in a text that nobody sees; say that there is no answer."""
    sources, done = [event for event in events if isinstance(event, Sources)], _done(events)
    done = replace(done, finish_reason="fallback", citations=[], quality=replace(done.quality, unsupported=()))
    return [*sources, Token(FALLBACK), done]


def _with_tokens_of(done: Done, other: Done) -> Done:
    """Count what both attempts cost."""

    def total(one: int | None, two: int | None) -> int | None:
        return None if one is None or two is None else one + two

    return replace(
        done,
        prompt_tokens=total(done.prompt_tokens, other.prompt_tokens),
        completion_tokens=total(done.completion_tokens, other.completion_tokens),
    )
