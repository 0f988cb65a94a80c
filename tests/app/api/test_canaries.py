"""S8: a secret in a question, a document, a header or a server's error is in no log, trace, metric or error.

The service runs in front of a real model server on loopback, with its own logging at its most talkative.
"""

import io
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.adapters.http import ModelServer
from app.adapters.http_client import HttpClient
from app.adapters.openai_chat import OpenAiChat
from app.composition import Adapters
from app.security.api_keys import key_entry, new_key
from app.settings import Settings
from app.telemetry.logs import JsonFormatter
from tests.app.api.conftest import serving
from tests.support.fake_ports import FakeEmbedder, FakeStore, hit
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.otlp_collector import OtlpCollector

pytestmark = pytest.mark.anyio
CANARY = "CANARY-7d1f"
KEY = new_key()
HEADERS = {
    "X-API-Key": KEY,
    "tracestate": f"a={CANARY}",
    "baggage": f"a={CANARY}",
    "X-Request-Id": CANARY,
    "User-Agent": CANARY,
    "Cookie": f"a={CANARY}",
    "Referer": CANARY,
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger of the process says, as the service would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    for noisy in ("httpx", "httpcore"):  # the test's own client
        logging.getLogger(noisy).disabled = True
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@asynccontextmanager
async def service(chat: ChatScript, collector: OtlpCollector) -> AsyncGenerator[httpx.AsyncClient, None]:
    store = FakeStore([hit(f"The sky is blue. {CANARY}", title=CANARY)])
    async with OpenAiServer(chat) as server, HttpClient(2) as http:

        @asynccontextmanager
        async def adapters(_settings: Settings) -> AsyncGenerator[Adapters, None]:
            chat_server = ModelServer(http, server.url, SecretStr(CANARY), "generator")
            generator = OpenAiChat(chat_server, model="fake", max_tokens=9)
            yield Adapters(FakeEmbedder(), store, generator, None)

        key, traces = key_entry("reader", "acme", KEY), {"otlp_endpoint": collector.url, "trace_sample_ratio": 1}
        async with serving(adapters, api_keys=key, **traces) as client:
            yield client


async def ask(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    turns = [{"role": "user", "content": CANARY}]
    return await client.post("/v1/query", json={"query": CANARY, "messages": turns, **more}, headers=HEADERS)


ERRORS: dict[str, tuple[ChatScript, Callable[[httpx.AsyncClient], Any]]] = {
    "upstream status": (ChatScript(statuses=[500, 500]), ask),
    "upstream refusal": (ChatScript(statuses=[400]), ask),
    "upstream nonsense": (ChatScript(raw=f"data: {CANARY}\n\n".encode()), ask),
    "upstream error event": (ChatScript(raw=f'data: {{"error": "{CANARY}"}}\n\n'.encode()), ask),
    "cut stream": (ChatScript(pieces=("It is",), finish_reason=None), lambda client: ask(client, stream=True)),
    "unknown field": (ChatScript(), lambda client: ask(client, top_k=CANARY)),
    "no JSON": (ChatScript(), lambda c: c.post("/v1/query", content=CANARY, headers=HEADERS)),
    "wrong key": (ChatScript(), lambda c: c.post("/v1/query", headers={"X-API-Key": CANARY})),
    "unknown path": (ChatScript(), lambda c: c.get(f"/{CANARY}?q={CANARY}", headers=HEADERS)),
    "unknown document": (ChatScript(), lambda c: c.get(f"/v1/documents/{CANARY}", headers=HEADERS)),
    "unreadable file": (
        ChatScript(),
        lambda c: c.post("/v1/documents", files={"file": ("x.pdf", CANARY.encode())}, headers=HEADERS),
    ),
}


@pytest.mark.parametrize("fault", ERRORS)
async def test_no_error_log_or_metric_repeats_a_secret(log: io.StringIO, fault: str) -> None:
    chat, request = ERRORS[fault]
    async with OtlpCollector() as collector, service(chat, collector) as client:
        response = await request(client)
        metrics = (await client.get("/metrics", headers=HEADERS)).text
    errors = response.text.rpartition("event: error")[2] if response.status_code == 200 else response.text
    assert response.status_code >= 400 or "event: error" in response.text
    assert "ragspan.request" in log.getvalue()
    assert collector.spans
    traces = collector.raw.decode(errors="replace")
    for name, text in {"error": errors, "metrics": metrics, "log": log.getvalue(), "traces": traces}.items():
        assert CANARY not in text, name
        assert "SECRET-UPSTREAM-BODY" not in text, name
        assert KEY not in text, name


async def test_a_good_answer_leaves_no_trace_of_what_was_said(log: io.StringIO) -> None:
    chat = ChatScript(pieces=(f"It is {CANARY}.", " [1]"))
    async with OtlpCollector() as collector, service(chat, collector) as client:
        assert CANARY in (await ask(client)).json()["answer"]
        metrics = (await client.get("/metrics", headers=HEADERS)).text
    assert CANARY not in metrics + log.getvalue()
    assert "generate" in {span.name for span in collector.spans}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (answered,) = [line for line in lines if line["logger"] == "ragspan.request" and line.get("status") == 200][:1]
    assert answered["trace_id"] in {span.trace_id.hex() for span in collector.spans}
    assert CANARY.encode() not in collector.raw
    assert "200" in log.getvalue()
