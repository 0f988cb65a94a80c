"""R2, R3, R4 and R14: a stream that is cut, broken, slow or left ends in time, by one typed event, leaving nothing."""

import asyncio
import os
import time
from statistics import median

import aiohttp
import httpx
import pytest

from tests.app.api.events import parsed
from tests.app.faults.conftest import ServeChat
from tests.support.raw_server import HEAD, LAST_CHUNK, Act, RawServer, chunk, token

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?", "stream": True}
BEGUN = HEAD + chunk(token("half"))
FIXED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n"


async def ask(client: httpx.AsyncClient) -> tuple[list[str], dict[str, object]]:
    """Return the names of the events of a streamed answer, and the last one's data."""
    events = parsed((await client.post("/v1/query", json=QUESTION)).text)
    return [name for name, _ in events], events[-1][1]


@pytest.mark.parametrize(
    "act",
    [
        Act(BEGUN, "reset"),
        Act(BEGUN, "close"),
        Act(BEGUN + LAST_CHUNK),
        Act(FIXED + token("half"), "close"),
        Act(BEGUN, again=chunk(b'data: {"choi\n\n')),
        Act(BEGUN, again=chunk(b"data: 42\n\n")),
        Act(BEGUN, again=chunk(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n')),
        Act(BEGUN, again=chunk(b'data: {"choices": {"delta": 1}}\n\n')),
        Act(BEGUN, again=chunk(b'data: {"error": {"message": "SECRET"}}\n\n')),
        Act(BEGUN + b"zz\r\nnot a chunk"),
        Act(BEGUN + chunk(b"data: " + b"x" * 2**20) + LAST_CHUNK),
    ],
)
async def test_a_stream_that_breaks_ends_with_one_typed_error(serve_chat: ServeChat, act: Act) -> None:
    async with RawServer(act) as llm, serve_chat(llm.url) as client:
        names, last = await ask(client)
    assert (names[0], names[-1], names.count("error")) == ("sources", "error", 1)
    assert (last["status"], last["truncated"]) == (502, True)
    assert "SECRET" not in str(last)


async def test_a_stream_that_breaks_before_its_first_word_is_a_problem_by_which_a_client_may_ask_again(
    serve_chat: ServeChat,
) -> None:
    acts = [Act(HEAD + chunk(b"data: 42\n\n") + LAST_CHUNK), Act(HEAD + chunk(b": thinking\n\n"), "close")]
    async with RawServer(*acts) as llm, serve_chat(llm.url) as client:
        responses = [await client.post("/v1/query", json=QUESTION) for _ in acts]
    assert [response.status_code for response in responses] == [502, 502]
    assert {response.headers["content-type"] for response in responses} == {"application/problem+json"}


@pytest.mark.parametrize("act", [Act(BEGUN, "hang"), Act(BEGUN, again=chunk(b": keep-alive\n\n"))])
async def test_a_stream_that_says_nothing_more_ends_at_the_idle_timeout(
    serve_chat: ServeChat, caplog: pytest.LogCaptureFixture, act: Act
) -> None:
    async with RawServer(act) as llm, serve_chat(llm.url, stream_idle_timeout_s=0.2) as client:
        names, last = await ask(client)
    assert (names, last["status"], last["truncated"]) == (["sources", "token", "error"], 504, True)
    assert "no answer from the generator in 0.2 s" in caplog.text


async def test_a_stream_that_never_ends_is_cut_at_the_total_deadline(
    serve_chat: ServeChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ragspan.request")
    endless = Act(HEAD, again=chunk(token("more ")))
    async with RawServer(endless) as llm, serve_chat(llm.url, request_timeout_s=1) as client:
        for _ in range(3):
            names, last = await ask(client)
            assert (names[-1], last["status"], last["truncated"]) == ("error", 504, True)
    assert 1000 <= median(vars(record)["ms"] for record in caplog.records if hasattr(record, "ms")) <= 1100


async def test_hung_streams_leave_no_task_and_no_descriptor(serve_chat: ServeChat) -> None:
    tasks, descriptors = list[int](), list[int]()
    async with (
        RawServer(Act(BEGUN, "hang")) as llm,
        serve_chat(llm.url, stream_idle_timeout_s=0.05) as client,
        aiohttp.ClientSession(str(client.base_url)) as session,  # a tenth of httpx's CPU, for a thousand questions
    ):

        async def hang() -> None:
            async with session.post("/v1/query", json=QUESTION) as response:
                assert (await response.text()).rpartition("event: ")[2].startswith("error")

        for _ in range(20):
            await asyncio.gather(*(hang() for _ in range(50)))
            tasks.append(len(asyncio.all_tasks()))
            descriptors.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - a list is what is wanted
    assert llm.requests == 1000
    assert tasks[-1] - tasks[0] < 50
    assert descriptors[-1] - descriptors[0] < 50


async def test_a_client_that_leaves_ends_the_work_at_the_model_server_within_100_ms(serve_chat: ServeChat) -> None:
    took_s: list[float] = []
    async with RawServer(Act(BEGUN, "hang")) as llm, serve_chat(llm.url) as client:
        for _ in range(5):
            llm.left.clear()
            async with client.stream("POST", "/v1/query", json=QUESTION) as response:
                lines = response.aiter_lines()
                while await anext(lines) != "event: token":
                    pass
                begun = time.monotonic()
            await asyncio.wait_for(llm.left.wait(), 5)
            took_s.append(time.monotonic() - begun)
    assert median(took_s) < 0.1
