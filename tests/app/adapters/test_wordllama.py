"""The embedding model inside the package."""

import asyncio
import logging
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from app.adapters.wordllama import WordLlamaEmbedder
from app.rag.chunking import MAX_TOKENS, Section, cut

pytestmark = pytest.mark.anyio
EMBEDDER = WordLlamaEmbedder()


async def test_vectors_have_unit_length_and_close_texts_are_close() -> None:
    cat, kitten, tax = await EMBEDDER.embed_passages(["the cat sleeps", "a kitten is sleeping", "income tax law"])
    assert np.linalg.norm([cat, kitten, tax], axis=1) == pytest.approx(1)
    assert cat @ kitten > cat @ tax + 0.2
    assert np.array_equal(await EMBEDDER.embed_query("the cat sleeps"), cat)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_nothing_is_kept_of_a_text() -> None:
    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def embed(first: int) -> None:
        for number in range(first, first + 3000):
            await EMBEDDER.embed_query(f"How fast does the spot pool drain? {number}")

    await embed(0)
    before = resident_bytes()
    await embed(3000)
    assert resident_bytes() - before < 2 * 2**20, "the tokenizer's own memory takes 6 MiB"


async def test_a_text_without_tokens_is_zero_not_nan() -> None:
    vectors = await EMBEDDER.embed_passages(["", "\U0001f600\u0000", "text"])
    assert np.isfinite(vectors).all()
    assert not vectors[0].any()


async def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    alone = await EMBEDDER.embed_passages(["short"])
    together = await EMBEDDER.embed_passages(["short", "a much longer text " * 200])
    assert np.array_equal(alone[0], together[0])


async def test_the_last_sentence_of_a_maximal_passage_is_embedded() -> None:
    filler = "This paragraph is about garden plants and their soil. " * 200
    (passage, *_) = cut([Section(text=filler)], EMBEDDER.token_spans, MAX_TOKENS)
    kept = passage.text[: passage.text[: -len("The zebra eats quantum bananas.") - 20].rindex(". ") + 2]
    marked = kept + "The zebra eats quantum bananas."
    assert MAX_TOKENS - 30 < len(EMBEDDER.token_spans(marked)) <= MAX_TOKENS
    plain, with_zebra = await EMBEDDER.embed_passages([kept, marked])
    question = await EMBEDDER.embed_query("What does the zebra eat?")
    assert question @ with_zebra > question @ plain + 0.01


async def test_the_loop_goes_on_while_a_text_is_tokenised() -> None:
    tokenising = asyncio.ensure_future(asyncio.to_thread(EMBEDDER.token_spans, "The quick brown fox. " * 20_000))
    beats = 0
    while not tokenising.done():
        await asyncio.sleep(0.001)
        beats += 1
    assert await tokenising
    assert beats > 20, "the tokenizer kept the interpreter to itself"


def test_token_spans_are_places_in_the_text() -> None:
    text = "na\u00efve \u4f60\u597d \U0001f600 end"
    spans = EMBEDDER.token_spans(text)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert spans == sorted(spans)


def test_loading_it_needs_no_network_and_leaves_the_logs_alone() -> None:
    code = (
        "import logging, sys\n"
        "sys.addaudithook(lambda e, a: sys.exit(f'network: {e}') if e.startswith('socket.') else None)\n"
        "from app.adapters.wordllama import WordLlamaEmbedder\n"
        "WordLlamaEmbedder()\n"
        "assert not logging.getLogger().handlers and 'wordllama' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
    assert "wordllama" not in logging.Logger.manager.loggerDict


def test_one_wheel_serves_every_python_and_machine() -> None:
    assert "Tag: py3-none-any" in (distribution("wordllama").read_text("WHEEL") or "").splitlines()
