"""A reranking server that speaks both protocols on loopback, NVIDIA NIM's and Text Embeddings Inference's."""

import asyncio
import math
from types import TracebackType
from typing import Any, Self

from aiohttp import web

MAX_CLIENT_BATCH = 32


def logit(question: str, text: str) -> float:
    """Return a judgement that grows with the question's words in the text, mostly negative as real ones are."""
    words = set(question.lower().split())
    return 4 * len(words & set(text.lower().split())) / len(words) - 3


class RerankServer:
    """Answers best first, as the real ones do. `status`, `raw` and `hang` replace the answer."""

    def __init__(self, *, status: int = 200, raw: str | None = None, hang: bool = False) -> None:
        self.status, self.raw, self.hang = status, raw, hang
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/ranking", self._ranking)
        app.router.add_post("/rerank", self._rerank)
        for path in ("/v1/models", "/health"):
            app.router.add_get(path, self._healthy)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.tei_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.nim_url = f"{self.tei_url}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _healthy(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.json_response({})

    async def _ranking(self, request: web.Request) -> web.Response:
        body = await self._note(request)
        logits = [logit(body["query"]["text"], passage["text"]) for passage in body["passages"]]
        rankings = [{"index": index, "logit": value} for index, value in enumerate(logits)]
        return self._answer({"rankings": sorted(rankings, key=lambda ranking: -ranking["logit"])})

    async def _rerank(self, request: web.Request) -> web.Response:
        body = await self._note(request)
        if len(body["texts"]) > MAX_CLIENT_BATCH:
            return web.json_response({"error": "batch size", "error_type": "Validation"}, status=422)
        scores = [1 / (1 + math.exp(-logit(body["query"], text))) for text in body["texts"]]
        ranks = [{"index": index, "score": score} for index, score in enumerate(scores)]
        return self._answer(sorted(ranks, key=lambda rank: -rank["score"]))

    async def _note(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.requests.append(body)
        if self.hang:
            await asyncio.Event().wait()
        return body

    def _answer(self, content: Any) -> web.Response:
        if self.raw is not None:
            return web.Response(text=self.raw, status=self.status, content_type="application/json")
        return web.json_response(content, status=self.status)
