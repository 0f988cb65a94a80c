"""The pipeline behind a cache: what is given again, what never is, and many askers of one question."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from app.adapters.memory_cache import MemoryCache
from app.ports import AnswerCache, DependencyTimeout, DependencyUnavailable, GenerationEnd, Prompt
from app.rag.breaker import Breakers
from app.rag.cache_key import cache_key
from app.rag.caching import CachedAnswers, Outcome, Replay, Use
from app.rag.corpus import MEMO_S, CorpusVersions
from app.rag.events import Done, Token
from app.rag.generation import Writer
from app.rag.guard import Guard, Rules
from app.rag.pipeline import Pipeline
from app.rag.reranking import Reranking
from app.rag.retrieval import Question, Retriever
from app.rag.run import Run
from tests.app.rag.test_pipeline import THRESHOLDS
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeReranker, FakeStore, hit

pytestmark = pytest.mark.anyio
QUESTION = Question(tenant="acme", text="Which colour is the sky?", top_k=2)
BASIS = "basis"
KEY = cache_key(QUESTION, BASIS, "v0").exact
SOON_S = 5
"""Of what comes at once if it comes at all."""
AWAY = DependencyUnavailable("redis", "away")


class FakeCache(MemoryCache):
    """Fails with `error` where there is one."""

    def __init__(self) -> None:
        super().__init__(10**7, 60)
        self.error: DependencyUnavailable | None = None

    async def get(self, key: str) -> bytes | None:
        if self.error:
            raise self.error
        return await super().get(key)

    async def put(self, key: str, value: bytes) -> None:
        if self.error:
            raise self.error
        await super().put(key, value)


class GatedGenerator(FakeGenerator):
    """Writes nothing before `gate` opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        await self.gate.wait()
        async for piece in super().stream(prompt):
            yield piece


@dataclass
class World:
    """A pipeline behind a cache, and what stands behind both."""

    store: FakeStore = field(default_factory=lambda: FakeStore([hit("The sky is blue.")]))
    generator: FakeGenerator = field(default_factory=FakeGenerator)
    cache: FakeCache = field(default_factory=FakeCache)
    real_cache: AnswerCache | None = None
    reranker: FakeReranker | None = None
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    now: float = 0.0
    min_similarity: float | None = None
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)

    def __post_init__(self) -> None:
        breakers = Breakers(clock=lambda: self.now)
        reranking = Reranking(self.reranker, 1) if self.reranker else None
        retriever = Retriever(self.embedder, self.store, 1, reranking)
        pipeline = Pipeline(retriever, Writer(self.generator, 1, Guard(Rules()), THRESHOLDS), 5, breakers)
        corpora = CorpusVersions(self.store.corpus_version, breakers, lambda: self.now)
        self.answers = CachedAnswers(
            pipeline,
            self.real_cache or self.cache,
            corpora,
            breakers,
            basis=BASIS,
            min_similarity=self.min_similarity,
            count=self.outcomes.append,
        )

    async def ask(self, question: Question = QUESTION, use: Use = "reuse") -> Done:
        """Return the end of an answer once it is kept, if it is; one question at a time."""
        done = await self.ask_beside_others(question, use)
        await self.answers.close()
        return done

    async def ask_beside_others(self, question: Question, use: Use = "reuse") -> Done:
        *_, done = [event async for event in self.answers.answer(question, use)]
        assert isinstance(done, Done)
        return done


async def test_an_answer_is_given_again_and_counted() -> None:
    world = World()
    first, again = await world.ask(), await world.ask()
    assert (first.cached, again.cached) == (None, "exact")
    assert again.citations == first.citations
    assert again.quality == first.quality
    assert world.outcomes == ["miss", "exact"]


@pytest.mark.parametrize(
    "world",
    [
        World(generator=FakeGenerator(pieces=("The sun is green and loud. [1]",))),
        World(generator=FakeGenerator(pieces=("The documents do not say which colour it has.",))),
        World(generator=FakeGenerator(pieces=(" ",))),
        World(generator=FakeGenerator(pieces=())),
        World(generator=FakeGenerator(finish_reason="length")),
        World(store=FakeStore()),
        World(reranker=FakeReranker(error=DependencyUnavailable("reranker", "away"))),
    ],
    ids=["ungrounded", "refusal", "blank", "empty", "cut off", "no context", "degraded"],
)
async def test_an_answer_that_is_not_good_is_not_kept(world: World) -> None:
    await world.ask()
    assert world.cache.bytes == 0
    assert (await world.ask()).cached is None


