"""S3 for answers: ten thousand random questions of many readers on one cache; each gets what is theirs and of now."""

import random
import re
from collections import Counter
from collections.abc import AsyncGenerator

import pytest

from app.ports import EVERYTHING, GenerationEnd, Hit, Prompt, Scope, Vector
from app.rag.events import Sources, Token
from app.rag.retrieval import Question
from tests.app.rag.test_caching import World
from tests.support.fake_ports import FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
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
        return str(self.versions[tenant])

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
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


async def test_no_reader_ever_gets_what_was_answered_for_others() -> None:
    chance, store = random.Random(2024), NamingStore()
    world = World(store=store, generator=Echo(), min_similarity=0.5)
    for number in range(OPERATIONS):
        question = some_question(chance)
        if chance.random() < 0.005:
            store.versions[question.tenant] += 1
            world.answers.forget(question.tenant)
        events = [event async for event in world.answers.answer(question)]
        expected = passage(
            question.tenant, question.scope, store.versions[question.tenant], question.text, question.top_k * 2
        )
        assert isinstance(events[0], Sources)
        assert [found.chunk.text.lower() for found in events[0].hits] == [expected.lower()], number
        text = "".join(event.text for event in events if isinstance(event, Token))
        assert text.lower() == f"{expected} [1]".lower(), number
    outcomes = Counter(world.outcomes)
    assert outcomes["exact"] > OPERATIONS / 4, outcomes
    assert min(outcomes["semantic"], outcomes["miss"]) > 100, outcomes
