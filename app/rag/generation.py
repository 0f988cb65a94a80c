"""From passages to an answer: prompt → stream → guard → citations and verdict, both judged on the guarded text."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from dataclasses import replace
from functools import partial

from app.ports import DependencyFailed, GenerationEnd, Generator, Hit, Prompt
from app.rag.citations import Citation, find_citations
from app.rag.events import Done, Token
from app.rag.guard import Guard, GuardedText
from app.rag.prompt import build_prompt
from app.rag.quality import Thresholds, Verdict, judge
from app.rag.quoting import with_quotes
from app.rag.retrieval import Question
from app.rag.run import Run

MUCH_TO_COMPARE = 20_000_000
"""Characters of an answer times those of its passages: more can take a tenth of a second, so others are not to wait."""


class Writer:
    """Writes answers from passages; holds no state between them."""

    def __init__(
        self,
        generator: Generator,
        idle_s: float,
        guard: Guard,
        thresholds: Thresholds,
        new_boundary: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._generator, self._idle_s, self._new_boundary = generator, idle_s, new_boundary
        self._guard, self._thresholds = guard, thresholds

    async def write(
        self, question: Question, passages: tuple[Hit, ...], run: Run
    ) -> AsyncGenerator[Token | Done, None]:
        """Yield Tokens and Done. Raises DependencyUnavailable at any point; closing it cancels the work."""
        prompt = build_prompt(question.text, passages, question.conversation, self._new_boundary())
        # A generator that does not read the messages needs the follow-up rewritten to stand alone.
        if question.standalone:
            prompt = replace(prompt, question=question.standalone)
        guarded = self._guard.open(passages)
        text = ""
        with run.stage("generate") as stage, closing(run.patience("generator", self._idle_s)) as patience:
            async with aclosing(self._generator.stream(prompt)) as stream:
                # A model may think for a long time before its first word, but not between two words.
                piece = await run.limit(_next(stream), "generator", run.total_s)
                while True:
                    leaving = guarded.end() if isinstance(piece, GenerationEnd) else guarded.feed(piece)
                    if leaving:
                        if not text:
                            stage.first_token()
                        text += leaving
                        yield Token(leaving)
                    if isinstance(piece, GenerationEnd):
                        break
                    with patience:
                        piece = await _next(stream)
                stage.end()
                yield await self._done(piece, text, prompt, guarded, run)

    async def _done(self, end: GenerationEnd, text: str, prompt: Prompt, guarded: GuardedText, run: Run) -> Done:
        since, judged = time.monotonic(), partial(self._judged, text, prompt)
        is_much = len(text) * sum(len(hit.chunk.text) for hit in prompt.passages) > MUCH_TO_COMPARE
        citations, verdict = await asyncio.to_thread(judged) if is_much else judged()
        run.record("quality", since)
        run.record("total", run.started)
        prompt_tokens, completion_tokens = run.with_tokens_beside(end.prompt_tokens, end.completion_tokens)
        return Done(
            finish_reason=end.finish_reason,
            citations=citations,
            model=self._generator.model,
            timings_ms=run.timings_ms,
            degraded=run.degraded,
            quality=verdict,
            removed=dict(guarded.removed),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            answer_tokens=end.completion_tokens,
            answer_prompt_tokens=end.prompt_tokens,
        )

    def _judged(self, text: str, prompt: Prompt) -> tuple[list[Citation], Verdict]:
        passages = prompt.passages
        citations = with_quotes(find_citations(text, len(passages)), text, [hit.chunk.text for hit in passages])
        texts = [f"{hit.chunk.title}\n{hit.chunk.location}\n{hit.chunk.text}" for hit in passages]
        return citations, judge(text, texts, citations, self._thresholds, prompt.question)


async def _next(stream: AsyncGenerator[str | GenerationEnd, None]) -> str | GenerationEnd:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise DependencyFailed("generator", "the answer stream broke off before its end") from None
