"""From a question to its passages: embed → search → rerank → select."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.ports import EVERYTHING, Embedder, Hit, Message, Scope, VectorStore
from app.rag.reranking import Reranking
from app.rag.run import Run

OVER_FETCH = 2
"""Passages fetched for each one wanted, so that repeated text can be left out."""
RERANKED_OVER_FETCH = 4
"""Likewise with a reranker, which finds the best ones further down than the search put them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, in which tenant, with how many passages and after which conversation."""

    tenant: str
    text: str
    top_k: int
    conversation: tuple[Message, ...] = ()
    scope: Scope = EVERYTHING


class Retriever:
    """Finds the passages for questions of any tenant; holds no state between them."""

    def __init__(
        self, embedder: Embedder, store: VectorStore, limit_s: float, reranking: Reranking | None = None
    ) -> None:
        self._embedder, self._store = embedder, store
        self._limit_s, self._reranking = limit_s, reranking
        self._over_fetch = RERANKED_OVER_FETCH if reranking else OVER_FETCH

    async def retrieve(self, question: Question, run: Run) -> tuple[Hit, ...]:
        """Return the best passages, each text once. Raises DependencyUnavailable."""
        since = time.monotonic()
        vector = await run.limit(self._embedder.embed_query(question.text), "embedder", self._limit_s)
        run.record("embed", since)
        since = time.monotonic()
        search = self._store.search(
            question.tenant, question.text, vector, question.top_k * self._over_fetch, question.scope
        )
        hits = await run.limit(search, "vector_store", self._limit_s)
        run.record("search", since)
        if self._reranking:
            hits = await self._reranking.order(question.text, hits, run)
        return select(hits, question.top_k)


def select(hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    """Return at most `limit` hits in the order given, each text once: a copied document is no second witness."""
    first_of_text = {hit.chunk.text: hit for hit in reversed(hits)}
    return tuple(hit for hit in hits if first_of_text[hit.chunk.text] is hit)[:limit]
