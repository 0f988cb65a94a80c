"""Rankings as reranking servers return them: a position in the request with its score, best first."""

from collections.abc import Sequence

from app.ports import DependencyFailed


def by_position(rankings: Sequence[tuple[int, float]], texts: int) -> list[float]:
    """Return the scores in request order. Raises DependencyUnavailable unless each text has exactly one."""
    scores = dict(rankings)
    if len(rankings) != texts or scores.keys() != set(range(texts)):
        raise DependencyFailed("reranker", f"{len(rankings)} scores came back for {texts} texts")
    return [scores[position] for position in range(texts)]
