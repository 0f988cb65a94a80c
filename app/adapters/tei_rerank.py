"""Reranking scores from Text Embeddings Inference with a reranking model."""

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, FiniteFloat, TypeAdapter, ValidationError

from app.adapters.http import ModelServer
from app.adapters.rankings import by_position
from app.ports import DependencyFailed, Health

BATCH_TEXTS = 32
"""Texts that a server accepts per request by default (`--max-client-batch-size`)."""


class _Rank(BaseModel):
    index: int
    score: FiniteFloat


_RESPONSE = TypeAdapter(list[_Rank])


class TeiReranker:
    """Implements `ports.Reranker` with `POST {url}/rerank`; text beyond what the model reads is cut off at the end."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        batches = [texts[first : first + BATCH_TEXTS] for first in range(0, len(texts), BATCH_TEXTS)]
        scored = await asyncio.gather(*(self._scores(question, batch) for batch in batches))
        return [score for batch in scored for score in batch]

    async def _scores(self, question: str, texts: Sequence[str]) -> list[float]:
        body = {"query": question, "texts": list(texts), "raw_scores": False, "truncate": True}
        async with self._server.post("/rerank", body) as response:
            raw = await response.read()
        try:
            ranks = _RESPONSE.validate_json(raw)
        except ValidationError:
            raise DependencyFailed("reranker", "the reranking server answered no list of scores") from None
        return by_position([(rank.index, min(1.0, max(0.0, rank.score))) for rank in ranks], len(texts))

    async def health(self) -> Health:
        return await self._server.health("/health")

    async def close(self) -> None:
        """Nothing to close: the HTTP client belongs to whoever opened it."""
