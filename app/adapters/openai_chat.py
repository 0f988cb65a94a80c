"""Answers from any OpenAI-compatible chat endpoint: vLLM, NVIDIA NIM, Ollama, OpenAI itself."""

import json
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from app.adapters.http import ModelServer
from app.ports import DependencyUnavailable, GenerationEnd, Health, Prompt

DEPENDENCY = "generator"


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(BaseModel):
    """What is used of a `chat.completion.chunk`; servers add much of their own, and leave `choices` out at the end."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class OpenAiChat:
    """Satisfies ports.Generator. Streams from `POST {url}/chat/completions`."""

    def __init__(self, server: ModelServer, *, model: str, max_tokens: int) -> None:
        self._server, self._model, self._max_tokens = server, model, max_tokens

    @property
    def model(self) -> str:
        return self._model

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        """Yield the answer's pieces, then its end. Raises DependencyUnavailable, also when the stream is cut."""
        body = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            "max_tokens": self._max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        finish_reason: Literal["stop", "length"] | None = None
        usage = _Usage()
        async with self._server.post("/chat/completions", body) as response:
            async for data in sse_data(response.content):
                if data == "[DONE]":
                    finish_reason = finish_reason or "stop"
                    break
                chunk = _parse(data)
                usage = chunk.usage or usage
                for choice in chunk.choices[:1]:
                    if choice.delta.content:
                        yield choice.delta.content
                    if choice.finish_reason:
                        finish_reason = "length" if choice.finish_reason == "length" else "stop"
        if finish_reason is None:
            raise DependencyUnavailable(DEPENDENCY, "the chat stream was cut before its end")
        yield GenerationEnd(
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )

    async def health(self) -> Health:
        return await self._server.health()

    async def close(self) -> None:
        """Nothing of its own to close: the HTTP client belongs to whoever opened it."""


async def sse_data(lines: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """Yield the data of each server-sent event; comments (keep-alives) and other fields are passed over.

    Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, but an event
    that the end of the stream cuts off is yielded when it is complete JSON or fails there.
    """
    data: list[str] = []
    async for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def _parse(data: str) -> _Chunk:
    try:
        chunk = _Chunk.model_validate(json.loads(data))
    except (ValueError, ValidationError):
        raise DependencyUnavailable(DEPENDENCY, "the chat endpoint streamed something that is no chunk") from None
    if chunk.error is not None:
        raise DependencyUnavailable(DEPENDENCY, "the chat endpoint reported an error in its stream")
    return chunk
