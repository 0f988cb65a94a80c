"""Row D10: each metric is there from the start, is well formed, and counts what its name says."""

import math

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed  # pyright: ignore[reportUnknownVariableType] - untyped
from prometheus_client.parser import text_string_to_metric_families

from app.ports import DependencyUnavailable
from tests.support.fake_ports import FakeGenerator, FakeReranker

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
PROMISED = {
    "rag_requests_total": {"endpoint", "status"},
    "rag_retrieval_latency_seconds_count": set[str](),
    "rag_generation_latency_seconds_count": set[str](),
    "rag_time_to_first_token_seconds_count": set[str](),
    "rag_inter_token_latency_seconds_count": set[str](),
    "rag_stage_latency_seconds_count": {"stage"},
    "rag_active_queries": set[str](),
    "rag_waiting_queries": set[str](),
    "rag_vector_db_documents": set[str](),
    "rag_tokens_total": {"kind"},
    "rag_answers_total": {"finish_reason", "verdict"},
    "rag_degraded_total": {"dependency"},
    "rag_guard_cuts_total": {"category"},
    "rag_shed_requests_total": {"reason"},
    "rag_feedback_total": {"rating"},
    "rag_dependency_up": {"dependency"},
    "rag_circuit_breaker_open": {"dependency"},
    "rag_trace_spans_total": {"outcome"},
    "rag_build_info": {"version", "python"},
}


@pytest.fixture
def reranker() -> FakeReranker:
    return FakeReranker()


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = (await client.get("/metrics")).text
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


async def gained(client: httpx.AsyncClient, before: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> set[str]:
    """Names and labels of what grew by one, without the buckets."""
    after = await samples(client)
    grown = {key for key, value in after.items() if value - before.get(key, math.nan) == 1 and "_bucket" not in key[0]}
    return {"/".join((name, *sorted(value for _, value in labels))) for name, labels in grown}


async def test_each_promised_metric_is_there_before_the_first_question(client: httpx.AsyncClient) -> None:
    found: dict[str, set[str]] = {}
    for name, labels in await samples(client):
        found.setdefault(name, set()).update(label for label, _ in labels)
    assert {name: found.get(name) for name in PROMISED} == PROMISED


async def test_an_answer_is_counted_once_everywhere(client: httpx.AsyncClient, generator: FakeGenerator) -> None:
    before = await samples(client)
    await client.post("/v1/query", json=QUESTION)
    stages = ("embed", "search", "rerank", "first_token", "generate", "stream", "quality", "total")
    latencies = ("retrieval_latency", "generation_latency", "time_to_first_token", "inter_token_latency")
    assert await gained(client, before) == {
        "rag_requests_total//v1/query/200",
        "rag_answers_total/grounded/stop",
        *(f"rag_{latency}_seconds_count" for latency in latencies),
        *(f"rag_stage_latency_seconds_count/{stage}" for stage in stages),
    }
    tokens = {labels: value for (name, labels), value in (await samples(client)).items() if name == "rag_tokens_total"}
    assert tokens == {frozenset({("kind", "prompt")}): 5, frozenset({("kind", "completion")}): 2}


async def test_what_was_missing_cut_or_unsupported_is_counted(
    client: httpx.AsyncClient, generator: FakeGenerator, reranker: FakeReranker
) -> None:
    generator.pieces = ("The moon is made of cheese and very old. [1]", " See https://evil.example/x.")
    reranker.error = DependencyUnavailable("reranker", "down")
    before = await samples(client)
    await client.post("/v1/query", json=QUESTION)
    counted = {"rag_answers_total/stop/ungrounded", "rag_degraded_total/rerank", "rag_guard_cuts_total/link"}
    assert counted <= await gained(client, before)


async def test_who_accepts_openmetrics_gets_it_well_formed(client: httpx.AsyncClient) -> None:
    await client.post("/v1/query", json=QUESTION)
    response = await client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in parsed(response.text)}
    assert {name.removesuffix("_count").removesuffix("_total").removesuffix("_info") for name in PROMISED} <= families
