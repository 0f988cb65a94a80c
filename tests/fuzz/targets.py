"""What is fuzzed: each target takes bytes and raises if a promise is broken, whatever they are."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast
from unittest.mock import patch

from app.adapters.openai_chat import OpenAiChat
from app.adapters.sse import SseParser
from app.ports import DependencyUnavailable, GenerationEnd, Prompt
from app.rag.chunking import MIN_BUDGET_TOKENS, passage_spans
from app.rag.guard import Guard, Rules
from app.rag.sensitive import PERSONAL, SECRETS
from app.settings import Settings, SettingsError, environment_names, load_settings, variable
from tests.fuzz.wire import exchange

if TYPE_CHECKING:
    from app.adapters.http import ModelServer

LOOP = asyncio.new_event_loop()
GUARD = Guard(Rules(link_hosts=frozenset({"docs.example.org"}), redact=SECRETS + PERSONAL))
VARIABLES = sorted(environment_names())
SECRET_VARIABLES = {
    variable(name) for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
}
CANARY = "b0c1d2e3f4-"
MAX_CHARS = 400
FOREIGN = re.compile(r"https?://(?!docs\.example\.org)[\w.-]+")


class _Server:
    """A model server whose every answer is these bytes, read in pieces of seven."""

    def __init__(self, body: bytes) -> None:
        self._reads = [body[place : place + 7] for place in range(0, len(body), 7)][::-1]

    @asynccontextmanager
    async def post(self, _path: str, _body: Mapping[str, object]) -> AsyncGenerator["_Server", None]:
        yield self

    async def some(self, _pace_s: float) -> bytes:
        return self._reads.pop() if self._reads else b""


def sse(data: bytes) -> None:
    """Events are the same however they are read; they make text and one end, or fail as a dependency does."""
    whole, bytewise = SseParser(), SseParser()
    events = [*whole.feed(data), *whole.end()]
    assert [*(event for byte in data for event in bytewise.feed(bytes([byte]))), *bytewise.end()] == events
    chat = OpenAiChat(cast("ModelServer", _Server(data)), model="m", max_tokens=9)

    async def read() -> list[str | GenerationEnd]:
        return [piece async for piece in chat.stream(Prompt(question="", passages=(), messages=()))]

    with suppress(DependencyUnavailable):
        *pieces, end = LOOP.run_until_complete(read())
        assert isinstance(end, GenerationEnd)
        assert all(isinstance(piece, str) for piece in pieces)


def guard(data: bytes) -> None:
    """A guarded text is the same at any split, and names no foreign host with a web scheme."""
    text = data[:MAX_CHARS].decode("utf-8", "ignore")
    whole = _guarded([text])
    assert _guarded(list(text)) == whole
    middle = len(text) // 2
    assert _guarded([text[:middle], text[middle:]]) == whole
    assert not FOREIGN.search(whole), whole


def _guarded(pieces: list[str]) -> str:
    opened = GUARD.open(())
    return "".join([*map(opened.feed, pieces), opened.end()])


def chunker(data: bytes) -> None:
    """Passages come in order, hold every character but white space, and fit the budget."""
    text = data[:MAX_CHARS].decode("utf-8", "ignore")
    covered = 0
    for start, end in passage_spans(text, lambda part: [(i, i + 1) for i in range(len(part))], MIN_BUDGET_TOKENS):
        assert not text[covered:start].strip()
        assert covered <= end
        assert 0 < end - start <= MIN_BUDGET_TOKENS
        covered = end
    assert not text[covered:].strip()


def config(data: bytes) -> None:
    """Settings are valid or are refused in sentences, none of which is a traceback or names a secret."""
    values = data.decode("utf-8", "ignore").replace("\0", "").split("\n")
    chosen = {VARIABLES[ord(value[0]) % len(VARIABLES)]: value[1:] for value in values if value}
    chosen |= {name: CANARY + chosen[name] for name in chosen.keys() & SECRET_VARIABLES}
    with patch.dict(os.environ, chosen, clear=True):
        assert not any(CANARY in sentence for sentence in _refusals())


def _refusals() -> list[str]:
    try:
        load_settings()
    except SettingsError as refused:
        return refused.problems
    return []


def http(data: bytes) -> None:
    """Requests are the same however their bytes come; what is none is answered by one problem, or not at all."""
    requests, written = LOOP.run_until_complete(exchange([data]))
    assert LOOP.run_until_complete(exchange([bytes([byte]) for byte in data])) == (requests, written)
    answers = written.split(b"HTTP/1.1 ")[1:]
    assert all(answer.startswith((b"100 ", b"204 ", b"400 ", b"431 ")) for answer in answers), written
    assert sum(not answer.startswith((b"100 ", b"204 ")) for answer in answers) <= 1


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": sse,
    "guard": guard,
    "chunker": chunker,
    "config": config,
    "http": http,
}
