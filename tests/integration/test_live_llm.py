"""The service in front of a real language model: what comes over the wire is what a model writes, as it writes it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.adapters.http_client import HttpClient
from app.composition import Adapters, build_generator
from app.settings import Settings
from tests.app.api.conftest import anyio_backend, clean_environment, serving
from tests.app.api.events import parsed
from tests.support.fake_ports import FakeEmbedder, FakeStore, hit
from tests.support.live_llm import live_llm
from tests.support.parts import CACHE

__all__ = ["anyio_backend", "clean_environment"]

pytestmark = [pytest.mark.anyio, pytest.mark.needs("live-llm")]
PATIENT = {"request_timeout_s": 120, "stream_idle_timeout_s": 60}
"""It has half a processor where tests run side by side."""


@asynccontextmanager
async def service(llm_url: str) -> AsyncGenerator[httpx.AsyncClient, None]:
    @asynccontextmanager
    async def adapters(settings: Settings) -> AsyncGenerator[Adapters, None]:
        async with HttpClient(settings.request_timeout_s) as http:
            store = FakeStore([hit("The sky over Lisbon is blue in summer.")])
            yield Adapters(FakeEmbedder(), store, build_generator(settings, http))

    model: dict[str, Any] = {"generator": "openai", "generator_url": llm_url, "generator_model": "smollm2"}
    async with serving(adapters, **model, generator_max_tokens=24, **PATIENT) as client:
        yield client


async def test_a_real_model_streams_its_answer_token_by_token() -> None:
    async with live_llm(CACHE / "live-llm" / "bin" / "python") as url, service(url) as client:
        question = {"query": "Which colour is the sky over Lisbon?", "stream": True}
        response = await client.post("/v1/query", json=question, timeout=120)
        assert (await client.get("/readyz")).json()["degraded"] == []
    events = parsed(response.text)
    tokens = [data["text"] for name, data in events if name == "token"]
    assert [events[0][0], events[-1][0]] == ["sources", "done"]
    assert len(tokens) > 3
    end = events[-1][1]
    assert end["finish_reason"] in {"stop", "length"}
    assert end["metadata"]["tokens"]["prompt"] > 50
    assert len(tokens) - 2 <= end["metadata"]["tokens"]["completion"] <= 24
    times = end["metadata"]["timings_ms"]
    assert 0 < times["first_token"] < times["total"]
    assert times["stream"] > 0
