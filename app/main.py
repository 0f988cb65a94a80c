"""The application behind its gate: builds what the settings choose; the lifespan opens and closes it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig

from app.answer_basis import answer_basis
from app.api import chat, documents, feedback, probes, query, retrieve
from app.api.admission import Admission, TurnAway
from app.api.deps import Service
from app.api.errors import add_error_handlers
from app.api.head_requests import HeadAsGet
from app.api.lean import LeanRoutes
from app.api.limits import Ledgers, TenantLimits
from app.api.openai_errors import OpenAiErrors
from app.api.openapi import DocumentedApp
from app.api.upload_places import UploadPlaces
from app.composition import Adapters, build_ledgers, open_adapters
from app.identity import Identity
from app.ingest.identity import index_identity
from app.ingest.pipeline import Ingestor
from app.rag.breaker import Breakers
from app.rag.caching import CachedAnswers
from app.rag.corpus import CorpusVersions
from app.rag.generation import Writer
from app.rag.guard import Guard, Rules
from app.rag.pipeline import Pipeline
from app.rag.quality import Thresholds
from app.rag.reranking import Reranking
from app.rag.retrieval import Retriever
from app.rag.rewriting import Rewriting
from app.readiness import Readiness
from app.security.body_limit import BodyLimit
from app.security.gate import AllowedHosts, Authentication, SameOrigin
from app.security.needed_scopes import NEEDED, undeclared
from app.security.principal import DEFAULT_TENANT
from app.security.refused_sign_ins import RefusedSignIns
from app.security.seen_tenants import SeenTenants
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.requests import RequestTelemetry
from app.telemetry.tracing import Tracing
from app.web import routes as web
from app.web import session

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""Turns off FastAPI's own telemetry; ours is in app/telemetry and contains no content."""
WITHOUT: Mapping[str, Any] = {"docs_url": None, "redoc_url": None, "redirect_slashes": False, "telemetry": NO_TELEMETRY}
"""Things that FastAPI would add. Its redirects name http:// behind a proxy that terminates TLS, so that questions would
follow in the clear."""


def create_app(
    settings: Settings,
    open_adapters: Callable[[Settings], AbstractAsyncContextManager[Adapters]] = open_adapters,
) -> FastAPI:
    """Return the application; nothing is opened before its lifespan starts."""
    metrics = Metrics()
    identity = Identity(settings)
    tenants = SeenTenants({key.tenant for key in settings.api_keys} or {DEFAULT_TENANT})
    ledgers = Ledgers(*build_ledgers(settings), metrics)
    readiness = Readiness(metrics)
    tracing = Tracing(settings, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with tracing.exporting(), identity, open_adapters(settings) as adapters, AsyncExitStack() as at_the_end:
            at_the_end.push_async_callback(ledgers.close)
            app.state.service = service = _service(settings, adapters, readiness, metrics)
            at_the_end.callback(service.ingestor.close)
            if service.cached:
                at_the_end.push_async_callback(service.cached.close)
            async with readiness.watching(adapters, index_identity(adapters.embedder), tenants):
                yield

    app = DocumentedApp(title="ragspan", lifespan=lifespan, **WITHOUT)
    admission = Admission(settings.max_active_queries, settings.max_waiting_queries, metrics)
    app.state.readiness, app.state.metrics, app.state.admission = readiness, metrics, admission
    app.state.sessions, app.state.sign_in = identity.sessions, identity.sign_in
    _add_routes(app)
    endpoints = frozenset(path for _, path in NEEDED)
    metrics.expect(sorted(endpoints))
    add_error_handlers(app)
    _add_inner_middleware(app, settings, admission)
    if settings.limits_tenants:
        app.add_middleware(TenantLimits, ledgers=ledgers, quota_of=lru_cache(settings.quota_of), metrics=metrics)
    _add_gate(app, settings, identity, tenants, metrics)
    app.add_middleware(OpenAiErrors)
    app.add_middleware(RequestTelemetry, endpoints=endpoints, metrics=metrics, tracing=tracing)
    app.add_middleware(HeadAsGet)
    return app


def _add_routes(app: FastAPI) -> None:
    for module in (query, retrieve, chat, feedback, documents, probes, web, session):
        app.include_router(module.router)
    if missing := undeclared(app.routes):
        raise LookupError(f"app/security/needed_scopes.py does not say who may call {', '.join(missing)}")


def _add_inner_middleware(app: FastAPI, settings: Settings, admission: Admission) -> None:
    """Add the middleware between the gate and the routes. The last one added is the outermost."""
    questions = [route for module in (query, chat) for route in module.router.routes if isinstance(route, APIRoute)]
    app.add_middleware(LeanRoutes, routes=[route for route in questions if "POST" in (route.methods or ())])
    app.add_middleware(BodyLimit, max_upload_bytes=settings.max_upload_bytes)
    app.add_middleware(UploadPlaces)
    app.add_middleware(TurnAway, admission=admission)


def _add_gate(app: FastAPI, settings: Settings, identity: Identity, tenants: SeenTenants, metrics: Metrics) -> None:
    app.add_middleware(Authentication, authenticators=identity.authenticators, tenants=tenants)
    app.add_middleware(RefusedSignIns, per_minute=settings.max_refusals_per_minute, count=metrics.count_refused_sign_in)
    app.add_middleware(SameOrigin)
    app.add_middleware(AllowedHosts, allowed=(*settings.allowed_hosts, settings.host))


def _service(settings: Settings, adapters: Adapters, readiness: Readiness, metrics: Metrics) -> Service:
    reranking = Reranking(adapters.reranker, settings.rerank_timeout_s) if adapters.reranker else None
    retriever = Retriever(
        adapters.embedder,
        adapters.store,
        settings.retrieval_timeout_s,
        reranking,
        per_document=settings.passages_per_document,
    )
    model = adapters.generator if settings.generator != "extractive" and settings.rewrite_timeout_s else None
    rewriting = Rewriting(model, settings.rewrite_timeout_s)
    guard = Guard(Rules(link_hosts=frozenset(settings.link_hosts), redact=settings.redact))
    thresholds = Thresholds(min_support=settings.quality_min_support, min_grounded=settings.quality_min_grounded)
    writer = Writer(adapters.generator, settings.stream_idle_timeout_s, guard, thresholds)
    pipeline = Pipeline(
        retriever,
        writer,
        settings.request_timeout_s,
        readiness.breakers,
        rewriting,
        prompt_tokens=settings.prompt_max_tokens,
        holds=settings.quality_mode == "hold",
    )
    cached = _cached(settings, adapters, pipeline, readiness.breakers, metrics)
    return Service(
        settings=settings,
        adapters=adapters,
        pipeline=pipeline,
        cached=cached,
        ingestor=Ingestor(adapters.store, adapters.embedder, cached.changing if cached else nullcontext),
        readiness=readiness,
        metrics=metrics,
    )


def _cached(
    settings: Settings, adapters: Adapters, pipeline: Pipeline, breakers: Breakers, metrics: Metrics
) -> CachedAnswers | None:
    """Return the cache in front of the pipeline, if there is one."""
    if adapters.cache is None:
        return None
    return CachedAnswers(
        pipeline,
        adapters.cache,
        CorpusVersions(adapters.store.corpus_version, breakers),
        breakers,
        min_similarity=settings.cache_min_similarity,
        basis=answer_basis(settings, index_identity(adapters.embedder), adapters.generator.model),
        count=lambda outcome: metrics.cache.labels(outcome).inc(),
    )
