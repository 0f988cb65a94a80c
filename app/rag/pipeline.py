"""The answer path: embed → search → select → prompt → stream → citations. Pure: it knows ports, not systems."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from app.ports import DependencyUnavailable, Embedder, GenerationEnd, Generator, Hit, Message, Prompt, VectorStore
from app.rag.citations import find_citations
from app.rag.events import Done, Event, Sources, Token
from app.rag.prompt import build_prompt
from app.rag.stopwatch import Deadlines, Stopwatch

NO_CONTEXT = "I found nothing in the documents about this, so I have no answer."
OVER_FETCH = 2
"""Passages fetched for each one wanted, so that repeated text can be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, in which tenant, with how many passages and after which conversation."""

    tenant: str
    text: str
    top_k: int
    conversation: tuple[Message, ...] = ()


class Pipeline:
    """Answers questions of any tenant; holds no state between them."""

    def __init__(
        self,
        embedder: Embedder,
        store: VectorStore,
        generator: Generator,
        deadlines: Deadlines,
        new_boundary: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._embedder, self._store, self._generator = embedder, store, generator
        self._deadlines, self._new_boundary = deadlines, new_boundary

    def stopwatch(self) -> Stopwatch:
        """Start the clock of a request."""
        return Stopwatch(self._deadlines.total_s)

    async def retrieve(self, question: Question, watch: Stopwatch) -> tuple[Hit, ...]:
        """Return the best passages, each text once. Raises DependencyUnavailable."""
        limit_s = self._deadlines.retrieval_s
        since = time.monotonic()
        vector = await watch.limit(self._embedder.embed_query(question.text), "embedder", limit_s)
        watch.record("embed", since)
        since = time.monotonic()
        search = self._store.search(question.tenant, question.text, vector, question.top_k * OVER_FETCH)
        hits = await watch.limit(search, "vector_store", limit_s)
        watch.record("search", since)
        return select(hits, question.top_k)

    async def answer(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield Sources, Tokens and Done. Raises DependencyUnavailable at any point; closing it cancels the work."""
        watch = self.stopwatch()
        hits = await self.retrieve(question, watch)
        yield Sources(hits)
        if not hits:
            yield Token(NO_CONTEXT)
            watch.record("total", watch.started)
            yield Done(finish_reason="no_context", citations=[], model=None, timings_ms=watch.timings_ms)
            return
        prompt = build_prompt(question.text, hits, question.conversation, self._new_boundary())
        async with aclosing(self._generate(prompt, watch)) as generation:
            async for event in generation:
                yield event

    async def _generate(self, prompt: Prompt, watch: Stopwatch) -> AsyncGenerator[Token | Done, None]:
        text = ""
        since = time.monotonic()
        idle_s = self._deadlines.total_s  # a model may think long before its first word, never between two
        async with aclosing(self._generator.stream(prompt)) as stream:
            while not isinstance(piece := await watch.limit(_next(stream), "generator", idle_s), GenerationEnd):
                if not text:
                    watch.record("first_token", watch.started)
                idle_s = self._deadlines.idle_s
                text += piece
                yield Token(piece)
        watch.record("generate", since)
        watch.record("total", watch.started)
        yield Done(
            finish_reason=piece.finish_reason,
            citations=find_citations(text, len(prompt.passages)),
            model=self._generator.model,
            timings_ms=watch.timings_ms,
            prompt_tokens=piece.prompt_tokens,
            completion_tokens=piece.completion_tokens,
        )


async def _next(stream: AsyncGenerator[str | GenerationEnd, None]) -> str | GenerationEnd:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise DependencyUnavailable("generator", "the answer stream broke off before its end") from None


def select(hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    """Return at most `limit` hits in the order given, each text once: a copied document is no second witness."""
    first_of_text = {hit.chunk.text: hit for hit in reversed(hits)}
    return tuple(hit for hit in hits if first_of_text[hit.chunk.text] is hit)[:limit]
