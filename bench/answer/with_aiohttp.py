"""Contestant: FastAPI and aiohttp, written with care: a key check, four metrics, each read passed on whole."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from bench.answer.contestant import EMBED, KEY, RANK, Upstream, chat, run
from bench.answer.stub import SEARCH_S

REQUESTS = Counter("requests", "Requests.", ["status"])
ACTIVE = Gauge("active", "Requests under way.")
RETRIEVAL = Histogram("retrieval_seconds", "Until the prompt.")
GENERATION = Histogram("generation_seconds", "From the prompt to the last token.")


class Query(BaseModel):
    query: str
    stream: bool = True


def application(upstream: Upstream) -> Any:
    sessions: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None, None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            sessions.append(session)
            yield

    app = FastAPI(lifespan=lifespan)

    async def ask(path: str, body: dict[str, Any]) -> Any:
        async with sessions[0].post(upstream.url + path, json=body) as response:
            return await response.json()

    @app.post("/v1/query")
    async def query(body: Query, authorization: Annotated[str, Header()]) -> StreamingResponse:
        if not hmac.compare_digest(authorization, f"Bearer {KEY}"):
            raise HTTPException(401)
        since = time.monotonic()
        assert (await ask("/embeddings", EMBED))["data"], body.query
        await asyncio.sleep(SEARCH_S)
        rankings = (await ask("/ranking", RANK))["rankings"]
        RETRIEVAL.observe(time.monotonic() - since)
        return StreamingResponse(tokens(chat(rankings)), media_type="text/event-stream")

    async def tokens(asked: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        with ACTIVE.track_inprogress(), GENERATION.time():
            async with sessions[0].post(f"{upstream.url}/chat/completions", json=asked) as response:
                async for read in response.content.iter_any():
                    lines = [line[6:] for line in read.split(b"\n") if line.startswith(b"data: {")]
                    deltas = [json.loads(line)["choices"][0]["delta"].get("content") for line in lines]
                    if text := "".join(filter(None, deltas)):
                        yield f"event: token\ndata: {json.dumps({'text': text})}\n\n".encode()
        REQUESTS.labels("200").inc()
        yield b"event: done\ndata: {}\n\n"

    return app


if __name__ == "__main__":
    run(application)
