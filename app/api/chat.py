"""`POST /v1/chat/completions` and `GET /v1/models`: `/v1/query` in the form that OpenAI's clients expect."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic_core import to_json
from starlette.responses import JSONResponse, Response

from app.api.admission import admitted
from app.api.chat_schemas import ChatRequest
from app.api.deps import GroupsDep, Service, ServiceDep, TenantDep, UseDep
from app.api.disconnect import unless_client_leaves
from app.api.event_stream import EventStream, LastEvent
from app.api.openai_errors import CHAT_PATH, MODELS_PATH, envelope
from app.api.problems import Problem
from app.api.query import answer_end, new_answer_id, observed, source
from app.api.schemas import MAX_MESSAGES
from app.ports import Message, Scope
from app.rag.access import wanted_tags
from app.rag.events import Done, Event, Sources, Token
from app.rag.retrieval import Question

router = APIRouter(tags=["OpenAI's API"])
LAST = LastEvent(b"data: [DONE]\n\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What all chunks of one answer share."""

    model: str
    ignored: Sequence[str]
    answer_id: str = field(default_factory=new_answer_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        head = {"id": f"chatcmpl-{self.answer_id}", "object": kind, "created": self.created, "model": self.model}
        return {**head, "choices": choices, **more}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _data(self.object("chat.completion.chunk", [choice], **more))

    def ragspan(self, sources: Sources, done: Done) -> dict[str, Any]:
        """Return the parts of an answer that OpenAI's format has no place for."""
        return {
            **answer_end(done, self.answer_id).model_dump(),
            "sources": [source(hit).model_dump() for hit in sources.hits],
            "ignored": self.ignored,
        }


@router.post(CHAT_PATH, dependencies=[Depends(admitted)])
async def complete(
    body: ChatRequest, request: Request, service: ServiceDep, tenant: TenantDep, groups: GroupsDep, use: UseDep
) -> Response:
    """Answer the last message from the tenant's documents, as `chat.completion` or as its chunks."""
    _require_model(body.model, service)
    completion = Completion(model=body.model, ignored=body.ignored())
    question = _question(body, service, tenant, groups)
    events = observed(service.answer(question, use), service.metrics)
    if body.stream:
        wants_usage = body.stream_options is not None and body.stream_options.include_usage
        return ChatStream(_chunks(events, completion, wants_usage=wants_usage))
    return JSONResponse(await unless_client_leaves(request.receive, _whole(events, completion)))


def _question(body: ChatRequest, service: Service, tenant: str, groups: frozenset[str] | None) -> Question:
    """The last message is the question. System messages are ignored: no caller can override the service's own rules."""
    *before, last = body.messages
    if last.role != "user" or not last.content or not last.content.strip():
        raise Problem(
            422, "The last message is the question: its role must be 'user', its text some.", param="messages"
        )
    service.check_length(last.content)
    return Question(
        tenant=tenant,
        text=last.content.strip(),
        top_k=body.top_k or service.settings.top_k,
        conversation=tuple(
            Message(role=turn.role, content=turn.content)
            for turn in before[-MAX_MESSAGES:]
            if turn.content and (turn.role == "user" or turn.role == "assistant")  # noqa: PLR1714 - a set would not narrow
        ),
        scope=Scope(groups=groups, tags=wanted_tags(body.filter)),
    )


async def _next_word(events: AsyncGenerator[Event, None]) -> tuple[Sources, Token | Done]:
    """Return the next Token or Done, and the Sources if they came before it."""
    sources = Sources(())
    async for event in events:
        if not isinstance(event, Sources):
            return sources, event
        sources = event
    raise AssertionError("the pipeline ends with Done or raises")


async def _whole(events: AsyncGenerator[Event, None], completion: Completion) -> dict[str, Any]:
    async with aclosing(events):
        sources, event = await _next_word(events)
        text = ""
        while isinstance(event, Token):
            text += event.text
            _, event = await _next_word(events)
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(event)}
    ragspan = completion.ragspan(sources, event)
    return completion.object("chat.completion", [choice], **_usage(event), ragspan=ragspan)


async def _chunks(
    events: AsyncGenerator[Event, None], completion: Completion, *, wants_usage: bool
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        # Before the first word a failure still gets its own status, which tells a client whether to retry.
        sources, event = await _next_word(events)
        yield completion.chunk({"role": "assistant", "content": ""})
        while isinstance(event, Token):
            yield completion.chunk({"content": event.text})
            _, event = await _next_word(events)
    ragspan = completion.ragspan(sources, event)
    if wants_usage and (usage := _usage(event)):
        yield completion.chunk({}, _finish_reason(event))
        yield _data(completion.object("chat.completion.chunk", [], **usage, ragspan=ragspan))
    else:
        yield completion.chunk({}, _finish_reason(event), ragspan=ragspan)
    yield LAST


def _finish_reason(done: Done) -> str:
    return "length" if done.finish_reason == "length" else "stop"


def _usage(done: Done) -> dict[str, Any]:
    """Return the `usage` member, or nothing if the model server reported no counts."""
    prompt, completion = done.prompt_tokens, done.completion_tokens
    if prompt is None or completion is None:
        return {}
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"usage": counts}


def _data(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % to_json(chunk)


class ChatStream(EventStream):
    """A stream of chunks. A failure after the first one becomes a final error object, without `[DONE]`."""

    def failure(self, problem: dict[str, Any]) -> bytes:
        return _data(envelope(problem))


@router.get(MODELS_PATH)
async def models(service: ServiceDep) -> dict[str, Any]:
    """List the one model that this service answers as."""
    return {"object": "list", "data": [_model(service)]}


@router.get(f"{MODELS_PATH}/{{model_id:path}}")
async def model(model_id: str, service: ServiceDep) -> dict[str, Any]:
    _require_model(model_id, service)
    return _model(service)


def served_model(service: Service) -> str:
    name = service.adapters.generator.model
    return f"ragspan-{name}" if service.settings.generator == "extractive" else name


def _model(service: Service) -> dict[str, Any]:
    return {"id": served_model(service), "object": "model", "created": 0, "owned_by": "ragspan"}


def _require_model(name: str, service: Service) -> None:
    served = served_model(service)
    if name != served:
        detail = f"There is no model {name[:80]!r}; this service answers as {served!r}."
        raise Problem(404, detail, code="model_not_found", param="model")
