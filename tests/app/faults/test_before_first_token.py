"""R1 and R14: a model server that fails before the first token is asked once more at most, then is a typed error."""

import asyncio
import socket
import time
from typing import Any

import pytest

from tests.app.faults.conftest import ServeChat
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.raw_server import HEAD, LAST_CHUNK, Act, RawServer, chunk, token

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
ANSWER = HEAD + chunk(token("Blue.")) + chunk(b"data: [DONE]\n\n") + LAST_CHUNK
RESET = Act(then="reset")


@pytest.mark.parametrize("stumble", [RESET, Act(b"", "close"), Act(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n")])
async def test_a_server_that_stumbles_once_is_asked_again(serve_chat: ServeChat, stumble: Act) -> None:
    async with RawServer(stumble, Act(ANSWER)) as llm, serve_chat(llm.url) as client:
        response = await client.post("/v1/query", json=QUESTION)
    assert (response.status_code, response.json()["answer"], llm.requests) == (200, "Blue.", 2)


@pytest.mark.parametrize(
    ("act", "status", "requests"),
    [
        (RESET, 503, 2),
        (Act(b"HTTP/1.1 429 Busy\r\nContent-Length: 6\r\n\r\nSECRET"), 503, 2),
        (Act(b"HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\nSECRET"), 503, 2),
        (Act(b"HTTP/1.1 504 Late\r\nContent-Length: 6\r\n\r\nSECRET"), 504, 2),
        (Act(b"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nSECRET"), 502, 2),
        (Act(b"HTTP/1.1 401 No\r\nContent-Length: 6\r\n\r\nSECRET"), 502, 1),
        (Act(b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:9/SECRET\r\nContent-Length: 0\r\n\r\n"), 502, 1),
        (Act(b"SSH-2.0-SECRET\r\n\r\n"), 502, 1),
        (Act(b"HTTP/1.1 200 OK\r\nX: " + b"SECRET" * 20_000 + b"\r\n\r\n"), 502, 1),
        (Act(then="hang"), 504, 1),
        (Act(b"HTTP/1.1 200 OK\r\n", then="hang"), 504, 1),
        (Act(HEAD, then="hang"), 504, 1),
    ],
)
async def test_a_server_that_fails_is_a_problem_that_repeats_none_of_its_words(
    serve_chat: ServeChat, act: Act, status: int, requests: int
) -> None:
    async with RawServer(act) as llm, serve_chat(llm.url, request_timeout_s=2) as client:
        response = await client.post("/v1/query", json=QUESTION)
        text = response.text
    assert (response.status_code, llm.requests) == (status, requests)
    assert response.headers["content-type"] == "application/problem+json"
    assert "SECRET" not in text
    assert response.elapsed.total_seconds() < 2 * 2


async def test_how_long_the_server_wants_to_be_left_alone_reaches_the_client(serve_chat: ServeChat) -> None:
    script = ChatScript(statuses=[429, 429], retry_after="60")
    async with OpenAiServer(script) as llm, serve_chat(llm.url) as client:
        response = await client.post("/v1/query", json=QUESTION)
    assert (response.status_code, response.headers["Retry-After"], len(llm.requests)) == (503, "60", 1)


async def test_a_name_that_cannot_be_resolved_is_a_503(serve_chat: ServeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def fails(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "models.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "SECRET name")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    async with serve_chat("http://models.invalid/v1") as client:
        response = await client.post("/v1/query", json=QUESTION)
    assert (response.status_code, "SECRET" in response.text) == (503, False)


async def test_a_connection_that_died_in_the_pool_is_replaced(serve_chat: ServeChat) -> None:
    async with RawServer(Act(ANSWER, "next"), RESET, Act(ANSWER)) as llm, serve_chat(llm.url) as client:
        answers = [(await client.post("/v1/query", json=QUESTION)).status_code for _ in range(2)]
    assert (answers, llm.requests) == ([200, 200], 3)


async def test_who_is_asked_again_is_asked_on_a_connection_of_its_own(serve_chat: ServeChat) -> None:
    """Where one that was kept has died, so may the others have, as when a server starts anew."""
    kept = Act(ANSWER, "next")
    async with RawServer(kept, kept, RESET, Act(ANSWER)) as llm, serve_chat(llm.url) as client:
        both = await asyncio.gather(*(client.post("/v1/query", json=QUESTION) for _ in range(2)))
        before = llm.connections
        again = await client.post("/v1/query", json=QUESTION)
    assert [response.status_code for response in (*both, again)] == [200] * 3
    assert llm.connections == before + 1


async def test_a_clock_that_jumps_moves_no_deadline(serve_chat: ServeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() + 86_400 * (-1) ** next(jumps))
    async with RawServer(Act(ANSWER)) as llm, serve_chat(llm.url) as client:
        response = await client.post("/v1/query", json=QUESTION)
    assert response.status_code == 200
    assert 0 <= response.json()["metadata"]["timings_ms"]["total"] < 20_000
