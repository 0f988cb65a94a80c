"""Who is refused again and again is told to wait, in constant memory, and never at the cost of those who may enter."""

import tracemalloc

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from app.security.api_keys import key_entry, new_key
from app.security.refused_sign_ins import WINDOW_S, RefusedSignIns
from tests.app.api.conftest import Serve

pytestmark = pytest.mark.anyio
KEY = new_key()
QUESTION = {"query": "Which colour?"}


async def test_after_so_many_wrong_keys_the_answer_is_to_wait(serve: Serve) -> None:
    async with serve(api_keys=key_entry("ci", "acme", KEY), max_refusals_per_minute=5) as client:
        wrong = [await client.post("/v1/query", json=QUESTION, headers={"X-API-Key": "wrong"}) for _ in range(8)]
        right = await client.post("/v1/query", json=QUESTION, headers={"X-API-Key": KEY})
        metrics = (await client.get("/metrics")).text
    assert [response.status_code for response in wrong] == [401] * 5 + [429] * 3
    assert 1 <= int(wrong[-1].headers["retry-after"]) <= WINDOW_S
    assert right.status_code == 200
    assert 'rag_limited_requests_total{limit="sign_in"} 3.0' in metrics


async def test_a_million_addresses_take_no_more_memory_than_one() -> None:
    gate = RefusedSignIns(PlainTextResponse("no", 401), 3, lambda: None)

    async def send(_message: Message) -> None: ...
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def refused(count: int) -> int:
        tracemalloc.start()
        for number in range(count):
            scope: Scope = {"type": "http", "method": "GET", "path": "/", "client": (f"10.0.{number}", 1)}
            await gate(scope, receive, send)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return grown

    await refused(10)
    assert await refused(5000) < 20_000


async def test_the_next_minute_begins_anew() -> None:
    times, statuses = iter((0.0, 59.0, 60.0, 61.0)), list[int]()
    gate = RefusedSignIns(PlainTextResponse("no", 401), 1, lambda: None, lambda: next(times))

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    for _ in range(4):
        await gate({"type": "http", "method": "GET", "path": "/", "client": ("10.0.0.1", 1)}, receive, send)
    assert statuses == [401, 429, 401, 429]
