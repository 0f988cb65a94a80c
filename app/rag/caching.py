"""Answers from the cache where possible, else from the pipeline: look up → join an identical question → ask → keep.

The cache is optional: while it is away, slow or corrupt, everything works as if it were empty. An answer is only ever
reused for the same tenant, access groups and state of the documents, because these are part of its key.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Literal, TypeAlias

from app.ports import AnswerCache, DependencyTimeout, DependencyUnavailable, Hit
from app.rag.breaker import Breakers
from app.rag.cache_key import CacheKey, cache_key
from app.rag.corpus import CorpusVersions
from app.rag.events import CachedBy, Done, Event, Sources, Token
from app.rag.flight import Flight
from app.rag.kept_answer import KeptAnswer, kept, may_keep, read
from app.rag.pipeline import Pipeline
from app.rag.retrieval import Question
from app.rag.run import Run
from app.rag.similar_questions import SimilarQuestions

Use: TypeAlias = Literal["reuse", "renew", "neither"]
"""`reuse` a cached answer; ignore it but store the new answer (`renew`); or bypass the cache entirely (`neither`)."""
Outcome: TypeAlias = Literal["exact", "semantic", "joined", "miss", "bypass", "error", "not_kept"]
"""Each question counts as one of these; `not_kept` is counted besides if the cache did not accept a good answer."""
Begin: TypeAlias = Callable[[], AsyncGenerator[Event, None]]
DEPENDENCY = "cache"
CLOSE_TIMEOUT_S = 1.0


class CachedAnswers:
    """Answers questions with the same events as the pipeline. `count` is called with each question's outcome."""

    def __init__(
        self,
        pipeline: Pipeline,
        cache: AnswerCache,
        corpora: CorpusVersions,
        breakers: Breakers,
        *,
        basis: str,
        min_similarity: float | None = None,
        count: Callable[[Outcome], object] = lambda _outcome: None,
    ) -> None:
        self._pipeline, self._cache, self._corpora, self._breakers = pipeline, cache, corpora, breakers
        self._basis, self._count = basis, count
        self._similar = SimilarQuestions(cache, min_similarity) if min_similarity is not None else None
        self._flights: dict[str, Flight] = {}

    async def answer(self, question: Question, use: Use = "reuse") -> AsyncGenerator[Event, None]:
        """Yield Sources, Tokens and Done. Raises DependencyUnavailable at any point; closing the generator cancels the
        work.

        One replica does the work for equal questions once, and does not cancel it while anybody still waits for it.
        """
        source = await self._source(question, use, self._pipeline.new_run())
        async with aclosing(source.events() if isinstance(source, Replay) else source()) as events:
            async for event in events:
                yield event

    async def begin(self, question: Question, use: Use = "reuse") -> "Replay | AsyncGenerator[Event, None]":
        """Return the cached answer to exactly this question, or else the events of a new answer, which the caller must
        close.

        This takes no longer than asking the cache and the store may take. Any other work starts when the first event is
        requested.
        """
        source = await self._source(question, use, self._pipeline.new_run())
        return source if isinstance(source, Replay) else _begun(source)

    @contextmanager
    def changing(self, tenant: str) -> Generator[None]:
        """Change the tenant's documents inside the block: however it ends, no earlier answer is given afterwards.

        While the store cannot be asked for its version, that means no cached answers at all, so do not enter the block
        before something can really have been changed.
        """
        try:
            yield
        finally:
            self._corpora.forget(tenant)

    async def close(self) -> None:
        """Let answers that are being stored finish, then cancel work that nobody waits for."""
        await self._corpora.close()
        tasks = [flight.task for flight in self._flights.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _source(self, question: Question, use: Use, run: Run) -> "Replay | Begin":
        corpus = await self._corpora.of(question.tenant) if use != "neither" else None
        if corpus is None:
            self._count("bypass")
            return partial(self._pipeline.answer, question, run)
        if corpus.is_known and not corpus.is_current:
            run.degraded.append("vector_store")
        key = cache_key(question, self._basis, corpus.version)
        if use == "reuse" and corpus.is_known and (found := await self._look_up(key, run)):
            self._count("exact")
            return Replay(found, run, "exact")
        return partial(self._shared, question, key, run, use, is_kept=corpus.is_known)

    def _shared(
        self, question: Question, key: CacheKey, run: Run, use: Use, *, is_kept: bool
    ) -> AsyncGenerator[Event, None]:
        """Return the events of an answer computed once for all who ask meanwhile. The caller must read them at once."""
        if use == "reuse" and (flight := self._under_way(key.exact)):
            self._count("joined")
            fresh = self._fresh(question, key, run) if is_kept else self._pipeline.answer(question, run)
            return self._joined(flight, key.exact, run, fresh)
        if is_kept:
            return self._take_off(key.exact, self._made(question, key, run, use), run).follow()
        self._count("error")
        return self._take_off(key.exact, self._pipeline.answer(question, run), run).follow()

    def _under_way(self, key: str) -> Flight | None:
        flight = self._flights.get(key)
        return flight if flight and not flight.is_abandoned else None

    async def _joined(
        self, flight: Flight, key: str, run: Run, fresh: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of somebody else's answer; if their time runs out before its first word, of another one."""
        try:
            async with aclosing(_followed(flight, run)) as events:
                async for event in events:
                    yield event
                return
        except DependencyTimeout:
            if "first_token" in run.timings_ms or not flight.is_overdue or not run.left_s():
                raise
        other = self._under_way(key)
        again = self._joined(other, key, run, fresh) if other else self._take_off(key, fresh, run).follow()
        async with aclosing(again):
            async for event in again:
                yield event

    def _take_off(self, key: str, events: AsyncGenerator[Event, None], run: Run) -> Flight:
        flight = self._flights[key] = Flight(events, run)

        def land(_task: asyncio.Task[None]) -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]

        flight.task.add_done_callback(land)
        return flight

    async def _look_up(self, key: CacheKey, run: Run) -> KeptAnswer | None:
        try:
            with run.stage("cache"), self._breakers.watching(DEPENDENCY):
                value = await self._cache.get(key.exact)
        except DependencyUnavailable:
            run.degraded.append(DEPENDENCY)
            return None
        return read(value, key.exact) if value else None

    async def _latest(self, similar: SimilarQuestions, key: CacheKey, run: Run) -> list[bytes]:
        if DEPENDENCY in run.degraded:
            return []
        try:
            with self._breakers.watching(DEPENDENCY):
                return await similar.latest(key.partition)
        except DependencyUnavailable:
            run.degraded.append(DEPENDENCY)
            return []

    async def _look_up_similar(
        self, similar: SimilarQuestions, question: Question, key: CacheKey, run: Run
    ) -> tuple[Question, KeptAnswer | None]:
        """Return the question with its vector, and the cached answer to a similar question if there is one.

        The latest questions are fetched while the vector is being computed.
        """
        fetching = asyncio.create_task(self._latest(similar, key, run))
        try:
            vector = await self._pipeline.embed(question, run)
            other = similar.find(await fetching, question.text, vector)
        finally:
            fetching.cancel()
        found = await self._look_up(CacheKey(other, key.partition), run) if other else None
        return replace(question, vector=vector), found

    async def _made(self, question: Question, key: CacheKey, run: Run, use: Use) -> AsyncGenerator[Event, None]:
        """Yield the cached answer to the same question in other words if there is one, else a fresh answer."""
        found = None
        if self._similar and not question.conversation:
            if use == "reuse":
                question, found = await self._look_up_similar(self._similar, question, key, run)
            else:
                question = replace(question, vector=await self._pipeline.embed(question, run))
        if found:
            self._count("semantic")
            events = Replay(found, run, "semantic").events()
        else:
            self._count("bypass" if use == "renew" else "error" if DEPENDENCY in run.degraded else "miss")
            events = self._fresh(question, key, run)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _fresh(self, question: Question, key: CacheKey, run: Run) -> AsyncGenerator[Event, None]:
        """Yield the pipeline's events, then store the answer if it is good enough."""
        hits: tuple[Hit, ...] = ()
        text = ""
        async with aclosing(self._pipeline.answer(question, run)) as events:
            async for event in events:
                yield event
                match event:
                    case Sources():
                        hits = event.hits
                    case Token():
                        text += event.text
                    case Done() if may_keep(text, event):
                        await self._keep(question, key, kept(key.exact, hits, text, event))
                    case Done():
                        pass

    async def _keep(self, question: Question, key: CacheKey, value: bytes) -> None:
        try:
            with self._breakers.watching(DEPENDENCY):
                await self._cache.put(key.exact, value)
                if self._similar and question.vector is not None:
                    await self._similar.add(key, question.text, question.vector)
        except DependencyUnavailable:
            self._count("not_kept")


async def _begun(begin: Begin) -> AsyncGenerator[Event, None]:
    """Start only when the first event is requested, so that a generator closed unread has cost nothing."""
    async with aclosing(begin()) as events:
        async for event in events:
            yield event


class Replay:
    """A cached answer given again: as a whole (`found` and `done`), or as events."""

    def __init__(self, found: KeptAnswer, run: Run, cached: CachedBy) -> None:
        run.record("first_token", run.started)
        run.record("total", run.started)
        self.found = found
        self.done = found.done(cached, run.timings_ms, run.degraded)

    async def events(self) -> AsyncGenerator[Event, None]:
        yield Sources(self.found.hits)
        yield Token(self.found.text)
        yield self.done


async def _followed(flight: Flight, run: Run) -> AsyncGenerator[Event, None]:
    """Yield the events of somebody else's answer, with this request's own timings and no tokens charged to it."""
    async with aclosing(flight.follow()) as events:
        async for event in events:
            match event:
                case Token() if "first_token" not in run.timings_ms:
                    run.record("first_token", run.started)
                    yield event
                case Done():
                    run.record("total", run.started)
                    yield replace(
                        event,
                        timings_ms=run.timings_ms,
                        degraded=sorted({*event.degraded, *run.degraded}),
                        prompt_tokens=0,
                        completion_tokens=0,
                        cached=event.cached or "exact",
                    )
                case _:
                    yield event
