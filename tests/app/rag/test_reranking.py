"""The optional reranking stage, in front of stand-in ports."""

import time

import pytest

from app.ports import DependencyUnavailable
from app.rag.reranking import Reranking
from app.rag.retrieval import Question, Retriever
from app.rag.run import Run
from tests.support.fake_ports import FakeEmbedder, FakeReranker, FakeStore, hit

pytestmark = pytest.mark.anyio
QUESTION = Question(tenant="acme", text="Which colour?", top_k=2)
LIMIT_S = 0.1


def retriever(store: FakeStore, reranker: FakeReranker) -> Retriever:
    return Retriever(FakeEmbedder(), store, 1, Reranking(reranker, LIMIT_S))


async def test_the_best_judged_passages_come_first_with_the_judgement_as_their_score() -> None:
    store = FakeStore([hit(text) for text in ("one", "two", "three", "blue four")])
    run = Run(5)
    hits = await retriever(store, FakeReranker(liked="blue")).retrieve(QUESTION, run)
    assert [(h.chunk.text, h.score) for h in hits] == [("blue four", 0.8), ("one", 0.1)]
    assert (run.degraded, "rerank" in run.timings_ms) == ([], True)


async def test_more_passages_are_fetched_and_judged_with_their_titles() -> None:
    store, reranker = FakeStore([hit(str(n)) for n in range(20)]), FakeReranker()
    await retriever(store, reranker).retrieve(QUESTION, Run(5))
    assert store.searches == [("acme", "Which colour?", 8)]
    assert reranker.asked == [("Which colour?", [f"Handbook\n{n}" for n in range(8)])]


@pytest.mark.parametrize(
    "reranker", [FakeReranker(hang=True), FakeReranker(error=DependencyUnavailable("reranker", "down"))]
)
async def test_a_slow_or_lost_reranker_is_done_without_within_its_budget(reranker: FakeReranker) -> None:
    found, run = [hit("one"), hit("two"), hit("three")], Run(5)
    since = time.monotonic()
    hits = await retriever(FakeStore(found), reranker).retrieve(QUESTION, run)
    assert time.monotonic() - since < LIMIT_S + 1
    assert (hits, run.degraded) == (tuple(found[:2]), ["rerank"])


async def test_nothing_found_is_not_sent_to_the_reranker() -> None:
    reranker, run = FakeReranker(), Run(5)
    assert await retriever(FakeStore(), reranker).retrieve(QUESTION, run) == ()
    assert (reranker.asked, run.timings_ms.keys()) == ([], {"embed", "search"})
