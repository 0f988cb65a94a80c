"""Chooses which passages, and how much of the conversation, go into the prompt. Pure functions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.ports import Hit, Message

BYTES_PER_TOKEN = 3
"""UTF-8 text rarely has fewer bytes per token with any model: English about four, Chinese three or more."""


def select(hits: Iterable[Hit], limit: int, per_document: int) -> tuple[Hit, ...]:
    """Return at most `limit` hits in the order given, without repeated text, at most `per_document` of one document.

    A passage that an earlier one contains, ignoring case and white space, adds nothing. Nearly identical ones are kept:
    the difference may be the very number that is asked for.
    """
    chosen: list[Hit] = []
    said: list[str] = []
    of_document: Counter[str] = Counter()
    for hit in hits:
        if len(chosen) == limit:
            break
        words = _plain(hit.chunk.text)
        if of_document[hit.chunk.doc_id] < per_document and not any(words in earlier for earlier in said):
            chosen.append(hit)
            said.append(words)
            of_document[hit.chunk.doc_id] += 1
    return tuple(chosen)


@lru_cache(maxsize=512)
def _plain(text: str) -> str:
    """Return the words alone, computed once for all questions that find this passage."""
    return f" {' '.join(text.casefold().split())} "


def most_tokens(text: str) -> int:
    """Return an upper estimate of the text's tokens, made without the model's tokenizer."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def that_fit(hits: Sequence[Hit], tokens: int) -> tuple[tuple[Hit, ...], int]:
    """Return the hits that fit into `tokens` together, and the tokens left.

    The best hit is always included; a long one that does not fit is skipped in favour of those after it.
    """
    fitting: list[Hit] = []
    for hit in hits:
        needed = most_tokens(hit.chunk.title + hit.chunk.text)
        if needed <= tokens or not fitting:
            fitting.append(hit)
            tokens = max(0, tokens - needed)
    return tuple(fitting), tokens


def latest_that_fit(conversation: Sequence[Message], tokens: int) -> tuple[Message, ...]:
    """Return the latest turns that fit into `tokens`, without gaps."""
    first = len(conversation)
    while first and (needed := most_tokens(conversation[first - 1].content)) <= tokens:
        tokens -= needed
        first -= 1
    return tuple(conversation[first:])
