"""R2 and R7 over HTTP and with a real Redis: nothing broken is kept, and a cache that fails costs nearly nothing."""

import asyncio
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from app.adapters.redis_connection import RedisAddress, RedisConnection
from tests.app.api.events import parsed
from tests.app.api.process import running
from tests.integration.load.asking import QUESTION, quantile
from tests.integration.load.service import DOCUMENT, replica
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.raw_server import HEAD, LAST_CHUNK, Act, RawServer, chunk, token
from tests.support.redis import PASSWORD, gate_to, redis_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]
MANY, AT_ONCE = 1000, 16
MAX_COST_MS = 10.0
ANSWER = token(f"{DOCUMENT[1].decode()} [1]")


def ended(reason: str) -> bytes:
    return chunk(f'data: {{"choices": [{{"delta": {{}}, "finish_reason": "{reason}"}}]}}\n\n'.encode()) + LAST_CHUNK


LEAVING = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
BEGUN = LEAVING + chunk(ANSWER)
BROKEN = (
    Act(BEGUN, "reset"),
    Act(BEGUN, "close"),
    Act(BEGUN + LAST_CHUNK),
    Act(BEGUN + chunk(b'data: {"choi\n\n') + LAST_CHUNK),
    Act(BEGUN + chunk(b"data: 42\n\n") + LAST_CHUNK),
    Act(BEGUN + ended("length")),
    Act(LEAVING + chunk(token("The moon is made of green cheese. [1]")) + ended("stop")),
)


@pytest.fixture
def redis_url(tmp_path: Path) -> Generator[str]:
    with redis_server(tmp_path) as url:
        yield url


def cached_at(url: str, **more: str) -> dict[str, str]:
    return {"CACHE": "redis", "REDIS_URL": url, "REDIS_PASSWORD": PASSWORD, **more}


def session(base_url: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(str(base_url), connector=aiohttp.TCPConnector(limit=AT_ONCE))


async def fate(asker: aiohttp.ClientSession, number: int) -> str:
    """Ask, half of the questions for a stream, and return how the answer ended."""
    question = {"query": f"{QUESTION} {number}", "stream": number % 2 == 0}
    async with asker.post("/v1/query", json=question) as response:
        if response.content_type != "text/event-stream":
            body = await response.json()
            return f"{response.status} {body.get('finish_reason')}"
        name, data = parsed(await response.text())[-1]
        return f"{name} truncated: {data.get('truncated')}"


async def kept(url: str) -> object:
    """How many answers Redis holds."""
    redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
    try:
        return await redis.call("DBSIZE", timeout_s=10)
    finally:
        await redis.close()


async def test_of_a_thousand_broken_answers_none_is_kept(tmp_path: Path, redis_url: str) -> None:
    async with RawServer(*islice(cycle(BROKEN), MANY), Act(BEGUN + ended("stop"))) as llm:
        patient = cached_at(redis_url, CACHE_TIMEOUT_S="1")
        async with replica(tmp_path, llm.url, **patient) as (_, client), session(client.base_url) as asker:
            broken = Counter(await asyncio.gather(*(fate(asker, number) for number in range(MANY))))
            whole = await fate(asker, MANY)
        assert llm.requests == MANY + 1
    ends = {"error truncated: True", "502 None", "done truncated: True", "200 length"}
    ungrounded = {"done truncated: False", "200 stop"}
    assert broken.keys() == ends | ungrounded
    assert sum(broken[end] for end in ungrounded) == MANY // len(BROKEN)
    assert whole == "done truncated: False"
    assert await kept(redis_url) == 1


@asynccontextmanager
async def extractive(folder: Path, **settings: str) -> AsyncGenerator[aiohttp.ClientSession]:
    """A replica that needs no model, so that little else takes time."""
    async with running(folder, LOG_LEVEL="error", **settings) as (_, client), session(client.base_url) as asker:
        (await client.post("/v1/documents", files={"file": DOCUMENT})).raise_for_status()
        yield asker


async def took_ms(asker: aiohttp.ClientSession, number: int, degraded: list[str]) -> float:
    """Ask, see that the answer is there and what it went without, and return what that took at the client's socket."""
    begun = time.perf_counter()
    async with asker.post("/v1/query", json={"query": f"{QUESTION} {number}"}) as response:
        answer = await response.json()
    ms = (time.perf_counter() - begun) * 1000
    assert (response.status, answer["metadata"]["degraded"]) == (200, degraded)
    return ms


@pytest.mark.parametrize("fault", ["down", "stalled"])
async def test_a_cache_that_fails_costs_a_question_nearly_nothing(
    tmp_path: Path, redis_url: str, fault: str, say: Callable[[str], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = f"redis://127.0.0.1:{probe.getsockname()[1]}"
    async with gate_to(redis_url) as gate:
        gate.shut()
        url = closed if fault == "down" else gate.url
        without, failing = tmp_path / "without", tmp_path / "failing"
        async with extractive(without) as fair, extractive(failing, **cached_at(url)) as hit:
            times = [(await took_ms(fair, n, []), await took_ms(hit, n, ["cache"])) for n in range(MANY)]
    p50, p99 = [[quantile([pair[at] for pair in times], share) for at in (0, 1)] for share in (0.5, 0.99)]
    say(f"cache {fault}: p50 {p50[0]:.1f} → {p50[1]:.1f} ms, p99 {p99[0]:.1f} → {p99[1]:.1f} ms")
    assert p99[1] - p99[0] <= MAX_COST_MS


@pytest.mark.parametrize("is_there", [True, False])
async def test_64_equal_questions_are_one_call_of_the_model_with_and_without_the_cache(
    tmp_path: Path, redis_url: str, is_there: bool
) -> None:
    many = 64
    async with OpenAiServer() as llm, gate_to(redis_url) as gate:
        (gate.open if is_there else gate.shut)()
        room = cached_at(gate.url, MAX_ACTIVE_QUERIES=str(many))
        async with (
            replica(tmp_path, llm.url, **room) as (_, client),
            aiohttp.ClientSession(str(client.base_url), connector=aiohttp.TCPConnector(limit=0)) as asker,
        ):
            await fate(asker, number=1)  # from now on the replica knows the state of the documents
            llm.chat = ChatScript(stall_after=0)
            asked = [asyncio.create_task(fate(asker, number=0)) for _ in range(many)]
            joined = re.compile(rf'rag_cache_requests_total{{result="joined"}} {many - 1}')
            async with asyncio.timeout(60):
                while not joined.search((await client.get("/metrics")).text):
                    pass
            llm.resume.set()
            assert Counter(await asyncio.gather(*asked)) == {"done truncated: False": many}
        assert len(llm.requests) == 2
