"""Contestant: FastAPI and httpx as in their documentation: a pydantic body, a shared client, a StreamingResponse."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from bench.answer.contestant import EMBED, RANK, Upstream, chat, run
from bench.answer.stub import SEARCH_S


class Query(BaseModel):
    query: str
    stream: bool = True


def application(upstream: Upstream) -> Any:
    app = FastAPI()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
    client = httpx.AsyncClient(base_url=upstream.url, limits=limits, timeout=30, trust_env=False)

    @app.post("/v1/query")
    async def query(body: Query) -> StreamingResponse:
        vector = (await client.post("/embeddings", json=EMBED)).json()["data"][0]["embedding"]
        assert vector, body.query
        await asyncio.sleep(SEARCH_S)
        rankings = (await client.post("/ranking", json=RANK)).json()["rankings"]
        return StreamingResponse(tokens(chat(rankings)), media_type="text/event-stream")

    async def tokens(asked: dict[str, Any]) -> AsyncGenerator[str, None]:
        async with client.stream("POST", "/chat/completions", json=asked) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    delta = json.loads(line[6:])["choices"][0]["delta"]
                    if delta.get("content"):
                        yield f"event: token\ndata: {json.dumps({'text': delta['content']})}\n\n"
        yield "event: done\ndata: {}\n\n"

    return app


if __name__ == "__main__":
    run(application)
