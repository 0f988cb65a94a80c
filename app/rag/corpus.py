"""Which state of a tenant's documents an answer is based on: asked of the store now and then, and remembered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from app.ports import ServiceError
from app.rag.breaker import Breakers

MEMO_S = 1.0
"""How long a change made through another replica or process may go unnoticed here."""
ASK_TIMEOUT_S = 0.25
"""A store that takes longer is treated as away: a cached answer must come at once or not at all."""
MAX_TENANTS = 10_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """The version of a tenant's documents. `is_current` is False if the store could not be asked just now.

    `is_known` is False if the store never told a version. Then `version` names a period in which this replica changed
    no documents: equal questions within it may share one answer, but the answer must not be cached.
    """

    version: str
    is_current: bool
    is_known: bool = True


class CorpusVersions:
    """Remembers each tenant's version for `MEMO_S`. `ask` asks the store; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[str]],
        breakers: Breakers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._breakers, self._clock = ask, breakers, clock
        self._known: dict[str, tuple[float, Corpus]] = {}
        self._asking: dict[str, asyncio.Task[Corpus]] = {}
        self._moments = count()

    async def of(self, tenant: str) -> Corpus:
        """Return the tenant's version, the last known one if the store is away. Concurrent callers share a request."""
        since, corpus = self._known.get(tenant, (float("-inf"), None))
        age = self._clock() - since
        if corpus and age < MEMO_S / 2:
            return corpus
        task = self._asking.get(tenant)
        if task is None:
            task = self._asking[tenant] = asyncio.create_task(self._fetch(tenant, corpus))
            task.add_done_callback(lambda done: self._keep(tenant, done))
        # Under steady traffic the memo is refreshed in the background and no question waits for the store.
        return corpus if corpus and age < MEMO_S else await asyncio.shield(task)

    def forget(self, tenant: str) -> None:
        """Forget the tenant's version, because this replica may have changed its documents.

        An answer from the store that is on its way is discarded as well.
        """
        self._known.pop(tenant, None)
        self._asking.pop(tenant, None)

    async def close(self) -> None:
        """Cancel requests to the store that are under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, tenant: str, last: Corpus | None) -> Corpus:
        try:
            self._breakers.require("vector_store")
            async with asyncio.timeout(ASK_TIMEOUT_S):
                return Corpus(await self._ask(tenant), is_current=True)
        except (ServiceError, TimeoutError):
            if last and last.is_known:
                return Corpus(last.version, is_current=False)
            return Corpus(f"moment {next(self._moments)}", is_current=False, is_known=False)

    def _keep(self, tenant: str, task: asyncio.Task[Corpus]) -> None:
        if self._asking.get(tenant) is not task:
            return
        del self._asking[tenant]
        if not task.cancelled() and task.exception() is None:
            self._known.pop(tenant, None)
            self._known[tenant] = (self._clock(), task.result())
            if len(self._known) > MAX_TENANTS:
                del self._known[next(iter(self._known))]
