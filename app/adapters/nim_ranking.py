"""Reranking scores from an NVIDIA NIM reranking service."""

import math
from collections.abc import Sequence

from pydantic import FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from app.adapters.http import ModelServer
from app.adapters.rankings import by_position
from app.ports import DependencyFailed, Health


class _Ranking(TypedDict):
    index: int
    logit: FiniteFloat


class _Response(TypedDict):
    rankings: list[_Ranking]


RESPONSE = TypeAdapter(_Response)


class NimReranker:
    """Implements `ports.Reranker` with `POST {url}/ranking`; text beyond what the model reads is cut off at the end.

    NVIDIA's API allows 512 passages in one request; retrieval never sends as many.
    """

    def __init__(self, server: ModelServer, *, model: str) -> None:
        self._server, self._model = server, model

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        body = {
            "model": self._model,
            "query": {"text": question},
            "passages": [{"text": text} for text in texts],
            "truncate": "END",
        }
        async with self._server.post("/ranking", body) as response:
            raw = await response.read()
        try:
            rankings = RESPONSE.validate_json(raw)["rankings"]
        except ValidationError:
            raise DependencyFailed("reranker", "the reranking NIM answered no list of rankings") from None
        return by_position([(ranking["index"], _probability(ranking["logit"])) for ranking in rankings], len(texts))

    async def health(self) -> Health:
        return await self._server.health()

    async def close(self) -> None:
        """Nothing to close: the HTTP client belongs to whoever opened it."""


def _probability(logit: float) -> float:
    """Return the logistic function, in a form that never overflows."""
    return (1 + math.tanh(logit / 2)) / 2
