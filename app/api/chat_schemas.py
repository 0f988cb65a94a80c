"""The requests of OpenAI's chat clients, as far as they apply here."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from app.api.problems import Problem
from app.api.schemas import Filter, Text, TopK

MAX_CHAT_MESSAGES = 1000
"""OpenAI's clients send the whole conversation, however long it has become."""
WITHOUT_EFFECT = frozenset({
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias",
    "max_tokens", "max_completion_tokens", "user", "store", "metadata",
    "service_tier", "reasoning_effort", "verbosity", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "parallel_tool_calls",
})  # fmt: skip
"""Accepted without effect, because clients send them unasked and the operator's settings decide how a model writes."""
ONLY: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "stop": ([],),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""The values that ask only for what is done anyway; any other value is refused."""


def _joined(content: object) -> object:
    """Return a list of text parts as one text."""
    if not isinstance(content, list):
        return content
    texts = [_text(part) for part in cast("list[object]", content)]
    return "\n".join(texts)


def _text(part: object) -> str:
    """Return a part's text; a refusal, which clients echo from an earlier answer, is text as well."""
    fields = cast("dict[str, object]", part) if isinstance(part, dict) else {}
    kind = fields.get("type")
    text = fields.get("refusal" if kind == "refusal" else "text")
    if kind not in ("text", "refusal") or not isinstance(text, str):
        raise ValueError("this service reads text alone; send a text, or parts of the type 'text'")
    return text


class ChatMessage(BaseModel):
    """One message; anything else that clients echo from an answer, such as tool calls, is ignored."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Text | None, BeforeValidator(_joined)] = Field(default=None, validate_default=True)

    @field_validator("content")
    @classmethod
    def _is_said(cls, content: str | None, info: ValidationInfo) -> str | None:
        if content is None and info.data.get("role") != "assistant":
            raise ValueError("it is required; send a text")
        return content


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow")

    include_usage: bool = False

    def ignored(self) -> list[str]:
        return [f"stream_options.{name[:80]}" for name in sorted(self.model_extra or {})]


class ChatRequest(BaseModel):
    """A conversation whose last message is the question; `top_k` and `filter` are additions of ours."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_CHAT_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    top_k: TopK = None
    filter: Filter = {}

    def ignored(self) -> list[str]:
        """Return the names of fields without effect. Raises a Problem for a field whose effect cannot be had."""
        extra: dict[str, Any] = self.model_extra or {}
        wanted = {name: value for name, value in extra.items() if value is not None}
        for name, value in wanted.items():
            if name not in WITHOUT_EFFECT and value not in ONLY.get(name, ()):
                raise Problem(422, _refusal(name), param=name[:80])
        roles = {message.role for message in self.messages} & {"system", "developer"}
        silent = any(message.content is None for message in self.messages)
        return [
            *sorted(wanted.keys() & WITHOUT_EFFECT),
            *(self.stream_options.ignored() if self.stream_options else ()),
            *(f"messages of role {role}" for role in sorted(roles)),
            *(["messages of role assistant without text"] if silent else ()),
        ]


def _refusal(name: str) -> str:
    if name not in ONLY:
        return f"This service has no parameter {name[:80]!r}; leave it out."
    allowed = " or ".join(repr(value) for value in ONLY[name])
    return f"This service answers from documents, in one text: {name!r} may only be {allowed}; leave it out."
