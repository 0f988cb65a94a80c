"""Follow-ups made into questions that stand alone, by a stand-in model or without one."""

import pytest

from app.ports import DependencyUnavailable, Message
from app.rag.rewriting import MAX_CHARS, Rewriting
from app.rag.run import Run
from tests.support.fake_ports import FakeGenerator

pytestmark = pytest.mark.anyio
TALK = (
    Message(role="user", content="What does the museum in London cost?"),
    Message(role="assistant", content="It is free. [1]"),
)
WITH_WORDS = "What does the museum in London cost? And in Paris?"


async def standalone(generator: FakeGenerator | None, run: Run, talk: tuple[Message, ...] = TALK) -> str:
    return await Rewriting(generator, 0.1).standalone("And in Paris?", talk, run)


async def test_a_model_makes_a_follow_up_stand_alone_from_what_was_said() -> None:
    generator, run = FakeGenerator(pieces=('"What does the museum', ' in Paris cost?"')), Run(5)
    assert await standalone(generator, run) == "What does the museum in Paris cost?"
    (system, user) = generator.prompts[0].messages
    assert (system.role, "Do not answer it" in system.content) == ("system", True)
    assert user.content.endswith(
        "user: What does the museum in London cost?\nassistant: It is free. [1]\n\nLast question: And in Paris?"
    )
    assert (run.degraded, "rewrite" in run.timings_ms) == ([], True)


async def test_without_a_conversation_no_model_is_asked() -> None:
    generator, run = FakeGenerator(), Run(5)
    assert await standalone(generator, run, ()) == "And in Paris?"
    assert (generator.prompts, run.timings_ms) == ([], {})


async def test_without_a_model_a_question_that_says_what_it_is_about_is_left_alone() -> None:
    question = "When does the library of Rome open?"
    assert await Rewriting(None, 0).standalone(question, TALK, Run(5)) == question


async def test_without_a_model_the_words_of_the_question_before_are_added() -> None:
    run = Run(5)
    assert (await standalone(None, run), run.degraded) == (WITH_WORDS, [])


@pytest.mark.parametrize(
    "generator",
    [
        FakeGenerator(pieces=(), stalls=True),
        FakeGenerator(error=DependencyUnavailable("generator", "down")),
        FakeGenerator(pieces=("",)),
        FakeGenerator(pieces=("<think>\nThe user wants\n</think>\n", "What?")),
        FakeGenerator(pieces=("x" * MAX_CHARS, "y", "z")),
    ],
    ids=["hangs", "fails", "writes nothing", "thinks aloud", "writes an essay"],
)
async def test_a_model_that_gives_no_question_is_done_without(generator: FakeGenerator) -> None:
    run = Run(5)
    assert (await standalone(generator, run), run.degraded) == (WITH_WORDS, ["rewrite"])
