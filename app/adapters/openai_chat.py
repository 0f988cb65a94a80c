"""Answers from any OpenAI-compatible chat endpoint: vLLM, NVIDIA NIM, Ollama, OpenAI itself.

Little happens per token: the first one is passed on at once; later ones are collected for `PACE_S` and passed on as one
piece, so that the rest of the way to the client's socket runs per piece, not per token.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Any, Literal

from pydantic_core import from_json

from app.adapters.http import ModelServer
from app.adapters.sse import EventTooLong, SseParser
from app.ports import DependencyFailed, GenerationEnd, Health, Prompt

DEPENDENCY = "generator"
DONE = b"[DONE]"
PACE_S = 0.033
"""Least time between two pieces: thirty a second look smooth, and slower models are not delayed at all."""
CUT_SHORT = frozenset({"length", "content_filter", "abort", "error"})
"""How OpenAI's API and vLLM end an answer of which something is missing."""
LAST_BYTES_S = 0.02
"""How long to wait for the end of the response after the last event, so that the connection can be reused."""


class OpenAiChat:
    """Implements `ports.Generator`, streaming from `POST {url}/chat/completions`."""

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
        answer, parser = _Answer(), SseParser()
        async with self._server.post("/chat/completions", body) as response:
            pace_s = 0.0
            while not answer.is_over and (read := await response.some(pace_s)):
                if text := answer.take(_events(parser, read)):
                    pace_s = PACE_S
                    yield text
            if answer.is_done:
                response.grace_s = LAST_BYTES_S
            elif not answer.is_over and (text := answer.take(parser.end())):
                yield text
        yield answer.end()

    async def health(self) -> Health:
        return await self._server.health()

    async def close(self) -> None:
        """Nothing to close: the HTTP client belongs to whoever opened it."""


class _Answer:
    """What the stream has said so far besides the text."""

    def __init__(self) -> None:
        self.is_done = False
        self._error: DependencyFailed | None = None
        self._finish_reason: Literal["stop", "length"] | None = None
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None

    @property
    def is_over(self) -> bool:
        return self.is_done or self._error is not None

    def take(self, events: Iterable[bytes]) -> str:
        """Record what the events say and return their text, up to the first one that is not a chunk."""
        text = ""
        for data in events:
            if data == DONE:
                self.is_done = True
                self._finish_reason = self._finish_reason or "stop"
                break
            try:
                text += self._read(from_json(data))
            except DependencyFailed as error:
                self._error = error
                break
            except (ValueError, TypeError, AttributeError, LookupError):
                self._error = _nonsense()
                break
        return text

    def _read(self, chunk: Any) -> str:
        """Read the parts of a `chat.completion.chunk` that are used; servers add fields and may send no `choices`."""
        if chunk.get("error") is not None:
            raise DependencyFailed(DEPENDENCY, "the chat endpoint reported an error in its stream")
        if usage := chunk.get("usage"):
            self._prompt_tokens = _count(usage.get("prompt_tokens"))
            self._completion_tokens = _count(usage.get("completion_tokens"))
        choices = chunk.get("choices")
        if not choices:
            return ""
        choice = choices[0]
        if reason := choice.get("finish_reason"):
            self._finish_reason = "length" if reason in CUT_SHORT else "stop"
        delta: Any = choice.get("delta")
        content: object = delta.get("content") if delta else None
        if content is None:
            return ""
        if not isinstance(content, str):
            raise TypeError
        return content

    def end(self) -> GenerationEnd:
        """Return the end of the answer. Raises DependencyFailed if the stream had none or contained nonsense."""
        if self._error:
            raise self._error
        if self._finish_reason is None:
            raise DependencyFailed(DEPENDENCY, "the chat stream was cut before its end")
        return GenerationEnd(
            finish_reason=self._finish_reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
        )


def _events(parser: SseParser, read: bytes) -> list[bytes]:
    try:
        return parser.feed(read)
    except EventTooLong:
        raise _nonsense() from None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _nonsense() -> DependencyFailed:
    return DependencyFailed(DEPENDENCY, "the chat endpoint streamed something that is no chunk")
