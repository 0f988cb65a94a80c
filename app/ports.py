"""The outside world as the answer service needs it: Protocols, the values that cross them, and the errors they raise.

`rag/` and `ingest/` build on these, `adapters/` implement them. This module imports nothing of the project.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""Shape (dimensions,)."""
Matrix: TypeAlias = NDArray[np.float32]
"""Shape (texts, dimensions): one row for each text, in the order given."""


class ServiceError(Exception):
    """Base of all errors that adapters raise. `args[0]` is a sentence for the operator's log, never for a client."""


class DependencyUnavailable(ServiceError):
    """A system behind a port is down or refuses for now. `dependency` is its role, e.g. `vector_store`.

    `retry_after_s`: how long it asks to be left alone, if at all. `is_to_blame`: whether it had a fair chance to
    answer.
    """

    def __init__(
        self, dependency: str, message: str, *, retry_after_s: float | None = None, is_to_blame: bool = True
    ) -> None:
        super().__init__(message)
        self.dependency, self.retry_after_s, self.is_to_blame = dependency, retry_after_s, is_to_blame


class DependencyTimeout(DependencyUnavailable):
    """A system behind a port did not answer within its deadline."""


class DependencyFailed(DependencyUnavailable):
    """A system behind a port answered, but with an error, with nonsense, or with only part of an answer."""


class RequestRefused(DependencyUnavailable):
    """A system behind a port is healthy but rejects this very request, e.g. as too long; other requests may succeed."""

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(dependency, message, is_to_blame=False)


class IndexMismatch(ServiceError):
    """The index was built with a different embedder or chunker than the one that is opening it."""


class StaleVersion(ServiceError):
    """A newer version or a tombstone of this document is already in the index; nothing was changed."""


class UnknownPosition(ServiceError):
    """The position to continue a listing from is not one that this store gave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexIdentity:
    """What makes two indexes comparable: vectors of different identities must never meet in one search."""

    model: str
    dimensions: int
    query_prefix: str = ""
    passage_prefix: str = ""
    chunker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """One version of a document. `version` is a prefix of the content's SHA-256; `revision` orders versions."""

    doc_id: str
    version: str
    revision: int
    """The source's own time of change, in nanoseconds since the epoch."""
    source_uri: str
    title: str
    groups: tuple[str, ...] = ()
    """Who may read it: members of any of these groups; the whole tenant if there are none."""
    tags: tuple[str, ...] = ()
    """Its metadata, each `key=value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """What the index knows of one published document."""

    doc_id: str
    version: str
    revision: int
    source_uri: str
    title: str
    chunks: int
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """One page of a listing. Pass `next` as `after` to get the following page; it is None on the last one."""

    documents: tuple[DocumentRecord, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a search of a tenant may find."""

    groups: frozenset[str] | None = None
    """The reader sees documents of any of these groups and documents without groups; None: every document."""
    tags: tuple[frozenset[str], ...] = ()
    """A document must have at least one tag out of each of these sets. No set is empty."""


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One passage of a document version. `chunk_id` is a UUIDv5 of (tenant, doc_id, version, ordinal)."""

    chunk_id: str
    doc_id: str
    version: str
    ordinal: int
    title: str
    text: str
    source_uri: str
    location: str
    """Where a person finds it in the document: `page 3`, a path of headings, or an empty string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A published chunk and its score from 0 to 1, higher is better. Scores are comparable within one search only."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation, which the client sends along with its question."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question with its passages, as data and as rendered chat messages; each generator uses the form it needs."""

    question: str
    passages: tuple[Hit, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationEnd:
    """The last item of a generation stream. A stream that ends without one was cut off."""

    finish_reason: Literal["stop", "length"]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a dependency answers now. `detail` is for operators and never names a secret."""

    ok: bool
    detail: str = field(default="")


