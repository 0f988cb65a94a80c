"""`POST /query` and `/v1/query`: an answer with sources and citations, as one JSON object or as server-sent events."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache

from fastapi import APIRouter, Depends, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.api.admission import admitted
from app.api.deps import GroupsDep, Service, ServiceDep, TenantDep, UseDep
from app.api.disconnect import unless_client_leaves
from app.api.event_stream import EventStream, LastEvent, server_sent_event
from app.api.schemas import Answer, AnswerEnd, QueryRequest, Source
from app.ports import Hit, Message, Scope
from app.rag.access import wanted_tags
from app.rag.caching import Replay
from app.rag.events import Done, Event, Sources, Token
from app.rag.kept_answer import HOT_ANSWERS, KeptAnswer
from app.rag.retrieval import Question
from app.rag.trace import current
from app.telemetry.metrics import Metrics

JSON = "application/json"
PASSAGES_AT_HAND = 512
"""Passages kept as JSON because they are found often or belong to cached answers; some 2 MB."""

router = APIRouter(tags=["questions"], dependencies=[Depends(admitted)])


@router.post("/v1/query", response_model=Answer)
@router.post("/query", response_model=Answer)
async def query(
    body: QueryRequest, request: Request, service: ServiceDep, tenant: TenantDep, groups: GroupsDep, use: UseDep
) -> Response:
    """Answer a question from the tenant's documents. `stream` decides the form; if absent, the Accept header does."""
    question = _question(body, service, tenant, groups)
    if wants_stream(body.stream, request):
        events = observed(service.answer(question, use), service.metrics)
        return EventStream(_rendered(events))
    begun = await service.begin(question, use)
    if isinstance(begun, Replay):
        observe_end(begun.done, service.metrics)
        return Response(replayed(begun), media_type=JSON)
    answer = await unless_client_leaves(request.receive, collect(observed(begun, service.metrics)))
    return Response(answer.model_dump_json(), media_type=JSON)


def wants_stream(stream: bool | None, request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "") if stream is None else stream


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
    """Yield the events, counting and timing them."""
    trace = current.get()
    with metrics.active_queries.track_inprogress():
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    observe_end(event, metrics)
                elif trace and isinstance(event, Token):
                    trace.has_words = True
                yield event


def observe_end(done: Done, metrics: Metrics) -> None:
    metrics.observe_answer(done)
    if trace := current.get():
        trace.end = done


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
                    return Answer(answer=text, sources=sources, **dict(answer_end(event, new_answer_id())))
    raise AssertionError("the pipeline ends with Done or raises")


def replayed(replay: Replay) -> bytes:
    """Return a cached answer as JSON, rebuilding only what differs in each request."""
    done = replay.done
    rest, metadata = _lasting(replay.found)
    return b'{"answer_id":"%b","metadata":{"timings_ms":%b,"degraded":%b,%b,%b' % (
        new_answer_id().encode(),
        to_json(done.timings_ms),
        to_json(done.degraded),
        metadata,
        rest,
    )


@lru_cache(maxsize=HOT_ANSWERS)
def _lasting(found: KeptAnswer) -> tuple[bytes, bytes]:
    """Return an answer's constant fields and those of its metadata, each without its opening brace."""
    end = answer_end(found.done("exact", {}, []), answer_id="")
    answer = Answer(answer=found.text, sources=[source(hit) for hit in found.hits], **dict(end))
    rest = answer.model_dump_json(exclude={"answer_id", "metadata"})
    return rest[1:].encode(), end.metadata.model_dump_json(exclude={"timings_ms", "degraded"})[1:].encode()


async def _rendered(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """The sources are sent with the first words: before that, a failure still gets its own status, which tells a client
    whether to retry.
    """
    sources = b""
    async with aclosing(events):
        async for event in events:
            match event:
                case Sources():
                    sources = render(event)
                case Token():
                    yield sources + render(event)
                    sources = b""
                case Done():
                    if sources:
                        yield sources
                    yield render(event)


def render(event: Event) -> bytes:
    """Return an event in its wire format."""
    match event:
        case Sources(hits):
            return b'event: sources\ndata: {"sources":[%b]}\n\n' % b",".join(_source_json(hit) for hit in hits)
        case Token(text):
            return server_sent_event("token", {"text": text})
        case Done():
            return LastEvent(server_sent_event("done", answer_end(event, new_answer_id())))


@lru_cache(maxsize=PASSAGES_AT_HAND)
def _source_json(hit: Hit) -> bytes:
    return to_json(source(hit))


def source(hit: Hit) -> Source:
    chunk = hit.chunk
    return Source(
        doc_id=chunk.doc_id, title=chunk.title, text=chunk.text, score=round(hit.score, 6), location=chunk.location
    )


def new_answer_id() -> str:
    """Return a random UUID, version 4 of RFC 9562, and note it in the trace for the request's log line.

    The `uuid` module would take a twentieth of a cached answer.
    """
    digits = secrets.token_hex(16)
    answer_id = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"
    if trace := current.get():
        trace.answer_id = answer_id
    return answer_id


def answer_end(done: Done, answer_id: str) -> AnswerEnd:
    fields = {
        "answer_id": answer_id,
        "citations": done.citations,
        "metadata": {
            "model": done.model,
            "timings_ms": done.timings_ms,
            "tokens": {"prompt": done.prompt_tokens, "completion": done.completion_tokens},
            "degraded": done.degraded,
            "cached": done.cached,
            "removed": done.removed,
            "quality": done.quality,
        },
        "finish_reason": done.finish_reason,
        "truncated": done.finish_reason == "length",
    }
    return AnswerEnd.model_validate(fields, from_attributes=True)
