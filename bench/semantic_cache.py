"""Measures how many paraphrases the semantic cache recognises, and how many different questions it confuses.

    python -m bench.semantic_cache

The pairs are in semantic_cache.txt beside this file. For each threshold it reports similarity by itself, and similarity
together with the checks of app/rag/similar_questions.py. Every question is also compared with each one of the other
pairs.
"""

import asyncio
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from app.adapters.wordllama import WordLlamaEmbedder
from app.ports import Matrix
from app.rag.cache_key import normalised
from app.rag.similar_questions import ask_the_same

PAIRS = Path(__file__).with_suffix(".txt")
THRESHOLDS = (0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Pair:
    one: str
    other: str
    same: bool


def read() -> list[Pair]:
    """Return the labelled pairs. Raises ValueError for a line in another format."""
    pairs: list[Pair] = []
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        if line[:2] in {"+ ", "- "}:
            one, other = line[2:].split(" | ")
            pairs.append(Pair(one, other, line[0] == "+"))
        elif not line.startswith("#"):
            raise ValueError(f"{PAIRS.name}: {line!r} begins with neither '+ ', '- ' nor '#'")
    return pairs


async def vectors(texts: list[str]) -> Matrix:
    embedder = WordLlamaEmbedder()
    return np.stack([await embedder.embed_query(text) for text in texts])


def hits(pairs: list[Pair], similarities: list[float], threshold: float, *, rules: bool) -> list[Pair]:
    """Return the pairs that would be taken for the same question although their keys differ."""
    return [
        pair
        for pair, similarity in zip(pairs, similarities, strict=True)
        if similarity >= threshold
        and normalised(pair.one) != normalised(pair.other)
        and (not rules or ask_the_same(pair.one, pair.other))
    ]


def main() -> None:
    pairs = read()
    texts = [text for pair in pairs for text in (pair.one, pair.other)]
    found = asyncio.run(vectors(texts))
    place = {text: row for row, text in enumerate(texts)}
    unrelated = [Pair(a, b, same=False) for a, b in combinations(texts, 2) if place[a] // 2 != place[b] // 2]
    print(f"{'cosine':>8}{'rules':>7}{'same, recognised':>18}{'alike, mistaken':>17}{'unrelated, mistaken':>21}")
    alike = ([p for p in pairs if p.same], [p for p in pairs if not p.same], unrelated)
    groups = [(group, [float(found[place[p.one]] @ found[place[p.other]]) for p in group]) for group in alike]
    for threshold in THRESHOLDS:
        for rules in (False, True):
            cells = [f"{len(hits(group, like, threshold, rules=rules))}/{len(group)}" for group, like in groups]
            print(f"{threshold:8}{'yes' if rules else 'no':>7}{cells[0]:>18}{cells[1]:>17}{cells[2]:>21}")


if __name__ == "__main__":
    main()
