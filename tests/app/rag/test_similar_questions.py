"""A kept answer for a question in other words: only where the operator wants it, and nothing tells the two apart."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from app.adapters.memory_cache import MemoryCache
from app.ports import DependencyUnavailable, Message, Scope, Vector
from app.rag.cache_key import CacheKey, cache_key
from app.rag.retrieval import Question
from app.rag.similar_questions import SimilarQuestions, ask_the_same
from tests.app.rag.test_caching import BASIS, QUESTION, World
from tests.support.fake_ports import FakeEmbedder

pytestmark = pytest.mark.anyio
OTHER_WORDS = replace(QUESTION, text="The sky is of which colour?")
UNLIKE = np.array([0, 1, 0], np.float32)
KEYS = [CacheKey(str(number) * 64, "partition") for number in range(4)]


class CountingEmbedder(FakeEmbedder):
    asked = 0

    async def embed_query(self, text: str) -> Vector:
        self.asked += 1
        return await super().embed_query(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("How can I export my data?", "How do I export the data?", True),
        ("Which languages does it support?", "Which languages are supported?", True),
        ("What was paid in 2023?", "What was paid in 2024?", False),
        ("From 3 to 4, how?", "From 4 to 3, how?", False),
        ("Does Anna report to Peter?", "Does Peter report to Anna?", False),
        ("Which are covered?", "Which are not covered?", False),
        ("When does it open?", "When does it close?", False),
        ("When was it founded?", "Where was it founded?", False),
        ("Who may see all documents?", "Who may see all documents except contracts?", False),
        ("What does the red phone cost?", "What does the phone cost?", False),
        ("", "", True),
    ],
)
def test_words_that_tell_questions_apart_are_seen(one: str, other: str, same: bool) -> None:
    assert ask_the_same(one, other) is ask_the_same(other, one) is same


async def test_the_closest_question_above_the_threshold_is_found() -> None:
    similar = SimilarQuestions(MemoryCache(10**6, 60), 0.9)
    east = np.array([1, 0, 0], np.float32)
    for key, vector in zip(KEYS, ([0.95, 0.3, 0], [0.99, 0.1, 0], [0.8, 0.6, 0], [np.nan, 0, 0]), strict=True):
        await similar.add(key, "Which colour?", np.array(vector, np.float32))
    latest = await similar.latest("partition")
    assert similar.find(latest, "Which colour", east) == KEYS[1].exact
    assert similar.find(latest, "Which smell?", east) is None
    assert similar.find(latest, "Which colour", UNLIKE) is None
    assert similar.find(latest, "Which colour", np.zeros(3, np.float32)) is None
    assert await similar.latest("another") == []


async def test_a_question_in_other_words_gets_the_kept_answer_only_where_that_is_wanted() -> None:
    for min_similarity, cached in ((None, None), (0.9, "semantic")):
        world = World(min_similarity=min_similarity)
        first, second = await world.ask(), await world.ask(OTHER_WORDS)
        assert (first.cached, second.cached) == (None, cached)
        assert len(world.generator.prompts) == (1 if cached else 2)
    assert world.outcomes == ["miss", "semantic"]


@pytest.mark.parametrize(
    "other",
    [
        replace(OTHER_WORDS, tenant="beta"),
        replace(OTHER_WORDS, scope=Scope(groups=frozenset())),
        replace(OTHER_WORDS, conversation=(Message(role="user", content="Hello"),)),
        replace(OTHER_WORDS, text="The sky is of which colour in 2024?"),
    ],
)
async def test_what_another_may_know_or_asks_is_not_given(other: Question) -> None:
    world = World(min_similarity=0.5)
    await world.ask()
    assert (await world.ask(other)).cached is None


async def test_a_question_is_embedded_once_and_not_at_all_for_an_exact_hit() -> None:
    embedder = CountingEmbedder()
    world = World(min_similarity=0.9, embedder=embedder)
    await world.ask()
    await world.ask()
    assert embedder.asked == 1


async def test_what_is_remembered_wrongly_or_not_at_all_is_a_miss() -> None:
    world = World(min_similarity=0.9)
    partition = cache_key(QUESTION, BASIS, "v0").partition
    for broken in (b"", b"\xff" * 200, b"0" * 64 + np.ones(3, np.float16).tobytes() + OTHER_WORDS.text.encode()):
        await world.cache.add(partition, broken)
    assert (await world.ask(OTHER_WORDS)).cached is None
    world.cache.error = DependencyUnavailable("redis", "away")
    assert (await world.ask()).degraded == ["cache"]


class MeetingEmbedder(FakeEmbedder):
    """Gives a vector only once the latest questions are being fetched, or fails then."""

    def __init__(self, fetching: asyncio.Event, error: Exception | None = None) -> None:
        super().__init__(error=error)
        self.asked, self._fetching = asyncio.Event(), fetching

    async def embed_query(self, text: str) -> Vector:
        self.asked.set()
        await self._fetching.wait()
        return await super().embed_query(text)


async def test_the_latest_questions_are_fetched_while_the_vector_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = MeetingEmbedder(fetching := asyncio.Event())
    world = World(min_similarity=0.9, embedder=embedder)

    async def latest(_partition: str) -> list[bytes]:
        fetching.set()
        await embedder.asked.wait()
        return []

    monkeypatch.setattr(world.cache, "latest", latest)
    assert (await asyncio.wait_for(world.ask(), 5)).finish_reason == "stop"


async def test_without_a_vector_nothing_more_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = MeetingEmbedder(fetching := asyncio.Event(), DependencyUnavailable("embedder", "away"))
    world, ended = World(min_similarity=0.9, embedder=embedder), asyncio.Event()

    async def latest(_partition: str) -> list[bytes]:
        fetching.set()
        try:
            return await asyncio.Future[list[bytes]]()
        finally:
            ended.set()

    monkeypatch.setattr(world.cache, "latest", latest)
    with pytest.raises(DependencyUnavailable, match="away"):
        await asyncio.wait_for(world.ask(), 5)
    await asyncio.wait_for(ended.wait(), 5)