class Embedder(Protocol):
    """Turns text into unit-length vectors."""

    @property
    def model(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def query_prefix(self) -> str: ...
    @property
    def passage_prefix(self) -> str: ...
    @property
    def max_tokens(self) -> int:
        """The most tokens that one passage may have, including special tokens and the prefix."""
        ...

    @property
    def overhead_tokens(self) -> int:
        """Tokens that the model adds to each passage: special tokens and the passage prefix."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character span (start, end) of each token by the model's own tokenizer, without special tokens."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> Matrix: ...
    async def embed_query(self, text: str) -> Vector: ...
    async def close(self) -> None: ...


class VectorStore(Protocol):
    """A hybrid (keyword and vector) index of documents, separated by tenant.

    Readers see the published version of a document or none, never a mixture, wherever a writer crashes: `stage` writes
    chunks that no search returns; `publish` makes them visible by one write, then removes the old ones.
    """

    async def open(self, identity: IndexIdentity) -> None:
        """Connect, and create the index if there is none. Raises IndexMismatch if another identity built it."""
        ...

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        """Write a version's chunks without making them visible to searches. Repeating the call changes nothing."""
        ...

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        """Make a staged version the published one.

        Raises StaleVersion if a newer version or tombstone exists, DependencyUnavailable if staged chunks are missing.
        """
        ...

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        """Remove a document, leaving a tombstone against older revisions. Return False if there was none."""
        ...

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None: ...

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        """List at most `limit` published documents that a reader of these groups may read (None: all of them).

        Paging with `next` gives every document that exists throughout exactly once, in an order of the store's own,
        whatever is added or removed meanwhile. A page with a `next` may be short, even empty. Raises UnknownPosition.
        """
        ...

    async def count_documents(self, tenant: str) -> int:
        """Count the tenant's published documents; a change made just now may not be counted yet."""
        ...

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        """Return at most `limit` published chunks in the scope, ranked by keyword and vector together, best first."""
        ...

    async def corpus_version(self, tenant: str) -> str:
        """Return a text that changes with each publish and delete in the tenant, by whatever process, and only then.

        Deleting what never existed is no change, nor is a publish that alters the revision alone. A search that begins
        after this call sees at least the state that the text stands for.
        """
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class Reranker(Protocol):
    """Scores how well each passage answers a question, reading both together."""

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return a score from 0 to 1 for each text, in order; higher is better. May raise DependencyUnavailable."""
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class Generator(Protocol):
    """Writes an answer to a prompt, citing passage n of the prompt (counted from 1) as `[n]` after what it supports."""

    @property
    def model(self) -> str: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        """Yield pieces of text as they are written, then exactly one GenerationEnd. Closing it cancels the work."""
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class AnswerCache(Protocol):
    """Keeps values by key for a limited time. Keys are hashes and reveal nothing; values hold whole answers.

    Every method but `close` may raise DependencyUnavailable. A value that is lost is simply computed again.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes) -> None: ...

    async def latest(self, partition: str) -> list[bytes]:
        """Return the values most recently added to the partition, newest first; their number is bounded."""
        ...

    async def add(self, partition: str, value: bytes) -> None: ...
    async def health(self) -> Health: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant may use within any minute, and how many requests at once. 0: unlimited."""

    requests: int = 0
    tokens: int = 0
    concurrent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Whether a request may proceed, and what its tenant has used in the last minute, including this request."""

    refused: Literal["requests", "tokens", "concurrent"] | None = None
    wait_s: int = 0
    """How long a refused client should wait before trying again."""
    requests_used: int = 0
    tokens_used: int = 0
    second: int = 0
    """The second in which it was counted, on the ledger's own clock."""


class QuotaLedger(Protocol):
    """Counts what tenants use. No method waits for long, and each may raise DependencyUnavailable."""

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> Grant:
        """Count a request that will use about `tokens`, and hold a place for `lease` unless that is empty.

        All or nothing: a refused request counts for nothing.
        """
        ...

    async def settle(self, tenant: str, grant: Grant, tokens: int, lease: str) -> None:
        """Correct the estimate by `tokens`, which may be negative, and give the place held for `lease` back."""
        ...

    async def close(self) -> None: ...
