"""Both reranking adapters against a server that speaks the real protocols."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from app.adapters.http import ModelServer
from app.adapters.http_client import HttpClient
from app.adapters.nim_ranking import NimReranker
from app.adapters.tei_rerank import BATCH_TEXTS, TeiReranker
from app.ports import DependencyUnavailable, Reranker
from tests.support.rerank_server import RerankServer, logit

pytestmark = pytest.mark.anyio
QUESTION = "when does the pool drain"
TEXTS = ["grass is green", "the pool may drain when it rains", "the pool", "when does the pool drain"]


@asynccontextmanager
async def reranker(server: RerankServer, kind: str) -> AsyncGenerator[Reranker, None]:
    async with HttpClient(read_timeout_s=2) as http:
        if kind == "nim":
            yield NimReranker(ModelServer(http, server.nim_url, None, "reranker"), model="m")
        else:
            yield TeiReranker(ModelServer(http, server.tei_url, None, "reranker"))


@pytest.mark.parametrize("kind", ["nim", "tei"])
async def test_scores_are_probabilities_in_the_order_of_the_texts(kind: str) -> None:
    async with RerankServer() as server, reranker(server, kind) as r:
        scores = await r.scores(QUESTION, TEXTS)
    assert scores == pytest.approx([1 / (1 + math.exp(-logit(QUESTION, text))) for text in TEXTS])
    assert [score > 0.5 for score in scores] == [False, True, False, True]


async def test_the_nim_is_asked_for_its_model_and_to_cut_long_passages() -> None:
    async with RerankServer() as server, reranker(server, "nim") as r:
        await r.scores(QUESTION, ["a", "b"])
    assert server.requests == [
        {"model": "m", "query": {"text": QUESTION}, "passages": [{"text": "a"}, {"text": "b"}], "truncate": "END"}
    ]


async def test_tei_gets_no_more_texts_at_once_than_it_takes() -> None:
    texts = [f"the pool {number}" for number in range(BATCH_TEXTS)] + [QUESTION]
    async with RerankServer() as server, reranker(server, "tei") as r:
        scores = await r.scores(QUESTION, texts)
    assert (len(server.requests), len(scores)) == (2, len(texts))
    assert scores.index(max(scores)) == BATCH_TEXTS


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("nim", '{"rankings": [{"index": 0, "logit": 1}]}'),
        ("nim", '{"rankings": [{"index": 0, "logit": 1}, {"index": 0, "logit": 2}]}'),
        ("nim", '{"rankings": [{"index": 0, "logit": 1}, {"index": 2, "logit": 2}]}'),
        ("nim", '{"rankings": [{"index": 0, "logit": NaN}, {"index": 1, "logit": 2}]}'),
        ("nim", "[]"),
        ("tei", '[{"index": 0, "score": 0.5}]'),
        ("tei", '[{"index": -1, "score": 0.5}, {"index": 0, "score": 0.5}]'),
        ("tei", "<html>"),
    ],
)
async def test_an_answer_that_is_no_score_for_each_text_is_an_error(kind: str, raw: str) -> None:
    async with RerankServer(raw=raw) as server, reranker(server, kind) as r:
        with pytest.raises(DependencyUnavailable) as caught:
            await r.scores(QUESTION, ["a", "b"])
    assert caught.value.dependency == "reranker"


async def test_the_steepest_logits_stay_within_0_and_1() -> None:
    raw = '{"rankings": [{"index": 0, "logit": -1e300}, {"index": 1, "logit": 1e300}]}'
    async with RerankServer(raw=raw) as server, reranker(server, "nim") as r:
        assert await r.scores(QUESTION, ["a", "b"]) == pytest.approx([0, 1])


@pytest.mark.parametrize(("kind", "path"), [("nim", "/v1/models"), ("tei", "/health")])
async def test_health_asks_where_each_server_tells_it(kind: str, path: str) -> None:
    async with RerankServer() as server, reranker(server, kind) as r:
        assert (await r.health()).ok
    assert server.paths == [path]
