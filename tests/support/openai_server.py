"""An OpenAI-compatible server that speaks the real protocol on loopback and fails on demand.

    async with OpenAiServer(ChatScript(pieces=("Hello", " world. [1]"))) as server:
        ... server.url, server.requests ...

`python -m tests.support.openai_server PORT` serves the default script for a person or a browser test.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
from aiohttp import web

DIMENSIONS = 8


@dataclass(kw_only=True)
class ChatScript:
    """What the chat endpoint does. `statuses` answers the first requests with errors, then it streams `pieces`."""

    pieces: tuple[str, ...] = ("The answer", " is here. [1]")
    finish_reason: str | None = "stop"
    """None cuts the stream after the pieces, without its end."""
    statuses: list[int] = field(default_factory=list[int])
    retry_after: str | None = None
    """Sent with those errors."""
    raw: bytes | None = None
    """Sent in place of a well-formed stream."""
    stall_after: int | None = None
    """Sends this many pieces, then keep-alive comments only, until the client leaves or `resume` is set."""
    first_s: float = 0
    """How long the first piece takes."""
    between_s: float = 0
    """How long each further one takes."""


def vector(text: str) -> list[float]:
    """Return a vector that is the same for the same text, and has no unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return [float(x) for x in np.random.default_rng(seed).normal(size=DIMENSIONS) * 3]


class OpenAiServer:
    """Serves `/v1/models`, `/v1/chat/completions`, `/v1/embeddings` and `/health`; remembers what it was asked.

    With a `key` it refuses requests without it, with a `model` those that name another, and texts to embed that
    it `refuses` as too long.
    """

    def __init__(
        self,
        chat: ChatScript | None = None,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        key: str | None = None,
        model: str | None = None,
        refuses: Callable[[str], bool] = lambda _text: False,
    ) -> None:
        self.chat = chat or ChatScript()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.asked = asyncio.Semaphore(0)
        """Released once for each request."""
        self.client_left = asyncio.Event()
        self.resume = asyncio.Event()
        self._host, self._port, self._key, self._model = host, port, key, model
        self._refuses = refuses

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._check_key])
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _check_key(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._key and request.path != "/health" and request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return await handler(request)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def _note(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.asked.release()
        return body

    async def _embeddings(self, request: web.Request) -> web.Response:
        texts: list[str] = (await self._note(request))["input"]
        if any(map(self._refuses, texts)):
            return web.json_response({"error": {"message": "SECRET-UPSTREAM-BODY"}}, status=400)
        data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
        return web.json_response({"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 1}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await self._note(request)
        if self._model and asked["model"] != self._model:
            return web.json_response({"error": {"message": f"The model {asked['model']} does not exist."}}, status=404)
        if self.chat.statuses:
            status = self.chat.statuses.pop(0)
            headers = {"Retry-After": self.chat.retry_after} if self.chat.retry_after else {}
            return web.json_response({"error": {"message": "SECRET-UPSTREAM-BODY"}}, status=status, headers=headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(response)
        except (ConnectionResetError, asyncio.CancelledError):
            self.client_left.set()
            raise
        return response

    async def _stream(self, response: web.StreamResponse) -> None:
        if self.chat.raw is not None:
            await response.write(self.chat.raw)
            return
        for number, piece in enumerate(self.chat.pieces):
            while number == self.chat.stall_after and not self.resume.is_set():
                await response.write(b": keep-alive\n\n")
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.chat.between_s if number else self.chat.first_s)
            await response.write(
                _event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            )
        if self.chat.finish_reason is None:
            return
        await response.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": self.chat.finish_reason}]}))
        await response.write(_event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}))
        await response.write(b"data: [DONE]\n\n")


def _event(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', **chunk})}\n\n".encode()


async def _serve(port: int) -> None:
    async with OpenAiServer(port=port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
