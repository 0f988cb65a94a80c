"""Rankings as reranking servers answer them: positions in the request with a score each, best first."""

from collections.abc import Sequence

from app.ports import DependencyFailed


def by_position(rankings: Sequence[tuple[int, float]], texts: int) -> list[float]:
    """Return the scores in the order of the request. Raises DependencyUnavailable unless each text has one score."""
    scores = dict(rankings)
    if len(rankings) != texts or scores.keys() != set(range(texts)):
        raise DependencyFailed("reranker", f"{len(rankings)} scores came back for {texts} texts")
    return [scores[position] for position in range(texts)]
