"""The chat adapter against a server that speaks the real protocol, and fails in the ways real ones do."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from app.adapters.http import ModelServer
from app.adapters.http_client import HttpClient
from app.adapters.openai_chat import OpenAiChat
from app.ports import DependencyUnavailable, GenerationEnd
from app.rag.prompt import build_prompt
from app.rag.run import Run
from tests.support.fake_ports import hit
from tests.support.openai_server import ChatScript, OpenAiServer

PROMPT = build_prompt("Which colour?", [hit("Blue.")], (), boundary="b")
DELTA = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


@asynccontextmanager
async def chat_with(url: str) -> AsyncGenerator[OpenAiChat, None]:
    async with HttpClient(read_timeout_s=2) as http:
        yield OpenAiChat(ModelServer(http, url, SecretStr("s3cret"), "generator"), model="m", max_tokens=9)


async def answer(script: ChatScript) -> tuple[list[str | GenerationEnd], OpenAiServer]:
    async with OpenAiServer(script) as server, chat_with(server.url) as chat:
        return [piece async for piece in chat.stream(PROMPT)], server


async def test_pieces_come_as_written_and_the_end_carries_the_usage() -> None:
    pieces, server = await answer(ChatScript(pieces=("Blue", ". [1]")))
    assert "".join(str(piece) for piece in pieces[:-1]) == "Blue. [1]"
    assert pieces[-1:] == [GenerationEnd(finish_reason="stop", prompt_tokens=7, completion_tokens=3)]
    assert server.requests[0]["messages"][0]["role"] == "system"
    assert (server.requests[0]["model"], server.requests[0]["max_tokens"]) == ("m", 9)
    assert server.headers[0]["Authorization"] == "Bearer s3cret"


async def test_what_comes_in_one_read_goes_on_as_one_piece() -> None:
    pieces, _ = await answer(ChatScript(raw=3 * DELTA + b"data: [DONE]\n\n"))
    assert pieces == ["halfhalfhalf", GenerationEnd(finish_reason="stop")]


@pytest.mark.parametrize("reason", ["length", "content_filter", "abort"])
async def test_an_answer_of_which_something_is_missing_says_so(reason: str) -> None:
    pieces, _ = await answer(ChatScript(finish_reason=reason))
    assert isinstance(pieces[-1], GenerationEnd)
    assert pieces[-1].finish_reason == "length"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_server_that_stumbles_once_is_asked_once_more(status: int) -> None:
    pieces, server = await answer(ChatScript(statuses=[status]))
    assert len(server.requests) == 2
    assert str(pieces[0]).startswith("The answer")


async def test_a_server_that_asks_to_wait_a_little_is_asked_again_when_it_said() -> None:
    begun = time.monotonic()
    pieces, server = await answer(ChatScript(statuses=[429], retry_after="1"))
    assert (len(server.requests), str(pieces[0]).startswith("The answer")) == (2, True)
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    ("retry_after", "requests", "told"),
    [("60", 1, 60), ("9" * 9, 1, 300), ("Wed, 21 Oct 2026 07:28:00 GMT", 2, None), ("9" * 5000, 2, None)],
)
async def test_a_server_that_asks_for_more_is_left_alone_and_its_wish_is_passed_on(
    retry_after: str, requests: int, told: float | None
) -> None:
    script = ChatScript(statuses=[503, 503], retry_after=retry_after)
    async with OpenAiServer(script) as server, chat_with(server.url) as chat:
        with pytest.raises(DependencyUnavailable) as caught:
            await anext(chat.stream(PROMPT))
    assert (caught.value.retry_after_s, len(server.requests)) == (told, requests)


async def test_no_retry_begins_that_the_requests_time_does_not_allow() -> None:
    async with OpenAiServer(ChatScript(statuses=[500], retry_after="1")) as server, chat_with(server.url) as chat:
        begun = time.monotonic()
        with pytest.raises(DependencyUnavailable, match="no time is left"):
            await Run(0.9).limit(anext(chat.stream(PROMPT)), "generator", 9)
    assert (len(server.requests), time.monotonic() - begun < 0.9) == (1, True)


@pytest.mark.parametrize(("statuses", "requests"), [([503, 503], 2), ([401], 1), ([404], 1)])
async def test_an_error_status_is_named_and_the_servers_words_are_not(statuses: list[int], requests: int) -> None:
    async with OpenAiServer(ChatScript(statuses=list(statuses))) as server, chat_with(server.url) as chat:
        with pytest.raises(DependencyUnavailable, match=f"status {statuses[-1]}") as caught:
            await anext(chat.stream(PROMPT))
    assert "SECRET" not in str(caught.value)
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    "raw",
    [
        DELTA,
        DELTA + b'data: {"choi',
        b"<html>not a stream</html>",
        b"data: 42\n\n",
        b'data: {"error":{"message":"out of memory"}}\n\n',
        b"data: " + b"x" * 2**20,
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
        b'data: {"choices":[7]}\n\n',
        b'data: {"choices":{"a":1}}\n\n',
        b'data: {"usage":[1],"choices":[]}\n\n',
    ],
)
async def test_a_cut_or_broken_stream_is_an_error_never_a_silent_end(raw: bytes) -> None:
    with pytest.raises(DependencyUnavailable):
        await answer(ChatScript(raw=raw))


async def test_keep_alives_odd_line_ends_and_a_bare_done_are_understood() -> None:
    pieces, _ = await answer(ChatScript(raw=b": hi\r\n\r\n" + DELTA.replace(b"\n", b"\r\n") + b"data: [DONE]\n\n"))
    assert pieces == ["half", GenerationEnd(finish_reason="stop")]


async def test_a_dead_endpoint_is_unavailable_and_unhealthy() -> None:
    async with chat_with("http://127.0.0.1:9/v1") as chat:
        with pytest.raises(DependencyUnavailable):
            await anext(chat.stream(PROMPT))
        assert not (await chat.health()).ok


async def test_a_living_endpoint_is_healthy() -> None:
    async with OpenAiServer() as server, chat_with(server.url) as chat:
        assert (await chat.health()).ok


async def test_closing_the_stream_cancels_the_request_at_the_server() -> None:
    script = ChatScript(pieces=("one", "two"), stall_after=1)
    async with OpenAiServer(script) as server, chat_with(server.url) as chat:
        stream = chat.stream(PROMPT)
        assert await anext(stream) == "one"
        await stream.aclose()
        await asyncio.wait_for(server.client_left.wait(), 2)
