"""`POST /query` and `/v1/query`: an answer with sources and citations, as one JSON object or as server-sent events."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.api.admission import admitted
from app.api.deps import GroupsDep, Service, ServiceDep, TenantDep, UseDep
from app.api.disconnect import unless_client_leaves
from app.api.event_stream import EventStream, LastEvent, server_sent_event
from app.api.schemas import Answer, AnswerEnd, Citation, Metadata, Quality, QueryRequest, Source, Tokens
from app.ports import Hit, Message, Scope
from app.rag import citations
from app.rag.access import wanted_tags
from app.rag.events import Done, Event, Sources, Token
from app.rag.quality import Verdict
from app.rag.retrieval import Question
from app.rag.trace import current
from app.telemetry.metrics import Metrics

PASSAGES_AT_HAND = 512
"""Found again and again, or given with kept answers; some 2 MB."""

router = APIRouter(tags=["questions"], dependencies=[Depends(admitted)])


@router.post("/v1/query", response_model=Answer)
@router.post("/query", response_model=Answer)
async def query(
    body: QueryRequest, request: Request, service: ServiceDep, tenant: TenantDep, groups: GroupsDep, use: UseDep
) -> Response:
    """Answer a question from the tenant's documents. `stream` decides the form; if absent, the Accept header does."""
    events = observed(service.answer(_question(body, service, tenant, groups), use), service.metrics)
    if wants_stream(body.stream, request.headers.get("accept", "")):
        # Retrieval comes before the first byte, so that its failure is still a problem with its own status.
        first = await unless_client_leaves(request.receive, _first(events))
        return EventStream(_rendered(first, events))
    answer = await unless_client_leaves(request.receive, collect(events))
    return Response(answer.model_dump_json(), media_type="application/json")


def wants_stream(stream: bool | None, accept: str) -> bool:
    return "text/event-stream" in accept if stream is None else stream


def _question(body: QueryRequest, service: Service, tenant: str, groups: frozenset[str] | None) -> Question:
    service.check_length(body.query)
    return Question(
        tenant=tenant,
        text=body.query,
        top_k=body.top_k or service.settings.top_k,
        conversation=tuple(Message(role=turn.role, content=turn.content) for turn in body.messages),
        scope=Scope(groups=groups, tags=wanted_tags(body.filter)),
    )


async def observed(events: AsyncGenerator[Event, None], metrics: Metrics) -> AsyncGenerator[Event, None]:
    """Pass the events on, counting and timing them."""
    with metrics.active_queries.track_inprogress():
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    metrics.observe_answer(event)
                    if trace := current.get():
                        trace.end = event
                yield event


async def _first(events: AsyncGenerator[Event, None]) -> Event:
    return await anext(events)


async def collect(events: AsyncGenerator[Event, None]) -> Answer:
    """Return the whole answer."""
    sources: list[Source] = []
    text = ""
    async with aclosing(events):
        async for event in events:
            match event:
                case Sources(hits):
                    sources = [source(hit) for hit in hits]
                case Token(piece):
                    text += piece
                case Done():
                    return Answer(answer=text, sources=sources, **dict(answer_end(event)))
    raise AssertionError("the pipeline ends with Done or raises")


async def _rendered(first: Event, rest: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield render(first)
        async for event in rest:
            yield render(event)


def render(event: Event) -> bytes:
    """Return an event as it goes over the wire."""
    match event:
        case Sources(hits):
            return server_sent_event("sources", {"sources": [source(hit) for hit in hits]})
        case Token(text):
            return server_sent_event("token", {"text": text})
        case Done():
            return LastEvent(server_sent_event("done", answer_end(event)))


@lru_cache(maxsize=PASSAGES_AT_HAND)
def source(hit: Hit) -> Source:
    chunk = hit.chunk
    return Source(
        doc_id=chunk.doc_id, title=chunk.title, text=chunk.text, score=round(hit.score, 6), location=chunk.location
    )


def answer_end(done: Done) -> AnswerEnd:
    return AnswerEnd(
        answer_id=str(uuid.uuid4()),
        citations=[_citation(found) for found in done.citations],
        metadata=Metadata(
            model=done.model,
            timings_ms={str(stage): value for stage, value in done.timings_ms.items()},
            tokens=Tokens(prompt=done.prompt_tokens, completion=done.completion_tokens),
            degraded=done.degraded,
            cached=done.cached,
            removed=done.removed,
            quality=_quality(done.quality),
        ),
        finish_reason=done.finish_reason,
        truncated=done.finish_reason == "length",
    )


def _citation(found: citations.Citation) -> Citation:
    return Citation(
        source=found.source,
        start=found.start,
        end=found.end,
        passage_start=found.passage_start,
        passage_end=found.passage_end,
    )


def _quality(verdict: Verdict) -> Quality:
    return Quality(
        verdict=verdict.verdict,
        grounded=verdict.grounded,
        statements=verdict.statements,
        unsupported=list(verdict.unsupported),
    )
