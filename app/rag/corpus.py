"""Which state of the documents an answer is of: asked of the store once in a while, remembered when it is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from app.ports import ServiceError
from app.rag.breaker import Breakers

MEMO_S = 1.0
"""For so long a change made through another replica or process may go unseen here."""
ASK_TIMEOUT_S = 0.25
"""A store that is slower at this is taken to be away: a cached answer is to come in a moment or not at all."""
MAX_TENANTS = 10_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """`is_current` is False where the store cannot be asked now.

    `is_known` is False where it never told the version. Then `version` is a moment of this replica, in which it changed
    no documents: those who ask the same in it may share an answer, which is not to be kept.
    """

    version: str
    is_current: bool
    is_known: bool = True


class CorpusVersions:
    """Remembers each tenant's version for `MEMO_S`. `ask` asks the store; `clock` gives seconds and never goes back."""

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
        """Return the tenant's version, the last one known if the store is away. Many askers are one question."""
        since, corpus = self._known.get(tenant, (float("-inf"), None))
        age = self._clock() - since
        if corpus and age < MEMO_S / 2:
            return corpus
        task = self._asking.get(tenant)
        if task is None:
            task = self._asking[tenant] = asyncio.create_task(self._fetch(tenant, corpus))
            task.add_done_callback(lambda done: self._keep(tenant, done))
        # Where questions keep coming, none of them waits for the store.
        return corpus if corpus and age < MEMO_S else await asyncio.shield(task)

    def forget(self, tenant: str) -> None:
        """Know nothing of the tenant: this replica may have changed its documents, and no state of before is theirs.

        Neither is what is being asked just now.
        """
        self._known.pop(tenant, None)
        self._asking.pop(tenant, None)

    async def close(self) -> None:
        """End what is being asked."""
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
