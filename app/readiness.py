"""Whether this replica can take requests, and which of its dependencies are away.

Dependencies are checked in the background, never by the probe itself: a probe that waited for a hanging dependency
would fail, and Kubernetes would take away replicas that can still answer.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

from app.composition import Adapters
from app.ports import (
    AnswerCache,
    DependencyUnavailable,
    Generator,
    Health,
    IndexIdentity,
    IndexMismatch,
    Reranker,
    ServiceError,
    VectorStore,
)
from app.rag.breaker import Breakers
from app.telemetry.metrics import Metrics

log = logging.getLogger("ragspan.readiness")

Phase: TypeAlias = Literal["starting", "ready", "index_mismatch", "draining"]
CHECK_INTERVAL_S = 10.0
OPEN_AGAIN_S = (1.0, 1.0, 2.0, 4.0, 8.0)
"""Pauses between the first attempts to open the index: a replica often starts just before its store."""
CHECK_TIMEOUT_S = 3.0
NOT_OPEN = Health(ok=False, detail="the index is not open")
OPEN_TIMEOUT_S = 10.0
"""Longer than a check, because the nodes of a store cluster must first agree on a new collection."""
COUNT_TIMEOUT_S = 30.0
COUNT_EVERY_CHECKS = 6
"""Documents are counted once a minute; in between, this replica's own changes are added to the count."""


class Readiness:
    """Opens the index, keeps trying while the store is away, and tracks the state of each dependency."""

    def __init__(self, metrics: Metrics) -> None:
        self.phase: Phase = "starting"
        self.index_open = False
        self._down: set[str] = set()
        self._metrics = metrics
        self.breakers = Breakers(self._note_breaker)

    @property
    def degraded(self) -> list[str]:
        """Roles of the dependencies that failed their last check or that requests find failing."""
        return sorted(self._down.union(self.breakers.refusing))

    def drain(self) -> None:
        self.phase = "draining"

    def require_index(self) -> None:
        """Raise IndexMismatch or DependencyUnavailable unless the index can be used."""
        if self.phase == "index_mismatch":
            raise IndexMismatch("the index was built by another embedder or chunker")
        if not self.index_open:
            raise DependencyUnavailable("vector_store", "the index is not open yet")

    @asynccontextmanager
    async def watching(
        self, adapters: Adapters, identity: IndexIdentity, tenants: Iterable[str]
    ) -> AsyncGenerator[None, None]:
        """Check once, then in the background while the block runs. `tenants` is read anew each time."""
        await self._check(adapters, identity)
        if self.phase == "starting":
            self.phase = "ready"
        task = asyncio.create_task(self._watch(adapters, identity, tenants))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, adapters: Adapters, identity: IndexIdentity, tenants: Iterable[str]) -> None:
        checks = 0
        first_pauses = iter(OPEN_AGAIN_S)
        while True:
            try:
                if self.index_open:
                    checks += 1
                    if checks % COUNT_EVERY_CHECKS == 1:
                        await self._count(adapters, tenants)
                pause_s = CHECK_INTERVAL_S if self.index_open else next(first_pauses, CHECK_INTERVAL_S)
                await asyncio.sleep(pause_s)
                await self._check(adapters, identity)
            except Exception as error:
                log.exception("unforeseen %s while checking dependencies", type(error).__name__)

    async def _check(self, adapters: Adapters, identity: IndexIdentity) -> None:
        if not self.index_open and self.phase != "index_mismatch":
            await self._open(adapters, identity)
        self._note("vector_store", await _health(adapters.store) if self.index_open else NOT_OPEN)
        self._note("generator", await _health(adapters.generator))
        if adapters.reranker:
            self._note("reranker", await _health(adapters.reranker))
        if adapters.cache:
            self._note("cache", await _health(adapters.cache))

    async def _open(self, adapters: Adapters, identity: IndexIdentity) -> None:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await adapters.store.open(identity)
            self.index_open = True
        except IndexMismatch as error:
            self.phase = "index_mismatch"
            log.error("%s", error)  # noqa: TRY400 - a state to mend, not a fault of the code
        except (ServiceError, TimeoutError) as error:
            log.warning("the index cannot be opened: %s", str(error) or "timed out")
        except Exception as error:
            log.exception("the index cannot be opened: unforeseen %s", type(error).__name__)

    async def _count(self, adapters: Adapters, tenants: Iterable[str]) -> None:
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                counts = [await adapters.store.count_documents(tenant) for tenant in tenants]
        except (ServiceError, TimeoutError) as error:
            log.warning("documents cannot be counted: %s", str(error) or "timed out")
        else:
            self._metrics.documents.set(sum(counts))

    def _note(self, dependency: str, health: Health) -> None:
        self._metrics.dependency_up.labels(dependency).set(health.ok)
        if health.ok == (dependency in self._down):
            log.warning("%s is %s", dependency, "back" if health.ok else "away", extra={"detail": health.detail})
        (self._down.discard if health.ok else self._down.add)(dependency)

    def _note_breaker(self, dependency: str, is_open: bool) -> None:
        self._metrics.breaker_open.labels(dependency).set(is_open)
        log.warning("%s %s", dependency, "keeps failing and is left alone" if is_open else "answers again")


async def _health(dependency: VectorStore | Generator | Reranker | AnswerCache) -> Health:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await dependency.health()
    except (ServiceError, TimeoutError) as error:
        return Health(ok=False, detail=str(error) or "timed out")
    except Exception as error:
        log.exception("unforeseen %s while checking a dependency", type(error).__name__)
        return Health(ok=False, detail=f"unforeseen {type(error).__name__}")
