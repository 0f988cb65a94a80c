"""Whoever reports a failure has an id of it: the one that its log, its trace and its metrics' exemplars have."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.security.api_keys import key_entry, new_key
from app.telemetry.logs import JsonFormatter
from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeGenerator, FakeStore

pytestmark = pytest.mark.anyio
KEY = new_key()
SIGNED_IN = {"X-API-Key": KEY}
DOCUMENT = f"/v1/documents/{'0' * 32}"
QUESTION = {"query": "What is blue?"}
CHAT = {"model": "ragspan-fake-model", "messages": [{"role": "user", "content": "What is blue?"}]}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream, logger = io.StringIO(), logging.getLogger("ragspan")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield stream
    logger.removeHandler(handler)
    logger.setLevel("NOTSET")


def fail(*_args: object, **_more: object) -> Any:
    raise KeyError("unforeseen")


REQUESTS: dict[str, tuple[str, str, object, dict[str, str], int]] = {
    "document": ("GET", DOCUMENT, None, SIGNED_IN, 500),
    "question": ("POST", "/v1/query", QUESTION, SIGNED_IN, 500),
    "stream": ("POST", "/v1/query", {**QUESTION, "stream": True}, SIGNED_IN, 500),
    "chat": ("POST", "/v1/chat/completions", CHAT, SIGNED_IN, 500),
    "stranger": ("POST", "/v1/query", QUESTION, {}, 401),
    "nothing asked": ("POST", "/v1/query", {"query": ""}, SIGNED_IN, 422),
    "no route": ("GET", "/nothing", None, SIGNED_IN, 404),
}


@pytest.fixture
def failing(store: FakeStore, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "get", fail)
    monkeypatch.setattr(generator, "stream", fail)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("asked", REQUESTS.values(), ids=REQUESTS)
async def test_a_failure_names_the_id_that_all_lines_about_it_have(
    serve: Serve, log: io.StringIO, asked: tuple[str, str, object, dict[str, str], int]
) -> None:
    method, path, body, headers, status = asked
    async with serve(api_keys=key_entry("key", "acme", KEY)) as client:
        log.truncate(0)
        answer = await client.request(method, path, json=body, headers=headers)
    lines = [json.loads(line) for line in log.getvalue().strip("\0").splitlines()]
    assert answer.status_code == status
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert {line.get("trace_id") for line in lines} == {answer.headers["X-Request-Id"]}
    assert len(lines) == (2 if status == 500 else 1), "the failure, if nobody foresaw it, and the request"
