"""The optional stage that reads the question together with each passage and reorders the passages."""

import logging
from collections.abc import Iterable, Sequence
from operator import itemgetter

from app.ports import DependencyUnavailable, Hit, Reranker
from app.rag.run import Run

log = logging.getLogger("ragspan.rag")


class Reranking:
    """Orders hits by the reranker's scores, or leaves them in search order when it is unavailable."""

    def __init__(self, reranker: Reranker, limit_s: float) -> None:
        self._reranker, self._limit_s = reranker, limit_s

    async def order(self, question: str, hits: Sequence[Hit], run: Run) -> Iterable[Hit]:
        """Return an iterable of the hits, best first, to be read once. A failing or late reranker degrades the run."""
        if not hits:
            return ()
        texts = [f"{hit.chunk.title}\n{hit.chunk.text}" for hit in hits]
        try:
            with run.stage("rerank"):
                scores = await run.limit(self._reranker.scores(question, texts), "reranker", self._limit_s)
        except DependencyUnavailable as error:
            log.warning("answered without the reranker: %s", error)
            run.degraded.append("rerank")
            return hits
        judged = sorted(zip(hits, scores, strict=True), key=itemgetter(1), reverse=True)
        return (Hit(chunk=hit.chunk, score=score) for hit, score in judged)
