"""From a question to its passages: embed → search → rerank → select."""

from dataclasses import dataclass, field

from app.ports import EVERYTHING, Embedder, Hit, Message, Scope, Vector, VectorStore
from app.rag.reranking import Reranking
from app.rag.run import Run
from app.rag.selection import select

OVER_FETCH = 2
"""Passages fetched for each one wanted, so that repeated text can be left out."""
WIDE_OVER_FETCH = 4
"""Likewise with a reranker, which finds the best ones further down, or where a document may have only a share."""
NO_SHARE = 50
"""Passages of one document: as many as there are at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, in which tenant, with how many passages and after which conversation."""

    tenant: str
    text: str
    top_k: int
    conversation: tuple[Message, ...] = ()
    standalone: str = ""
    """A follow-up with what it refers to; empty where the text says it all."""
    scope: Scope = EVERYTHING
    vector: Vector | None = field(default=None, compare=False, repr=False)
    """Of its meaning, where that has been embedded already."""

    @property
    def meaning(self) -> str:
        """What is searched for."""
        return self.standalone or self.text


class Retriever:
    """Finds the passages for questions of any tenant; holds no state between them."""

    def __init__(
        self,
        embedder: Embedder,
        store: VectorStore,
        limit_s: float,
        reranking: Reranking | None = None,
        *,
        per_document: int = NO_SHARE,
    ) -> None:
        self._embedder, self._store = embedder, store
        self._limit_s, self._reranking, self._per_document = limit_s, reranking, per_document
        self._over_fetch = WIDE_OVER_FETCH if reranking or per_document < NO_SHARE else OVER_FETCH

    async def retrieve(self, question: Question, run: Run) -> tuple[Hit, ...]:
        """Return the best passages, each text once. Raises DependencyUnavailable."""
        vector = await self.embed(question, run) if question.vector is None else question.vector
        with run.stage("search"):
            search = self._store.search(
                question.tenant, question.meaning, vector, question.top_k * self._over_fetch, question.scope
            )
            found = await run.limit(search, "vector_store", self._limit_s)
        hits = await self._reranking.order(question.meaning, found, run) if self._reranking else found
        return select(hits, question.top_k, self._per_document)

    async def embed(self, question: Question, run: Run) -> Vector:
        """Return the vector of what is searched for. Raises DependencyUnavailable."""
        with run.stage("embed"):
            return await run.limit(self._embedder.embed_query(question.meaning), "embedder", self._limit_s)
