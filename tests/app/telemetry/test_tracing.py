"""Traces as a collector receives them, of the service on a real socket in front of a real model server."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed  # pyright: ignore[reportUnknownVariableType] - untyped

from app.adapters.http_client import HttpClient
from app.composition import Adapters, build_generator
from app.settings import Settings
from tests.app.api.conftest import anyio_backend, clean_environment, serving
from tests.support.fake_ports import FakeEmbedder, FakeReranker, FakeStore, hit
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.otlp_collector import OtlpCollector, attributes_of

__all__ = ["anyio_backend", "clean_environment"]

pytestmark = pytest.mark.anyio
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
QUESTION = {"query": "and green?", "messages": [{"role": "user", "content": "Which colour is the sky?"}]}
STAGES = ["rewrite", "embed", "search", "rerank", "generate"]


@asynccontextmanager
async def service(llm: OpenAiServer, **settings: Any) -> AsyncGenerator[httpx.AsyncClient, None]:
    @asynccontextmanager
    async def adapters(made: Settings) -> AsyncGenerator[Adapters, None]:
        async with HttpClient(made.request_timeout_s) as session:
            store = FakeStore([hit("The sky is blue.")])
            yield Adapters(FakeEmbedder(), store, build_generator(made, session), FakeReranker())

    model = {"generator": "openai", "generator_url": llm.url, "generator_model": "m"}
    async with serving(adapters, **model, **settings) as client:
        yield client


async def traced(chat: ChatScript | None = None, **settings: Any) -> tuple[OtlpCollector, OpenAiServer]:
    """Ask one sampled question and stop the service; return what the collector and the model server have seen."""
    async with (
        OtlpCollector() as collector,
        OpenAiServer(chat) as llm,
        service(llm, otlp_endpoint=collector.url, **settings) as client,
    ):
        await client.post("/v1/query", json=QUESTION, headers=SAMPLED)
    return collector, llm


async def test_a_sampled_request_is_one_server_span_with_a_span_for_each_stage_in_order() -> None:
    collector, _ = await traced()
    server = collector.named("POST /v1/query")
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, CALLER)
    stages = sorted((s for s in collector.spans if s is not server), key=lambda s: s.start_time_unix_nano)
    assert [span.name for span in stages] == STAGES
    assert {span.parent_span_id for span in stages} == {server.span_id}
    assert len({span.span_id for span in collector.spans}) == len(STAGES) + 1
    times = [t for span in stages for t in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert times == sorted(times)
    assert server.start_time_unix_nano <= times[0] < times[-1] <= server.end_time_unix_nano
    assert abs(server.end_time_unix_nano / 1e9 - time.time()) < 30
    assert collector.resources[0]["service.name"] == "ragspan"


async def test_the_variables_of_opentelemetry_name_the_sender_further_and_sign_it_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=staging%20eu, service.name=other")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%3Dcret,x-cut=a%0D%0AHost: elsewhere")
    collector, _ = await traced()
    named = collector.resources[0]
    assert (named["deployment.environment"], named["service.name"]) == ("staging eu", "ragspan")
    assert collector.headers["api-key"] == "s=cret"
    assert "x-cut" not in collector.headers, "a value that would begin a line of its own is left out"


async def test_spans_say_what_the_conventions_for_generative_ai_ask_for() -> None:
    collector, _ = await traced()
    assert attributes_of(collector.named("POST /v1/query")) == {
        "http.request.method": "POST",
        "http.route": "/v1/query",
        "http.response.status_code": 200,
        "ragspan.answer.finish_reason": "stop",
        "ragspan.answer.verdict": "ungrounded",
        "ragspan.answer.degraded": [],
        "ragspan.answer.cached": "no",
    }
    generate = attributes_of(collector.named("generate"))
    assert 0 < generate.pop("gen_ai.response.time_to_first_chunk") < 30
    assert generate == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }


async def test_a_model_server_joins_the_trace_under_the_stage_that_asked_it() -> None:
    collector, llm = await traced()
    told = [headers["traceparent"] for headers in llm.headers]
    expected = [f"00-{TRACE}-{collector.named(stage).span_id.hex()}-01" for stage in ("rewrite", "generate")]
    assert told == expected


async def test_a_stage_that_fails_is_an_error_by_its_type_alone() -> None:
    collector, _ = await traced(ChatScript(statuses=[500, 500, 500, 500]), rewrite_timeout_s=0)
    server, generate = collector.named("POST /v1/query"), collector.named("generate")
    assert (server.status.code, generate.status.code, generate.status.message) == (2, 2, "")
    assert attributes_of(generate)["error.type"] == "DependencyFailed"
    assert attributes_of(server)["error.type"] == "502"


async def test_a_client_that_leaves_ends_its_spans_as_cancelled() -> None:
    async with (
        OtlpCollector() as collector,
        OpenAiServer(ChatScript(stall_after=1)) as llm,
        service(llm, otlp_endpoint=collector.url, rewrite_timeout_s=0) as client,
    ):
        asked = {**QUESTION, "stream": True}
        async with client.stream("POST", "/v1/query", json=asked, headers=SAMPLED) as response:
            lines = response.aiter_lines()
            while await anext(lines) != "event: token":
                pass
        await llm.client_left.wait()
    generate, server = collector.named("generate"), collector.named("POST /v1/query")
    assert (attributes_of(generate)["error.type"], generate.status.code) == ("cancelled", 2)
    assert (attributes_of(server)["http.response.status_code"], server.status.code) == (499, 0)


@pytest.mark.parametrize(
    ("ratio", "headers", "is_traced"),
    [(0, {}, False), (1, {}, True), (1, UNSAMPLED, False), (0, SAMPLED, True), (1, {"traceparent": "nonsense"}, True)],
)
async def test_the_caller_decides_else_the_ratio(ratio: float, headers: dict[str, str], is_traced: bool) -> None:
    async with (
        OtlpCollector() as collector,
        OpenAiServer() as llm,
        service(llm, otlp_endpoint=collector.url, trace_sample_ratio=ratio) as client,
    ):
        await client.post("/v1/query", json=QUESTION, headers=headers)
    assert len({span.trace_id for span in collector.spans}) == is_traced
    expected = f"00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-0{is_traced:d}"
    assert all(re.fullmatch(expected, headers["traceparent"]) for headers in llm.headers)


@pytest.mark.parametrize(("given", "told"), [(SAMPLED, SAMPLED["traceparent"]), ({}, None)])
async def test_without_a_collector_a_callers_context_is_handed_on(given: dict[str, str], told: str | None) -> None:
    async with OpenAiServer() as llm, service(llm) as client:
        await client.post("/v1/query", json=QUESTION, headers=given)
    assert [headers.get("traceparent") for headers in llm.headers] == [told, told]


async def test_probes_and_metrics_are_not_traced() -> None:
    async with (
        OtlpCollector() as collector,
        OpenAiServer() as llm,
        service(llm, otlp_endpoint=collector.url, trace_sample_ratio=1) as client,
    ):
        for path in ("/healthz", "/readyz", "/metrics"):
            await client.get(path, headers=SAMPLED)
        await client.get("/v1/models")
    assert [span.name for span in collector.spans] == ["GET /v1/models"]


async def test_a_latencys_exemplar_is_the_trace_of_a_request_that_took_so_long() -> None:
    async with (
        OtlpCollector() as collector,
        OpenAiServer() as llm,
        service(llm, otlp_endpoint=collector.url) as client,
    ):
        await client.post("/v1/query", json=QUESTION, headers=SAMPLED)
        text = (await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})).text
    families = {family.name: family for family in parsed(text)}
    exemplars = [sample.exemplar for sample in families["rag_time_to_first_token_seconds"].samples if sample.exemplar]
    assert [exemplar.labels for exemplar in exemplars] == [{"trace_id": TRACE}]
