"""Requests and responses. Unknown request fields are refused by name: a misspelt option must not be ignored."""

from typing import Annotated, Literal, cast
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.rag.access import wanted_tags

MAX_TOP_K = 50
MAX_MESSAGES = 50


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("the question is empty; write one")
    return text.strip()


def _unicode(text: str) -> str:
    """Reject half a surrogate pair, which JSON can encode but no tokenizer, store or server accepts."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a surrogate pair; send whole characters") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]
QuestionText = Annotated[Text, AfterValidator(_not_empty)]


def _field_names(data: object) -> list[str]:
    return list(cast("dict[str, object]", data)) if isinstance(data, dict) else []


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_known_fields_only(cls, data: object) -> object:
        unknown = [name for name in _field_names(data) if name not in cls.model_fields]
        if unknown:
            raise ValueError(f"there is no field {unknown[0][:80]!r}; allowed are {', '.join(cls.model_fields)}")
        return data


class Turn(_Request):
    """One turn of the conversation so far. The service keeps none: the client sends it along.

    It may have any length that the body has room for: what the prompt has no room for is left out of that.
    """

    role: Literal["user", "assistant"]
    content: Text


def _filter(wanted: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    wanted_tags(wanted)
    return wanted


TopK = Annotated[int | None, Field(ge=1, le=MAX_TOP_K, description="Passages wanted; RAGSPAN_TOP_K if absent.")]
Filter = Annotated[
    dict[str, str | list[str]],
    AfterValidator(_filter),
    Field(description="Metadata that a document must have: for each key its value, or one of several."),
]


class RetrieveRequest(_Request):
    query: QuestionText
    top_k: TopK = None
    filter: Filter = {}


class QueryRequest(RetrieveRequest):
    stream: bool | None = Field(default=None, description="Server-sent events or JSON; if absent, Accept decides.")
    messages: list[Turn] = Field(default=[], max_length=MAX_MESSAGES)


class FeedbackRequest(_Request):
    """Whether an answer helped. There is no field for words: they would be content, of which nothing is logged."""

    answer_id: UUID
    rating: Literal["up", "down", "none"] = Field(description="The last one counts; `none` takes a rating back.")


class Source(BaseModel):
    """A passage that an answer may rest on. `location` is a page or heading, or empty."""

    doc_id: str
    title: str
    text: str
    score: float
    location: str


class Citation(BaseModel):
    """Characters `start` to `end` (exclusive, code points) of the answer rest on `sources[source]`.

    Characters `passage_start` to `passage_end` of that source's text are the part that comes closest; none if equal.
    """

    source: int
    start: int
    end: int
    passage_start: int
    passage_end: int


class Tokens(BaseModel):
    """As the generator reports them, those of a follow-up's rewriting among them; null if it does not."""

    prompt: int | None
    completion: int | None


class Quality(BaseModel):
    """`grounded`: share of the `statements` that rest on what they cite; `unsupported`: where the others stand."""

    verdict: Literal["grounded", "ungrounded", "refusal", "no_context"]
    grounded: float
    statements: int
    unsupported: list[tuple[int, int]]


class Metadata(BaseModel):
    """`model` is null if no generator was asked, because no passage was found.

    `cached`: this very question, or one that means the same, was answered before; null if the answer was made for it.
    """

    model: str | None
    timings_ms: dict[str, float]
    tokens: Tokens
    degraded: list[str]
    cached: Literal["exact", "semantic"] | None
    removed: dict[str, int]
    quality: Quality


class AnswerEnd(BaseModel):
    """The `done` event; in JSON its fields stand beside the answer and its sources."""

    answer_id: str
    citations: list[Citation]
    metadata: Metadata
    finish_reason: Literal["stop", "length", "no_context", "fallback"]
    truncated: bool


class Answer(AnswerEnd):
    answer: str
    sources: list[Source]


class Passages(BaseModel):
    hits: list[Source]


class Ingested(BaseModel):
    """The document can be asked about as soon as this is sent."""

    doc_id: str
    version: str
    chunks: int
    status: Literal["created", "updated", "unchanged"]


class Document(BaseModel):
    """A published document. `revision` is its source's time of change, in nanoseconds since the epoch.

    `groups` are those who may read it, empty for the whole tenant.
    """

    doc_id: str
    version: str
    title: str
    source_uri: str
    chunks: int
    revision: int
    groups: list[str]
    metadata: dict[str, str]


class DocumentsWanted(_Request):
    """Which page of the documents."""

    limit: int = Field(default=100, ge=1, le=1000, description="The most documents of one page.")
    cursor: str | None = Field(
        default=None,
        description="The `next_cursor` of the page before, as it came; the first page has none.",
        examples=["CD_fY_YPN2Q5ZjJjNDFhMGIzNWU2OGQxYzRmN2Ey"],
    )


class Documents(BaseModel):
    """One page. `next_cursor` leads to the next one, null on the last."""

    documents: list[Document]
    next_cursor: str | None
