"""Answers without a model: quotes the passages' sentences that share the question's rarest words.

Deliberately absent: any rephrasing. Everything it says is in a document, word for word except for markup, and cited.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from app.ports import GenerationEnd, Health, Prompt
from app.rag.fusion import STOP_WORDS
from app.rag.groundedness import known_words, names

MODEL = "extractive"
NO_ANSWER = "The documents that come closest do not seem to answer this."
MAX_SENTENCES = 3
MIN_COVERAGE = 0.33
"""Least share of the question's weighted terms that the best sentence must contain. With every second XQuAD article
indexed, 83 % of the answers contain the expected words, and 87 % of the questions about the other articles are turned
away."""
TITLE_WEIGHT = 0.5
"""Weight of a question's term found in a passage's title or heading, compared with one in the sentence itself."""
FURTHER_SENTENCE_SHARE = 0.8
"""Further sentences must reach at least this share of the best one's score."""
MIN_WORDS = 4
"""Shorter fragments state nothing by themselves."""
FRAGMENT_WEIGHT = 0.5
"""Weight of a line without an end mark compared with a sentence: mostly it is a link, a caption or a list item."""
PIECE_WORDS = 4
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”\u2019)]*\s+(?=[\"'“\u2018(]?[^\W_a-z])|\n{2,}|\n(?=[-*•#|])")
END_MARK = re.compile(r"[.!?…][\"'”\u2019)]*$")
WORD = re.compile(r"[^\W_]+")
NOT_PROSE = re.compile(
    r"^(```|~~~)[^\0]*?^\1[^\n]*$|^[ \t]*(?:\||#{1,6}[ \t]|</?\w)[^\n]*$|^ {4,}\S[^\n]*$", re.MULTILINE
)
"""Fenced and indented code, table rows, headings and tags: their sentences answer nobody."""
LINK = re.compile(r"!?\[([^\]\[]*)\]\([^)\s]*\)")
MARKUP = re.compile(r"`([^`]+)`|\*+(?=\S)|(?<=\S)\*+|__|`|^\s*(?:[-*+•]|\d+\.)\s+", re.MULTILINE)
BRACKETED_NUMBERS = re.compile(r"\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
"""Left out of quotations, where they would look like our own citations."""
PLURAL_MIN_CHARS = 4
STEM_CHARS = 6


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    passage: int
    """The passage's number, counted from 1."""
    terms: frozenset[str]
    context: frozenset[str]
    """Terms of the passage's title and heading."""
    rank: float
    """The passage's score in the search."""


def _terms(text: str) -> frozenset[str]:
    """Return the stems of the meaningful words."""
    words = (word.lower() for word in WORD.findall(text))
    return frozenset(_stem(word) for word in words if word not in STOP_WORDS)


def _stem(word: str) -> str:
    """Cut the plural ending and everything after six letters: `pools` finds `pool`, `installing` finds `installed`."""
    singular = word[:-1] if len(word) >= PLURAL_MIN_CHARS and word.endswith("s") else word
    return singular[:STEM_CHARS]


def _sentences(prompt: Prompt) -> list[_Sentence]:
    found: list[_Sentence] = []
    for number, hit in enumerate(prompt.passages, start=1):
        context = _terms(f"{hit.chunk.title} {hit.chunk.location}")
        for part in SENTENCE_END.split(NOT_PROSE.sub("\n\n", hit.chunk.text)):
            text = _plain(part)
            if len(WORD.findall(text)) >= MIN_WORDS and not text.endswith(":") and (terms := _terms(text)):
                found.append(_Sentence(text, number, terms, context, hit.score))
    return found


def _plain(markdown: str) -> str:
    """Return the text as a reader sees it, on one line; inline code stays as it is written."""
    unmarked = MARKUP.sub(lambda mark: mark[1] or "", LINK.sub(r"\1", markdown))
    return " ".join(BRACKETED_NUMBERS.sub("", unmarked).split())


def quote(prompt: Prompt) -> str:
    """Return the best sentences with their markers, or a plain statement that there is no answer."""
    sentences = _sentences(prompt)
    wanted = _terms(prompt.question)
    counts = Counter(term for sentence in sentences for term in sentence.terms)
    weights = {term: math.log(1 + len(sentences) / (1 + counts[term])) for term in wanted}
    total = sum(weights.values())

    def coverage(sentence: _Sentence) -> float:
        named = (sentence.context - sentence.terms) & wanted
        return sum(weights[t] for t in sentence.terms & wanted) + TITLE_WEIGHT * sum(weights[t] for t in named)

    def score(sentence: _Sentence) -> float:
        if not sentence.terms & wanted:
            return 0
        return coverage(sentence) * (1 + sentence.rank) * (1 if END_MARK.search(sentence.text) else FRAGMENT_WEIGHT)

    ranked = sorted(sentences, key=lambda sentence: (-score(sentence), sentence.passage))
    if not ranked or not total or coverage(ranked[0]) < MIN_COVERAGE * total or _lacks_all_names(prompt):
        return NO_ANSWER
    best = [s for s in ranked[:MAX_SENTENCES] if score(s) >= FURTHER_SENTENCE_SHARE * score(ranked[0])]
    return " ".join(f"{sentence.text} [{sentence.passage}]" for sentence in best)


def _lacks_all_names(prompt: Prompt) -> bool:
    """Whether the question has names and the passages none of them, so that they are about something else."""
    asked = names(prompt.question) - STOP_WORDS
    chunks = [hit.chunk for hit in prompt.passages]
    texts = [text for chunk in chunks for text in (chunk.text, chunk.title, chunk.location)]
    return bool(asked) and asked.isdisjoint(known_words(texts))


class ExtractiveGenerator:
    """Implements `ports.Generator` without a model."""

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
