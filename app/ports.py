"""What the answer service needs from the world: Protocols, the values that cross them, and the errors they raise.

`rag/` and `ingest/` are written against these; `adapters/` satisfy them; `main.py` chooses.
Imports nothing of the project.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""Shape (dimensions,)."""
Matrix: TypeAlias = NDArray[np.float32]
"""Shape (texts, dimensions), one row a text, in the order given."""


class ServiceError(Exception):
    """Root of what an adapter may raise. `args[0]` is a sentence fit for an operator's log, never for a client."""


class DependencyUnavailable(ServiceError):
    """A system behind a port is down, or refuses for now. `dependency` is its role, e.g. `vector_store`.

    `retry_after_s`: how long it asks to be left alone, if so; `is_to_blame`: whether it had a fair chance to answer.
    """

    def __init__(
        self, dependency: str, message: str, *, retry_after_s: float | None = None, is_to_blame: bool = True
    ) -> None:
        super().__init__(message)
        self.dependency, self.retry_after_s, self.is_to_blame = dependency, retry_after_s, is_to_blame


class DependencyTimeout(DependencyUnavailable):
    """A system behind a port did not answer within its deadline."""


class DependencyFailed(DependencyUnavailable):
    """A system behind a port answered, but with an error of its own, with nonsense, or with half an answer."""


class RequestRefused(DependencyUnavailable):
    """A system behind a port is well but does not take this very request, e.g. as too long; another one it may."""

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(dependency, message, is_to_blame=False)


class IndexMismatch(ServiceError):
    """The index was built by another embedder or chunker than the one that now wants to use it."""


class StaleVersion(ServiceError):
    """A newer version or a tombstone of this document is already in the index; nothing was changed."""


class UnknownPosition(ServiceError):
    """No page of this store's documents ends there."""


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
    """Who may read it: whoever is in one of these; without any, the whole tenant."""
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
    """Some documents of a list; `next` is what to go on with as `after`, None where there are no more."""

    documents: tuple[DocumentRecord, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a search of a tenant may find."""

    groups: frozenset[str] | None = None
    """The reader's groups: documents of one of them, and those that are open to the tenant. None: every document."""
    tags: tuple[frozenset[str], ...] = ()
    """Of each of these sets, none empty, a document has a tag."""


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage of a document version. `chunk_id` is a UUIDv5 of (tenant, doc_id, version, ordinal)."""

    chunk_id: str
    doc_id: str
    version: str
    ordinal: int
    title: str
    text: str
    source_uri: str
    location: str
    """Where a person finds it in the document: `page 3`, a heading path, or an empty string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A published chunk and its score in 0..1, higher is better; comparable within one search only."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of the conversation that a client sends along."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question with its passages, both as data and as rendered chat messages; a generator takes what it needs."""

    question: str
    passages: tuple[Hit, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationEnd:
    """The last item of a generation stream. A stream that ends without it was cut."""

    finish_reason: Literal["stop", "length"]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a dependency answers now; `detail` is for operators and names no secret."""

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
        """The most tokens one passage may hold, specials and prefix included."""
        ...

    @property
    def overhead_tokens(self) -> int:
        """Tokens that the model adds to each passage: specials and the passage prefix."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Character span (start, end) of each token of `text` by the model's own tokenizer, without specials."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> Matrix: ...
    async def embed_query(self, text: str) -> Vector: ...
    async def close(self) -> None: ...


class VectorStore(Protocol):
    """A hybrid index of documents, separated by tenant.

    Readers see the published version of a document or none, never a mix, at any crash point: `stage` writes chunks that
    no search returns, `publish` makes them the document by one write and removes the old ones.
    """

    async def open(self, identity: IndexIdentity) -> None:
        """Connect, and create the index if there is none. Raises IndexMismatch if another identity built it."""
        ...

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        """Write a version's chunks, invisible to search. Repeating it changes nothing."""
        ...

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        """Make a staged version the document.

        Raises StaleVersion if a newer version or tombstone is there, DependencyUnavailable if chunks are missing.
        """
        ...

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        """Remove a document and leave a tombstone that no older revision can resurrect. False if there was none."""
        ...

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None: ...

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        """List at most `limit` published documents that a reader of these groups (None: anybody) may read.

        From `next` to `next`, each that is there all the while comes exactly once, whatever else comes and goes, in an
        order of the store's own. A page with a `next` may be short, even empty. Raises UnknownPosition.
        """
        ...

    async def count_documents(self, tenant: str) -> int:
        """Count the published documents of the tenant; a change of this moment may not be counted yet."""
        ...

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        """At most `limit` published chunks of documents in the scope, best first, by keyword and vector together."""
        ...

    async def corpus_version(self, tenant: str) -> str:
        """Return another text after each publish and delete of the tenant, by whatever process, and the same otherwise.

        A delete of what never was there is none, nor is a publish that changes the revision alone. A search that begins
        later finds at least what it stands for.
        """
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class Reranker(Protocol):
    """Judges how well passages answer a question, reading both together."""

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score in 0..1 for each text, in the order given; higher is better. Raises DependencyUnavailable."""
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class Generator(Protocol):
    """Writes an answer to a prompt. Cites passage n of the prompt (counted from 1) as `[n]` after what it supports."""

    @property
    def model(self) -> str: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        """Pieces of text as they are written, then exactly one GenerationEnd. Closing it cancels the work."""
        ...

    async def health(self) -> Health: ...
    async def close(self) -> None: ...


class AnswerCache(Protocol):
    """Keeps values by key for a while. Keys are hashes and say nothing; values hold questions, passages and answers.

    Every method but `close` may raise DependencyUnavailable; what is lost is made anew by whoever asks.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes) -> None: ...

    async def latest(self, partition: str) -> list[bytes]:
        """Return what `add` put there lately, the latest first, a bounded number."""
        ...

    async def add(self, partition: str, value: bytes) -> None: ...
    async def health(self) -> Health: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant may use within any minute, and at once; 0: as much as it likes."""

    requests: int = 0
    tokens: int = 0
    concurrent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Whether a request may go on, and what its tenant has used up since a minute ago, this request included."""

    refused: Literal["requests", "tokens", "concurrent"] | None = None
    wait_s: int = 0
    """After how long a refused one may try again."""
    requests_used: int = 0
    tokens_used: int = 0
    second: int = 0
    """When it was counted, on the ledger's own clock."""


class QuotaLedger(Protocol):
    """Counts what tenants use. No method waits for long; each may raise DependencyUnavailable."""

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> Grant:
        """Count a request that will take about so many tokens, and hold a place for `lease` if it is not empty.

        All or nothing: a refused request counts for nothing.
        """
        ...

    async def settle(self, tenant: str, grant: Grant, tokens: int, lease: str) -> None:
        """Add the tokens, which may be negative, by which the estimate was wrong, and give the place back."""
        ...

    async def close(self) -> None: ...
