"""Which of the found passages go into the prompt, and how much of the conversation. Pure functions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.ports import Hit, Message

BYTES_PER_TOKEN = 3
"""Text in UTF-8 has rarely fewer bytes a token in any model's vocabulary: English about four, Chinese three or more."""


def select(hits: Iterable[Hit], limit: int, per_document: int) -> tuple[Hit, ...]:
    """Return at most `limit` hits in the order given, each statement once, at most `per_document` of one document.

    A passage that stands in one before it, but for case and white space, is no second witness. One that says nearly the
    same stays: the difference may be the number that is asked for.
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
    """Return the words alone, once for all questions that find this passage."""
    return f" {' '.join(text.casefold().split())} "


def most_tokens(text: str) -> int:
    """Return how many tokens the text may take, without the model's tokenizer: rather too many than too few."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def that_fit(hits: Sequence[Hit], tokens: int) -> tuple[tuple[Hit, ...], int]:
    """Return the hits that have room together in `tokens`, and the tokens left.

    The best one always has; a long one that has no room makes way for those after it.
    """
    fitting: list[Hit] = []
    for hit in hits:
        needed = most_tokens(hit.chunk.title + hit.chunk.text)
        if needed <= tokens or not fitting:
            fitting.append(hit)
            tokens = max(0, tokens - needed)
    return tuple(fitting), tokens


def latest_that_fit(conversation: Sequence[Message], tokens: int) -> tuple[Message, ...]:
    """Return the last turns that have room in `tokens`, none left out between them."""
    first = len(conversation)
    while first and (needed := most_tokens(conversation[first - 1].content)) <= tokens:
        tokens -= needed
        first -= 1
    return tuple(conversation[first:])
