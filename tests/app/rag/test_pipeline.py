"""The answer path, in front of stand-in ports."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from app.ports import DependencyTimeout, DependencyUnavailable, Hit, Message
from app.rag import generation
from app.rag.events import Done, Event, Sources, Token
from app.rag.generation import Writer
from app.rag.guard import Guard, Rules
from app.rag.pipeline import NO_CONTEXT, Pipeline
from app.rag.quality import Thresholds, Verdict, judge
from app.rag.retrieval import Question, Retriever
from app.rag.rewriting import Rewriting
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
THRESHOLDS = Thresholds(min_support=0.7, min_grounded=0.7)
QUESTION = Question(tenant="acme", text="Which colour?", top_k=2)


def pipeline_parts(
    store: FakeStore, generator: FakeGenerator, *, retrieval_s: float = 0.05, idle_s: float = 0.2
) -> tuple[Retriever, Writer]:
    return Retriever(FakeEmbedder(), store, retrieval_s), Writer(generator, idle_s, Guard(Rules()), THRESHOLDS)


def pipeline(store: FakeStore, generator: FakeGenerator, *, total_s: float = 5, **options: float) -> Pipeline:
    return Pipeline(*pipeline_parts(store, generator, **options), total_s)


async def events_of(pipe: Pipeline) -> list[Event]:
    return [event async for event in pipe.answer(QUESTION)]


async def test_an_answer_is_sources_then_tokens_then_done() -> None:
    found = [hit("The sky is blue.")]
    first, *tokens, last = await events_of(pipeline(FakeStore(found), FakeGenerator()))
    assert first == Sources(tuple(found))
    assert tokens == [Token("It is "), Token("blue. [1]")]
    assert isinstance(last, Done)
    assert [(c.source, c.start, c.end) for c in last.citations] == [(0, 0, 11)]
    assert list(last.timings_ms) == ["embed", "search", "first_token", "generate", "stream", "quality", "total"]
    assert (last.model, last.prompt_tokens, last.completion_tokens) == ("fake-model", 5, 2)


async def test_a_verdict_on_much_text_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    loop_went_on = threading.Event()

    def judge_later(*arguments: Any) -> Verdict:
        assert loop_went_on.wait(10), "the verdict keeps the event loop"
        return judge(*arguments)

    monkeypatch.setattr(generation, "judge", judge_later)
    monkeypatch.setattr(generation, "MUCH_TO_COMPARE", 100)
    asyncio.get_running_loop().call_later(0.01, loop_went_on.set)
    last = (await events_of(pipeline(FakeStore([hit("The sky is blue.")]), FakeGenerator())))[-1]
    assert isinstance(last, Done)
    assert last.quality.verdict == "grounded"


async def test_without_passages_no_generator_is_asked_and_the_answer_says_so() -> None:
    generator = FakeGenerator()
    events = await events_of(pipeline(FakeStore(), generator))
    assert events[:2] == [Sources(()), Token(NO_CONTEXT)]
    assert isinstance(events[2], Done)
    assert (events[2].finish_reason, events[2].model, generator.prompts) == ("no_context", None, [])


async def test_the_search_stays_in_the_tenant() -> None:
    store = FakeStore()
    await events_of(pipeline(store, FakeGenerator()))
    assert [(tenant, text) for tenant, text, _ in store.searches] == [("acme", "Which colour?")]


async def test_each_request_gets_a_boundary_of_its_own() -> None:
    generator = FakeGenerator()
    pipe = pipeline(FakeStore([hit("text")]), generator)
    await events_of(pipe)
    await events_of(pipe)
    assert generator.prompts[0].messages[0] != generator.prompts[1].messages[0]


async def test_a_search_that_hangs_ends_at_its_deadline() -> None:
    with pytest.raises(DependencyTimeout) as caught:
        await events_of(pipeline(FakeStore(hang=True), FakeGenerator()))
    assert caught.value.dependency == "vector_store"


async def test_a_generator_that_falls_silent_is_cancelled_at_the_idle_deadline() -> None:
    generator = FakeGenerator(stalls=True)
    with pytest.raises(DependencyTimeout, match=r"in 0\.2 s"):
        await events_of(pipeline(FakeStore([hit("text")]), generator))
    assert generator.cancelled.is_set()


async def test_a_generator_that_never_begins_ends_at_the_total_deadline() -> None:
    generator = FakeGenerator(pieces=(), stalls=True)
    with pytest.raises(DependencyTimeout, match=r"no answer from the generator in 0\.2 s"):
        await events_of(pipeline(FakeStore([hit("text")]), generator, total_s=0.2, idle_s=0.01))


async def test_a_stream_without_an_end_is_an_error_not_an_answer() -> None:
    with pytest.raises(DependencyUnavailable, match="broke off"):
        await events_of(pipeline(FakeStore([hit("text")]), FakeGenerator(ends=False)))


async def test_leaving_in_the_middle_closes_the_generator() -> None:
    generator = FakeGenerator(stalls=True)
    events = pipeline(FakeStore([hit("text")]), generator).answer(QUESTION)
    await anext(events)
    await anext(events)
    await events.aclose()
    assert generator.cancelled.is_set()


async def test_a_follow_up_is_searched_with_what_it_refers_to_and_asked_as_it_was() -> None:
    talk = (Message(role="user", content="What is blue in London?"), Message(role="assistant", content="The door. [1]"))
    store, generator = FakeStore([hit("The bridge of Paris is blue.")]), FakeGenerator()
    asked = replace(QUESTION, text="And in Paris?", conversation=talk)
    await collected(pipeline(store, generator).answer(asked))
    assert [text for _, text, _ in store.searches] == ["What is blue in London? And in Paris?"]
    (prompt,) = generator.prompts
    assert prompt.question == "What is blue in London? And in Paris?"
    assert prompt.messages[1:3] == talk
    assert prompt.messages[-1].content.endswith("Question: And in Paris?")


@pytest.mark.parametrize(
    ("found", "holds", "calls"),
    [([hit("The sky is blue.")], False, 2), ([hit("text")], True, 3), ([], False, 1)],
    ids=["written once", "written twice", "not written"],
)
async def test_tokens_of_a_rewriting_count_once_with_those_of_the_answer(
    found: list[Hit], holds: bool, calls: int
) -> None:
    asked, model = replace(QUESTION, conversation=(Message(role="user", content="And London?"),)), FakeGenerator()
    parts = pipeline_parts(FakeStore(found), model)
    *_, done = await collected(Pipeline(*parts, 5, rewriting=Rewriting(model, 1), holds=holds).answer(asked))
    assert isinstance(done, Done)
    assert (len(model.prompts), done.prompt_tokens, done.completion_tokens) == (calls, 5 * calls, 2 * calls)
    assert done.answer_tokens == (2 if found else None)


async def test_what_has_no_room_in_the_prompt_is_no_source_and_old_turns_go_first() -> None:
    talk = tuple(Message(role="user", content=letter * 30) for letter in "abc")
    store, generator = FakeStore([hit("x" * 60, title=""), hit("y" * 300, title="")]), FakeGenerator()
    pipe = Pipeline(
        Retriever(FakeEmbedder(), store, 1), Writer(generator, 1, Guard(Rules()), THRESHOLDS), 5, prompt_tokens=45
    )
    (sources, *_) = await collected(pipe.answer(replace(QUESTION, conversation=talk)))
    assert sources == Sources((store.hits[0],))
    assert generator.prompts[0].messages[1:-1] == talk[1:]


async def collected(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]