@pytest.mark.parametrize(
    "generator", [FakeGenerator(error=DependencyUnavailable("generator", "gone")), FakeGenerator(ends=False)]
)
async def test_a_failure_reaches_all_who_wait_for_it_and_is_not_kept(generator: FakeGenerator) -> None:
    world = World(generator=generator)
    found = await asyncio.gather(*(world.ask_beside_others(QUESTION) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(error, DependencyUnavailable) for error in found), found
    assert (len(generator.prompts), world.cache.bytes) == (1, 0)
    generator.error, generator.ends = None, True
    assert (await world.ask()).cached is None


async def test_those_who_come_later_see_what_is_written_and_what_comes() -> None:
    world = World(generator=FakeGenerator(stalls=True))
    async with aclosing(world.answers.answer(QUESTION)) as first, aclosing(world.answers.answer(QUESTION)) as second:
        seen = [await anext(first) for _ in range(3)]
        assert [await anext(second) for _ in range(3)] == seen
    assert world.outcomes == ["miss", "joined"]


def short_run(_pipeline: Pipeline) -> Run:
    return Run(0.1)


class SlowOnce(FakeGenerator):
    """Stalls the first time that it is asked."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        self.stalls = not self.prompts
        async for piece in super().stream(prompt):
            if not self.stalls:
                yield piece


async def test_those_who_joined_when_the_first_askers_time_was_nearly_over_have_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(generator=SlowOnce())
    with monkeypatch.context() as short:
        short.setattr(Pipeline, "new_run", short_run)
        first = await world.answers.begin(QUESTION)
    others = [asyncio.create_task(world.ask_beside_others(QUESTION)) for _ in range(3)]
    assert not isinstance(first, Replay)
    with pytest.raises(DependencyTimeout):
        [event async for event in first]
    ends = await asyncio.gather(*others)
    assert sorted((end.cached or "", end.prompt_tokens) for end in ends) == [("", 5), ("exact", 0), ("exact", 0)]
    assert (len(world.generator.prompts), Counter(world.outcomes)) == (2, {"miss": 1, "joined": 3})


@pytest.mark.parametrize(
    "generator",
    [FakeGenerator(stalls=True), FakeGenerator(pieces=(), error=DependencyTimeout("generator", "slow"))],
    ids=["words", "failure"],
)
async def test_who_has_had_words_of_a_joined_answer_or_whose_model_fails_is_told_and_asks_for_no_other(
    generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(generator=generator)
    with monkeypatch.context() as short:
        short.setattr(Pipeline, "new_run", short_run)
        first = await world.answers.begin(QUESTION)
    assert not isinstance(first, Replay)
    found = await asyncio.gather(anext(first), world.ask_beside_others(QUESTION), return_exceptions=True)
    assert isinstance(found[1], DependencyUnavailable)
    assert len(generator.prompts) == 1


async def test_the_first_asker_may_leave_and_the_others_are_answered() -> None:
    world = World(generator=(generator := GatedGenerator()))
    leader = world.answers.answer(QUESTION)
    await anext(leader)
    follower = world.answers.answer(QUESTION)
    await anext(follower)
    await leader.aclose()
    generator.gate.set()
    async with asyncio.timeout(SOON_S):
        *_, done = [event async for event in follower]
    assert isinstance(done, Done)
    assert (done.cached, done.prompt_tokens, len(generator.prompts)) == ("exact", 0, 1)
    assert (await world.ask()).cached == "exact"


async def test_the_work_is_cancelled_when_the_last_asker_leaves_and_nobody_joins_it_then() -> None:
    world = World(generator=FakeGenerator(stalls=True))
    first, second = world.answers.answer(QUESTION), world.answers.answer(QUESTION)
    for events in (first, second):
        while not isinstance(await anext(events), Token):
            pass
    await first.aclose()
    assert not world.generator.cancelled.is_set()
    await second.aclose()
    world.generator.stalls = False
    assert (await world.ask()).cached is None
    async with asyncio.timeout(SOON_S):
        await world.generator.cancelled.wait()
    assert len(world.generator.prompts) == 2


@pytest.mark.parametrize("value", [b"", b"\xff\x00", b"{}", b'{"key": "other"}', b"[" * 100_000])
async def test_a_corrupt_value_is_as_none_and_is_replaced(value: bytes) -> None:
    world = World()
    await world.cache.put(KEY, value)
    assert (await world.ask()).cached is None
    assert (await world.ask()).cached == "exact"


async def test_a_value_that_came_to_lie_under_another_key_is_not_given() -> None:
    world = World()
    await world.ask()
    value = await world.cache.get(KEY)
    assert value
    await world.cache.put(cache_key(replace(QUESTION, tenant="beta"), BASIS, "v0").exact, value)
    assert (await world.ask(replace(QUESTION, tenant="beta"))).cached is None


async def test_without_the_cache_each_question_is_answered_and_marked() -> None:
    world = World()
    world.cache.error = AWAY
    answers = [await world.ask() for _ in range(7)]
    assert [(done.cached, done.degraded) for done in answers] == [(None, ["cache"])] * 7
    assert world.outcomes == ["error"] * 7
    world.cache.error = None
    assert world.cache.bytes == 0


async def test_an_answer_that_the_cache_did_not_take_is_counted() -> None:
    world = World()
    await world.ask()
    world.cache.put = _refusing  # pyright: ignore[reportAttributeAccessIssue]
    assert (await world.ask(replace(QUESTION, top_k=1))).degraded == []
    assert world.outcomes == ["miss", "miss", "not_kept"]


async def test_while_the_store_is_away_what_is_kept_is_given_marked() -> None:
    world = World()
    await world.ask()
    world.store.error = DependencyUnavailable("vector_store", "away")
    world.now = 10
    done = await world.ask()
    assert (done.cached, done.degraded) == ("exact", ["vector_store"])
    with pytest.raises(DependencyUnavailable):
        await world.ask(replace(QUESTION, text="Another?"))
    world.store.error, world.store.version, world.now = None, "v1", 20
    assert (await world.ask()).cached is None


async def test_a_store_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.ask()
    monkeypatch.setattr("app.rag.corpus.ASK_TIMEOUT_S", 0.01)
    world.store.hang, world.now = True, 10
    assert (await world.ask()).cached == "exact"


class SilentStore(FakeStore):
    """Finds passages, but never tells which state of the documents they are of."""

    async def corpus_version(self, tenant: str) -> str:
        return await asyncio.Future()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    monkeypatch.setattr("app.rag.corpus.ASK_TIMEOUT_S", 0.01)
    return SilentStore([hit("The sky is blue.")])


async def test_equal_questions_are_one_where_the_state_of_the_documents_is_unknown(silent: FakeStore) -> None:
    many = 64
    world = World(store=silent)
    answers = await asyncio.gather(*(world.ask_beside_others(QUESTION) for _ in range(many)))
    assert Counter(world.outcomes) == {"error": 1, "joined": many - 1}
    assert {(done.finish_reason, *done.degraded) for done in answers} == {("stop",)}
    assert (len(world.generator.prompts), world.cache.bytes) == (1, 0)


async def test_an_answer_that_is_closed_unread_costs_nothing() -> None:
    world = World()
    begun = await world.answers.begin(QUESTION)
    assert not isinstance(begun, Replay)
    await begun.aclose()
    await world.answers.close()
    assert (world.generator.prompts, world.store.searches) == ([], [])


async def test_who_asks_after_a_change_joins_no_answer_of_before(silent: FakeStore) -> None:
    world = World(store=silent, generator=(generator := GatedGenerator()))
    async with aclosing(world.answers.answer(QUESTION)) as before, aclosing(world.answers.answer(QUESTION)) as after:
        await anext(before)
        with world.answers.changing(QUESTION.tenant):
            pass
        await anext(after)
        generator.gate.set()
        assert [event async for event in after]
    assert world.outcomes == ["error", "error"]


async def test_a_corpus_version_that_was_asked_before_a_change_is_not_remembered_after_it() -> None:
    answer, asked = asyncio.Event(), asyncio.Event()

    async def ask(_tenant: str) -> str:
        version = "old" if not asked.is_set() else "new"
        asked.set()
        await answer.wait()
        return version

    corpora = CorpusVersions(ask, Breakers())
    before = asyncio.create_task(corpora.of("acme"))
    await asked.wait()
    corpora.forget("acme")
    after = asyncio.create_task(corpora.of("acme"))
    await asyncio.sleep(0)
    answer.set()
    assert [(await before).version, (await after).version, (await corpora.of("acme")).version] == ["old", "new", "new"]


async def test_a_steady_asker_waits_for_the_store_no_more_after_the_first_time() -> None:
    now, answer, versions = 0.0, asyncio.Event(), iter(("v1", "v2"))
    answer.set()

    async def ask(_tenant: str) -> str:
        await answer.wait()
        return next(versions)

    corpora = CorpusVersions(ask, Breakers(), lambda: now)
    assert (await corpora.of("acme")).version == "v1"
    answer.clear()
    now = MEMO_S * 0.6
    assert (await asyncio.wait_for(corpora.of("acme"), SOON_S)).version == "v1"
    answer.set()
    now = MEMO_S
    assert (await corpora.of("acme")).version == "v2"
    await corpora.close()


async def _refusing(_key: str, _value: bytes) -> None:
    raise AWAY
