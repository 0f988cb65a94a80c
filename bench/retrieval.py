"""Measures retrieval quality on XQuAD: each question should find the paragraph that it was written for.

    python -m bench.retrieval xquad.en.json [--store NAME ...]

Articles of even index are for tuning the weight of the vector leg, those of odd index are reported. Every figure goes
through the ports, as in the service: a single leg is a search with an empty question or a zero vector.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.document import SourceFile
from app.ingest.identity import document_id, index_identity, upload_uri
from app.ingest.pipeline import Ingestor
from app.ports import Hit, VectorStore
from app.rag.fusion import LEG_LIMIT, VECTOR_WEIGHT, relative_score
from bench.stores import STORES, serve

TENANT = "xquad"
CUTOFF = 10
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the paragraph it was written for, and whether its article is in the half used for tuning."""

    text: str
    doc_id: str
    tuning: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with what the hybrid search and each leg by itself found, best first."""

    question: Question
    hybrid: list[Hit]
    legs: tuple[list[Hit], list[Hit]]
    """Keyword, vector."""


Ranking: TypeAlias = Callable[[Answered], list[str]]


def read(path: Path) -> tuple[dict[str, str], list[Question]]:
    """Return the paragraphs by source URI, and the questions."""
    articles: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["data"]
    paragraphs: dict[str, str] = {}
    questions: list[Question] = []
    for number, article in enumerate(articles):
        for ordinal, paragraph in enumerate(article["paragraphs"]):
            uri = upload_uri(f"{number}-{ordinal}.txt")
            paragraphs[uri] = paragraph["context"]
            questions += [Question(qa["question"], document_id(uri), number % 2 == 0) for qa in paragraph["qas"]]
    return paragraphs, questions


async def ingest(store: VectorStore, embedder: WordLlamaEmbedder, paragraphs: dict[str, str]) -> None:
    ingestor = Ingestor(store, embedder)
    started = time.perf_counter()
    chunks = 0
    for uri, text in paragraphs.items():
        file = SourceFile(name=f"{uri}.txt", content=text.encode(), source_uri=uri, revision=1)
        chunks += (await ingestor.ingest(TENANT, file)).chunks
    seconds = time.perf_counter() - started
    print(f"ingested {len(paragraphs)} documents, {chunks} chunks: {chunks / seconds:.0f} chunks/s")


async def ask(store: VectorStore, embedder: WordLlamaEmbedder, questions: Iterable[Question]) -> list[Answered]:
    nothing = np.zeros(embedder.dimensions, np.float32)
    answered: list[Answered] = []
    seconds: list[float] = []
    for question in questions:
        started = time.perf_counter()
        vector = await embedder.embed_query(question.text)
        hybrid = await store.search(TENANT, question.text, vector, LEG_LIMIT)
        seconds.append(time.perf_counter() - started)
        keyword = await store.search(TENANT, question.text, nothing, LEG_LIMIT)
        answered.append(Answered(question, hybrid, (keyword, await store.search(TENANT, "", vector, LEG_LIMIT))))
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    print(f"asked {len(answered)} questions: embedding and search p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return answered


def quality(found: Sequence[tuple[Question, list[str]]]) -> tuple[float, float]:
    """Return mean nDCG and recall at the cutoff; `found` has the documents of each question, best first."""
    tops = [(question.doc_id, list(dict.fromkeys(documents))[:CUTOFF]) for question, documents in found]
    gains = [1 / np.log2(2 + top.index(right)) if right in top else 0.0 for right, top in tops]
    return float(np.mean(gains)), float(np.mean([gain > 0 for gain in gains]))


def documents_of(hits: list[Hit]) -> list[str]:
    return [hit.chunk.doc_id for hit in hits]


def fused(answered: Answered, weight: float) -> list[str]:
    """Return what the hybrid search would find with another weight.

    A search scales the scores of a leg by itself, but fusion normalises them again.
    """
    legs = [[((hit.chunk.chunk_id, hit.chunk.doc_id), hit.score) for hit in leg] for leg in answered.legs]
    return [doc_id for (_, doc_id), _ in relative_score(legs[0], legs[1], weight)]


def report(answered: list[Answered]) -> None:
    rows: list[tuple[str, Ranking]] = [
        ("keyword leg", lambda a: documents_of(a.legs[0])),
        ("vector leg", lambda a: documents_of(a.legs[1])),
        (f"hybrid as served, {VECTOR_WEIGHT}", lambda a: documents_of(a.hybrid)),
        *((f"hybrid with weight {weight}", partial(fused, weight=weight)) for weight in WEIGHTS),
    ]
    print(f"\n{'':24}{'tuned on':>18}{'reported':>18}\n{'':24}{'nDCG  recall':>18}{'nDCG  recall':>18}   @{CUTOFF}")
    for name, ranking in rows:
        print(f"{name:24}", end="")
        for tuning in (True, False):
            half = [(a.question, ranking(a)) for a in answered if a.question.tuning == tuning]
            print("{:>12.3f}{:>6.3f}".format(*quality(half)), end="")
        print()


async def main(path: Path, names: Sequence[str]) -> None:
    paragraphs, questions = read(path)
    embedder = WordLlamaEmbedder()
    for name in names:
        print(f"\n== {name}")
        async with serve(name) as store:
            await store.open(index_identity(embedder))
            await ingest(store, embedder, paragraphs)
            report(await ask(store, embedder, questions))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xquad", type=Path)
    parser.add_argument("--store", nargs="+", choices=STORES, default=["embedded"], help="on servers that this starts")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.xquad, arguments.store))
