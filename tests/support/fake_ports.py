"""Small stand-ins for the ports, for tests of what is in front of them; the real adapters have tests of their own."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from app.ports import (
    EVERYTHING,
    Chunk,
    DocumentPage,
    DocumentRecord,
    DocumentVersion,
    GenerationEnd,
    Health,
    Hit,
    IndexIdentity,
    Matrix,
    Prompt,
    Scope,
    Vector,
)


def hit(text: str, *, title: str = "Handbook", score: float = 0.9, doc_id: str = "handbook") -> Hit:
    chunk = Chunk(
        chunk_id=f"{doc_id}-{text}", doc_id=doc_id, version="v1", ordinal=0, title=title, text=text,
        source_uri=f"upload:///{doc_id}.md", location="page 1",
    )  # fmt: skip
    return Hit(chunk=chunk, score=score)


@dataclass
class FakeEmbedder:
    """Three dimensions; every character is a token."""

    model: str = "fake"
    dimensions: int = 3
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int = 512
    overhead_tokens: int = 0
    error: Exception | None = None

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [(position, position + 1) for position in range(len(text))]

    async def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return np.ones((len(texts), 3), np.float32)

    async def embed_query(self, text: str) -> Vector:
        if self.error:
            raise self.error
        return np.ones(3, np.float32)

    async def close(self) -> None: ...


@dataclass
class FakeStore:
    """Finds the same hits for every question; `hang` waits for ever instead."""

    hits: list[Hit] = field(default_factory=list[Hit])
    error: Exception | None = None
    open_error: Exception | None = None
    hang: bool = False
    is_up: bool = True
    version: str = "v0"
    searches: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    scopes: list[Scope] = field(default_factory=list[Scope])

    async def open(self, identity: IndexIdentity) -> None:
        if self.open_error:
            raise self.open_error

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None: ...

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None: ...

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        return False

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None:
        if self.error:
            raise self.error
        return None

    async def corpus_version(self, tenant: str) -> str:
        if self.hang:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return self.version

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        if self.hang:
            await asyncio.Event().wait()
        return DocumentPage()

    async def count_documents(self, tenant: str) -> int:
        if self.hang:
            await asyncio.Event().wait()
        return 0

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        self.searches.append((tenant, text, limit))
        self.scopes.append(scope)
        if self.hang:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return self.hits[:limit]

    async def health(self) -> Health:
        return Health(ok=self.is_up)

    async def close(self) -> None: ...


@dataclass
class FakeReranker:
    """Scores a text by the words in `liked`; fails with `error`, or never answers."""

    liked: str = ""
    error: Exception | None = None
    hang: bool = False
    is_up: bool = True
    asked: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        self.asked.append((question, list(texts)))
        if self.hang:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return [0.8 if self.liked in text else 0.1 for text in texts]

    async def health(self) -> Health:
        return Health(ok=self.is_up)

    async def close(self) -> None: ...


@dataclass
class FakeGenerator:
    """Writes `pieces`; then fails with `error`, or stalls, or ends."""

    pieces: tuple[str, ...] = ("It is ", "blue. [1]")
    error: Exception | None = None
    stalls: bool = False
    ends: bool = True
    finish_reason: Literal["stop", "length"] = "stop"
    model: str = "fake-model"
    is_up: bool = True
    prompts: list[Prompt] = field(default_factory=list[Prompt])
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        self.prompts.append(prompt)
        try:
            for piece in self.pieces:
                yield piece
            if self.error:
                raise self.error
            if self.stalls:
                await asyncio.Event().wait()
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise
        if self.ends:
            yield GenerationEnd(finish_reason=self.finish_reason, prompt_tokens=5, completion_tokens=2)

    async def health(self) -> Health:
        return Health(ok=self.is_up)

    async def close(self) -> None: ...
