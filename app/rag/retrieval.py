"""From a question to its passages: embed → search → rerank → select."""

from dataclasses import dataclass, field

from app.ports import EVERYTHING, Embedder, Hit, Message, Scope, Vector, VectorStore
from app.rag.reranking import Reranking
from app.rag.run import Run
from app.rag.selection import select

OVER_FETCH = 2
"""How many passages are fetched for each one wanted, so that repeated text can be left out."""
WIDE_OVER_FETCH = 4
"""The same with a reranker, which finds the best ones further down, or when a document may have only a share."""
NO_SHARE = 50
"""No limit on the passages of one document: it is the most that are ever asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question: its tenant, how many passages to use, and the conversation before it."""

    tenant: str
    text: str
    top_k: int
    conversation: tuple[Message, ...] = ()
    standalone: str = ""
    """The question rewritten to stand alone if it is a follow-up; empty if the text already does."""
    scope: Scope = EVERYTHING
    vector: Vector | None = field(default=None, compare=False, repr=False)
    """The embedding of `meaning`, if it has been computed already."""

    @property
    def meaning(self) -> str:
        """The text to search for."""
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
        """Return the best passages, without repeated text. Raises DependencyUnavailable."""
        vector = await self.embed(question, run) if question.vector is None else question.vector
        with run.stage("search"):
            search = self._store.search(
                question.tenant, question.meaning, vector, question.top_k * self._over_fetch, question.scope
            )
            found = await run.limit(search, "vector_store", self._limit_s)
        hits = await self._reranking.order(question.meaning, found, run) if self._reranking else found
        return select(hits, question.top_k, self._per_document)

    async def embed(self, question: Question, run: Run) -> Vector:
        """Return the embedding of the text to search for. Raises DependencyUnavailable."""
        with run.stage("embed"):
            return await run.limit(self._embedder.embed_query(question.meaning), "embedder", self._limit_s)
