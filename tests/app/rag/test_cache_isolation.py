"""S3 for answers: ten thousand random questions of many readers on one cache; each gets what is theirs and of now.

Now and then the store goes away, most of all just after a change: then each gets that or nothing.
"""

import random
import re
from collections import Counter
from collections.abc import AsyncGenerator

import pytest

from app.ports import EVERYTHING, DependencyUnavailable, GenerationEnd, Hit, Prompt, Scope, Vector
from app.rag.breaker import OPEN_S
from app.rag.corpus import MEMO_S
from app.rag.events import Done, Event, Sources, Token
from app.rag.retrieval import Question
from tests.app.rag.test_caching import World
from tests.support.fake_ports import FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
AWAY = DependencyUnavailable("vector_store", "away")
OPERATIONS = 10_000
TENANTS = ("acme", "acme-2", "Acme")
GROUPS = ("hr", "it", "board")
QUESTIONS = (
    "Which colour is the sky?",
    "Who is paid in 2023?",
    "Who is paid in 2024?",
    "who is  paid in 2024",
    "In 2024, who is paid?",
)
"""The last three ask for the same."""


class NamingStore(FakeStore):
    """Finds one passage, which names whose it is and of which state of the documents."""

    def __init__(self) -> None:
        super().__init__()
        self.versions = Counter[str]()

    async def corpus_version(self, tenant: str) -> str:
        if self.error:
            raise self.error
        return str(self.versions[tenant])

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        if self.error:
            raise self.error
        return [hit(passage(tenant, scope, self.versions[tenant], text, limit))]


class Echo(FakeGenerator):
    """Says the passage again."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        yield prompt.passages[0].chunk.text + " [1]"
        yield GenerationEnd(finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def passage(tenant: str, scope: Scope, version: int, text: str, limit: int) -> str:
    groups = "all" if scope.groups is None else "+".join(sorted(scope.groups))
    tags = "+".join(sorted(tag for tags in scope.tags for tag in tags))
    words = " ".join(sorted(re.findall(r"\w+", text.lower())))
    return f"secret of {tenant} for {groups} with {tags} in version v{version} of {limit} to {words}"


def some_question(chance: random.Random) -> Question:
    groups = None if chance.random() < 0.3 else frozenset(chance.sample(GROUPS, chance.randint(0, 2)))
    tags = (frozenset({"year=2024"}),) if chance.random() < 0.3 else ()
    return Question(
        tenant=chance.choice(TENANTS),
        text=chance.choice(QUESTIONS),
        top_k=chance.choice((1, 2)),
        scope=Scope(groups=groups, tags=tags),
    )


def something_happens(chance: random.Random, world: World, store: NamingStore, tenant: str) -> None:
    """The tenant's documents change, the store goes away or comes back, time passes; or nothing of it."""
    if store.error is None and chance.random() < 0.01:
        with world.answers.changing(tenant):
            store.versions[tenant] += 1
        store.error = chance.choice((AWAY, None))
    elif chance.random() < 0.02:
        store.error = None if store.error else AWAY
        world.now += max(MEMO_S, OPEN_S)


async def events_of(world: World, question: Question) -> list[Event] | None:
    try:
        return [event async for event in world.answers.answer(question)]
    except DependencyUnavailable:
        return None


async def test_no_reader_ever_gets_what_was_answered_for_others_or_before() -> None:
    chance, store = random.Random(2024), NamingStore()
    world, seen = World(store=store, generator=Echo(), min_similarity=0.5), Counter[str]()
    for number in range(OPERATIONS):
        question = some_question(chance)
        something_happens(chance, world, store, question.tenant)
        events = await events_of(world, question)
        if events is None:
            assert store.error, number
            seen["refused"] += 1
            continue
        version, limit = store.versions[question.tenant], question.top_k * 2
        expected = passage(question.tenant, question.scope, version, question.text, limit)
        assert isinstance(events[0], Sources)
        assert [found.chunk.text.lower() for found in events[0].hits] == [expected.lower()], number
        text = "".join(event.text for event in events if isinstance(event, Token))
        assert text.lower() == f"{expected} [1]".lower(), number
        seen["kept, marked"] += isinstance(done := events[-1], Done) and "vector_store" in done.degraded
    outcomes = Counter(world.outcomes)
    assert outcomes["exact"] > OPERATIONS / 4, outcomes
    assert min(outcomes["semantic"], outcomes["miss"], seen["refused"], seen["kept, marked"]) > 100, (outcomes, seen)
