"""A reranker that the settings choose, seen over HTTP: R5 of the fault matrix."""

import time

import httpx
import pytest

from app.adapters.http_client import HttpClient
from app.composition import build_reranker
from app.settings import Settings
from tests.app.api.conftest import Serve
from tests.app.api.events import parsed
from tests.support.fake_ports import FakeReranker
from tests.support.rerank_server import RerankServer

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
LIMIT_S = 0.2
RERANKER = {"reranker": "tei", "reranker_url": "http://tei", "rerank_timeout_s": LIMIT_S}


@pytest.fixture
def reranker() -> FakeReranker:
    return FakeReranker(liked="green")


async def test_sources_come_in_the_rerankers_order(serve: Serve) -> None:
    async with serve() as client:
        body = (await client.post("/v1/query", json=QUESTION)).json()
    assert [(source["doc_id"], source["score"]) for source in body["sources"]] == [("garden", 0.8), ("handbook", 0.1)]
    assert (body["metadata"]["degraded"], "rerank" in body["metadata"]["timings_ms"]) == ([], True)


async def test_without_its_reranker_a_question_is_answered_in_time_and_says_so(
    serve: Serve, reranker: FakeReranker
) -> None:
    reranker.hang = True
    async with serve(**RERANKER) as client:
        since = time.monotonic()
        events = parsed((await client.post("/v1/query", json={**QUESTION, "stream": True})).text)
        assert time.monotonic() - since < LIMIT_S + 1
    assert [source["doc_id"] for source in events[0][1]["sources"]] == ["handbook", "garden"]
    assert events[-1][0] == "done"
    assert events[-1][1]["metadata"]["degraded"] == ["rerank"]


async def test_a_lost_reranker_is_named_and_keeps_the_replica_ready(serve: Serve, reranker: FakeReranker) -> None:
    reranker.is_up = False
    async with serve() as client:
        response: httpx.Response = await client.get("/readyz")
    assert (response.status_code, response.json()["degraded"]) == (200, ["reranker"])


@pytest.mark.parametrize("kind", ["nim", "tei"])
async def test_the_settings_choose_the_reranker_and_its_key(kind: str) -> None:
    async with RerankServer() as server, HttpClient(2) as http:
        where = {"reranker_url": server.nim_url, "reranker_model": "m"} if kind == "nim" else {
            "reranker_url": server.tei_url
        }  # fmt: skip
        reranker = build_reranker(Settings.model_validate({"reranker": kind, **where}), http)
        assert reranker
        assert len(await reranker.scores("which", ["a", "b"])) == 2
