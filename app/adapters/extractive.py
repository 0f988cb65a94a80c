"""Answers without a model: quotes the sentences of the passages that share the question's rarest words.

Deliberately absent: any rephrasing. What it says stands in a document, word for word, and is cited.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from app.ports import GenerationEnd, Health, Prompt

MODEL = "extractive"
NO_ANSWER = "The documents that come closest do not seem to answer this; they are listed as sources."
MAX_SENTENCES = 3
MIN_COVERAGE = 0.34
"""Least share of the question's weighted terms that the best sentence with its title must have."""
FURTHER_SENTENCE_SHARE = 0.8
"""A further sentence must score at least this share of the best one's score."""
PIECE_WORDS = 4
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”\u2019)]*\s+(?=[\"'“\u2018(]?[^\W_a-z])|\n{2,}|\n(?=[-*•#|])")
WORD = re.compile(r"[^\W_]+")
BRACKETED_NUMBERS = re.compile(r"\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
"""Left out of a quotation: they would read as our own citations."""
PLURAL_MIN_CHARS = 4
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about an and are as at be been by can did do does for from had has have how i in is it its me my of on or "
        "our that the their there these they this to was we were what when where which who whom whose why will with "
        "would you your",
    )
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    passage: int
    """Number of the passage, counted from 1."""
    terms: frozenset[str]


def _terms(text: str) -> frozenset[str]:
    """Return the words that carry meaning, lower case, plural endings cut, so that `pools` finds `pool`."""
    words = (word.lower() for word in WORD.findall(text))
    return frozenset(_singular(word) for word in words if word not in STOP_WORDS)


def _singular(word: str) -> str:
    return word[:-1] if len(word) >= PLURAL_MIN_CHARS and word.endswith("s") else word


def _sentences(prompt: Prompt) -> list[_Sentence]:
    found: list[_Sentence] = []
    for number, hit in enumerate(prompt.passages, start=1):
        for part in SENTENCE_END.split(hit.chunk.text):
            text = " ".join(BRACKETED_NUMBERS.sub("", part).split())
            if terms := _terms(text):
                found.append(_Sentence(text, number, terms))
    return found


def quote(prompt: Prompt) -> str:
    """Return the best sentences with their markers, or a plain statement that none answers."""
    sentences = _sentences(prompt)
    wanted = _terms(prompt.question)
    counts = Counter(term for sentence in sentences for term in sentence.terms)
    weights = {term: math.log(1 + len(sentences) / (1 + counts[term])) for term in wanted}
    total = sum(weights.values())

    def score(sentence: _Sentence) -> float:
        return sum(weights[term] for term in sentence.terms & wanted)

    ranked = sorted(sentences, key=lambda sentence: (-score(sentence), sentence.passage))
    if not ranked or score(ranked[0]) < MIN_COVERAGE * total or not total:
        return NO_ANSWER
    best = [s for s in ranked[:MAX_SENTENCES] if score(s) >= FURTHER_SENTENCE_SHARE * score(ranked[0])]
    return " ".join(f"{sentence.text} [{sentence.passage}]" for sentence in best)


class ExtractiveGenerator:
    """Satisfies ports.Generator, on this machine, without a model."""

    @property
    def model(self) -> str:
        return MODEL

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        """Yield the quotation a few words at a time, then its end."""
        for piece in re.findall(rf"(?:\s*\S+){{1,{PIECE_WORDS}}}", quote(prompt)):
            yield piece
            await asyncio.sleep(0)
        yield GenerationEnd(finish_reason="stop")

    async def health(self) -> Health:
        return Health(ok=True)

    async def close(self) -> None:
        """Nothing to close."""
