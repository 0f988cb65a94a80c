"""What the service opens is closed, also where it ends by an error."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext

import pytest

from app.adapters.memory_cache import MemoryCache
from app.adapters.replica_quotas import ReplicaQuotas
from app.composition import Adapters
from app.main import create_app
from app.ports import QuotaLedger
from app.rag.events import Token
from app.rag.retrieval import Question
from app.settings import Settings
from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
QUESTION = Question(tenant="acme", text="Which colour is the sky?", top_k=1)


class Ledger(ReplicaQuotas):
    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """What the service counts in."""
    ledger = Ledger()

    def ledgers(_settings: Settings) -> tuple[QuotaLedger, None]:
        return ledger, None

    monkeypatch.setattr("app.main.build_ledgers", ledgers)
    return ledger


@pytest.mark.parametrize("error", [RuntimeError("torn down"), None])
async def test_answers_under_way_and_ledgers_are_ended_however_the_service_ends(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger, error: Exception | None
) -> None:
    generator, was_ended = FakeGenerator(stalls=True), list[bool]()

    @asynccontextmanager
    async def adapters(_settings: Settings) -> AsyncGenerator[Adapters]:
        try:
            cache = MemoryCache(10**6, 60)
            yield Adapters(FakeEmbedder(), FakeStore([hit("The sky is blue.")]), generator, cache=cache)
        finally:
            was_ended.append(generator.cancelled.is_set())  # before the adapters that it uses

    monkeypatch.setattr("app.rag.caching.CLOSE_TIMEOUT_S", 0)
    app = create_app(Settings(), adapters)
    with pytest.raises(RuntimeError, match="torn down") if error else nullcontext():
        async with app.router.lifespan_context(app):
            answer = app.state.service.cached.answer(QUESTION)
            while not isinstance(await anext(answer), Token):
                pass
            if error:
                raise error
    assert (was_ended, ledger.is_closed) == ([True], True)


async def test_garbage_is_looked_for_again_once_the_service_is_ready(serve: Serve) -> None:
    gc.disable()  # as `ragspan serve` does
    try:
        async with serve():
            assert gc.isenabled()
    finally:
        gc.enable()
