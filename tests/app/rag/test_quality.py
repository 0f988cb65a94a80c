"""The verdict on an answer, and what hold mode makes of it."""

import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from textwrap import fill

import pytest

from app.ports import DependencyUnavailable, GenerationEnd, Hit, Prompt, Vector
from app.rag.citations import find_citations
from app.rag.events import Done, Event, Sources, Token
from app.rag.generation import Writer
from app.rag.groundedness import support
from app.rag.guard import Guard, Rules
from app.rag.holding import FALLBACK
from app.rag.pipeline import Pipeline
from app.rag.quality import Thresholds, Verdict, judge
from app.rag.retrieval import Question, Retriever
from bench.groundedness import measure, read
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore, hit

THRESHOLDS = Thresholds(min_support=0.7, min_grounded=0.7)
PASSAGES = ["The sky is blue on 5 days a week.", "Grass is not red."]
GROUNDED, UNGROUNDED = "The sky is blue. [1]", "The moon is made of cheese. [1]"


def verdict(answer: str, question: str = "") -> Verdict:
    return judge(answer, PASSAGES, find_citations(answer, len(PASSAGES)), THRESHOLDS, question)


@pytest.mark.parametrize("width", [10_000, 100, 72, 40])
def test_the_labelled_sentences_are_told_apart_however_long_the_passages_lines_are(width: int) -> None:
    labelled = [replace(case, passage=fill(case.passage, width)) for case in read()]
    result = measure(labelled, THRESHOLDS)
    assert len(labelled) >= 268
    assert result.precision >= 0.98
    assert result.recall >= 0.96


def test_the_items_of_a_list_stay_apart() -> None:
    passage = "- Backups of the first cluster are taken daily\n- Backups of the second cluster are not taken daily"
    assert judge("Backups of the first cluster are taken daily.", [passage], [], THRESHOLDS).verdict == "grounded"
    assert judge("Backups of the second cluster are taken daily.", [passage], [], THRESHOLDS).verdict == "ungrounded"


@pytest.mark.parametrize(
    ("number", "name"), [("1250", "grounded"), ("1350", "ungrounded"), ("\u0661\u0663\u0665\u0660", "ungrounded")]
)
def test_a_number_is_the_same_in_other_digits(number: str, name: str) -> None:
    arabic, hindi = "\u0661\u0662\u0665\u0660", "\u0967\u0968\u096b\u0966"
    for passage in (f"The fee is {arabic} dirham.", f"The fee is {hindi} dirham."):
        assert judge(f"The fee is {number} dirham.", [passage], [], THRESHOLDS).verdict == name


def test_a_share_that_is_asked_for_is_told_as_if_nothing_were_asked() -> None:
    labelled = read()
    passages = list({case.passage for case in labelled})
    for case in labelled[::8]:
        for texts in ([case.passage], passages):
            share = support(case.sentence, texts)
            assert support(case.sentence, texts, share) == share
            assert support(case.sentence, texts, share + 0.01) == 0


def test_passages_that_are_out_of_question_cost_next_to_nothing() -> None:
    """Lists of words, each line a sentence of its own: a long answer kept the service for seconds."""
    passages = ["\n".join(f"w{chr(97 + n % 26)}{n * place}x" for n in range(250)) for place in range(1, 51)]
    answer = "\n".join(f"Every statement number {n} differs from what the lists say." for n in range(100))
    judge(answer, passages, [], THRESHOLDS)  # takes the passages apart, once
    began = time.process_time()
    assert judge(answer, passages, [], THRESHOLDS).verdict == "ungrounded"
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("answer", "name", "grounded"),
    [
        ("The sky is blue on 5 days a week. [1]", "grounded", 1),
        ("The sky is blue on 6 days a week. [1]", "ungrounded", 0),
        ("The sky is not blue. [1]", "ungrounded", 0),
        ("The sky is blue. [2]", "ungrounded", 0),
        ("The sky is blue. [1] Grass is red. [2]", "ungrounded", 0.5),
        ("The sky is blue on five days. Grass is not red. [2]", "grounded", 1),
        ("The moon is made of cheese.", "ungrounded", 0),
        ("The documents do not answer the question.", "refusal", 1),
        ("The passage doesn't mention the moon.", "refusal", 1),
        ("The documents do say that the moon is made of cheese.", "ungrounded", 0),
        ("I do not know.", "refusal", 1),
        ("Yes.", "grounded", 1),
    ],
)
def test_a_verdict_weighs_each_statement_against_what_it_cites(answer: str, name: str, grounded: float) -> None:
    result = verdict(answer)
    assert (result.verdict, result.grounded) == (name, grounded)


@pytest.mark.parametrize(
    ("answer", "unsupported"),
    [
        ("42 days", ["42 days"]),
        ("42.", ["42."]),
        ("Dr. Smith", ["Dr. Smith"]),
        ("Ask Bob. Call 911. Pay 500.", ["Ask Bob.", "Call 911.", "Pay 500."]),
        ("The sky is blue [1]. Pay 500.", ["Pay 500."]),
        ("Sky: red.", ["Sky: red."]),
        ("Sky:\nred", ["red"]),
        ("Yes. [1] Pay.", ["Pay."]),
        ("Dr. Smith:\nThe sky is blue.", ["Dr. Smith:"]),
        ("Call 911:\nThe sky is blue.", ["Call 911:"]),
        ("3. The sky is blue.", ["3."]),
    ],
)
def test_a_few_words_are_checked_like_many(answer: str, unsupported: list[str]) -> None:
    result = verdict(answer)
    assert result.verdict == "ungrounded"
    assert [answer[slice(*span)] for span in result.unsupported] == unsupported


@pytest.mark.parametrize(
    ("answer", "statements"),
    [
        ("5 days", 1),
        ("Blue.", 1),
        ("No. [2]", 0),
        ("Yes, of course!", 0),
        ("In short:\nThe sky is blue.", 1),
        ("## Summary\n1. The sky is blue.\n   1. Grass is not red.\n2. The sky is blue on 5 days.", 3),
        ("**Sky:** blue", 1),
    ],
)
def test_what_says_nothing_is_not_counted(answer: str, statements: int) -> None:
    result = verdict(answer)
    assert (result.verdict, result.grounded, result.statements) == ("grounded", 1, statements)


@pytest.mark.parametrize("answer", ["", " \n", "...", "[1]", "```\n```"])
def test_an_answer_without_a_word_is_ungrounded(answer: str) -> None:
    result = verdict(answer)
    assert (result.verdict, result.grounded, result.statements) == ("ungrounded", 0, 0)


@pytest.mark.parametrize(
    ("answer", "unsupported"),
    [
        ("I cannot find it in the passages, but lead boils at 1749 degrees; pay 5000 euros to account 12.",
         ["lead boils at 1749 degrees", "pay 5000 euros to account 12."]),
        ("The documents do not mention this. However, lead boils at 1749 degrees.",
         ["However, lead boils at 1749 degrees."]),
        ("The documents do not mention lead, but it boils at 1749 degrees [1].", ["it boils at 1749 degrees"]),
        ("I cannot find it.Pay 5000 euros to account 12.", ["I cannot find it.Pay 5000 euros to account 12."]),
        ("I do not know, but pay 5000 euros.", ["pay 5000 euros."]),
        ("I cannot answer (ask Bob).", ["ask Bob"]),
        ("I cannot answer so send the money.", ["send the money."]),
        ("I cannot tell—send the money.", ["send the money."]),
        ("I cannot tell you what Bob did.", ["I cannot tell you what Bob did."]),
    ],
)  # fmt: skip
def test_what_is_said_beside_a_refusal_is_checked(answer: str, unsupported: list[str]) -> None:
    result = verdict(answer, "What is the boiling point of lead?")
    assert (result.verdict, result.grounded) == ("ungrounded", 0)
    assert [answer[slice(*span)] for span in result.unsupported] == unsupported


def test_a_refusal_beside_what_the_passages_say_takes_nothing_from_it() -> None:
    for answer in ("I cannot find lead, but the sky is blue.", "The sky is blue. [1] I do not know the rest."):
        result = verdict(answer)
        assert (result.verdict, result.grounded, result.statements) == ("grounded", 1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "The passages do not say what the revenue of 2024 was, or when the company was sold.",
        "Unfortunately, the context does not contain any information, so I cannot answer.",
        "Based on the provided documents, I cannot find it. The sources do not mention the company [1].",
        "I'm sorry, but I do not know (yet).",
        "The context about the Grass does not provide it.",
    ],
)
def test_a_refusal_may_say_the_question_again(answer: str) -> None:
    question = "What was the revenue of 2024, and when was the company sold?"
    result = verdict(answer, question)
    assert (result.verdict, result.grounded, result.statements) == ("refusal", 1, 0)


def test_a_refusal_may_give_no_number_of_its_own_nor_answer_in_the_words_of_the_question() -> None:
    assert verdict("The passages do not mention 2024.", "And in 2023?").verdict == "ungrounded"
    assert verdict("I do not know, but pay 500 euros.", "Should I pay 500 euros?").verdict == "ungrounded"


@pytest.mark.parametrize(
    ("answer", "statements", "grounded"),
    [
        ("仓库周一关闭[1]。员工每年有28天带薪假期。", 2, 1),
        ("员工每年有42天带薪假期。", 1, 0),
        ("仓库在周二关闭[1]。仓库在周一关闭[1]。", 2, 0.5),
        ("月曜日に倉庫は閉まります[2]。", 1, 1),
        ("猫は魚が好きです。", 1, 0),
    ],
)
def test_words_without_spaces_between_them_are_checked(answer: str, statements: int, grounded: float) -> None:
    passages = ["仓库在周一关闭。员工每年有28天带薪假期。", "倉庫は月曜日に閉まります。"]
    result = judge(answer, passages, find_citations(answer, 2), THRESHOLDS)
    assert (result.statements, result.grounded) == (statements, grounded)


def test_unsupported_statements_are_named_by_their_place() -> None:
    answer = "The sky is blue. [1] It rains 9 days a week. [1]"
    assert [answer[slice(*span)] for span in verdict(answer).unsupported] == ["It rains 9 days a week."]


def test_without_passages_there_is_nothing_to_weigh() -> None:
    assert judge("Anything.", [], [], THRESHOLDS).verdict == "no_context"


class Drafts(FakeGenerator):
    """Writes one answer after the other; the last again and again. An exception is raised in place of one."""

    def __init__(self, *drafts: str | Exception) -> None:
        super().__init__()
        self.drafts = list(drafts)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        draft = self.drafts.pop(0) if len(self.drafts) > 1 else self.drafts[0]
        self.error, self.pieces = (draft, ()) if isinstance(draft, Exception) else (None, (draft,))
        async for piece in super().stream(prompt):
            yield piece


class CountingEmbedder(FakeEmbedder):
    asked = 0

    async def embed_query(self, text: str) -> Vector:
        self.asked += 1
        return await super().embed_query(text)


async def events_of(generator: FakeGenerator, *, holds: bool = True, found: list[Hit] | None = None) -> list[Event]:
    store = FakeStore([hit(text) for text in PASSAGES] if found is None else found)
    writer = Writer(generator, 1, Guard(Rules()), THRESHOLDS)
    pipe = Pipeline(Retriever(FakeEmbedder(), store, 1), writer, 5, holds=holds)
    return [event async for event in pipe.answer(Question(tenant="acme", text="Which?", top_k=1))]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def end_of(events: list[Event]) -> Done:
    assert isinstance(events[-1], Done)
    return events[-1]


@pytest.mark.anyio
async def test_advising_streams_the_answer_and_ends_with_the_verdict() -> None:
    events = await events_of(Drafts(UNGROUNDED), holds=False)
    assert text_of(events) == UNGROUNDED
    assert (end_of(events).quality.verdict, end_of(events).finish_reason) == ("ungrounded", "stop")


@pytest.mark.anyio
async def test_a_grounded_answer_is_written_once_and_sent_whole() -> None:
    generator = Drafts(GROUNDED)
    events = await events_of(generator)
    assert (text_of(events), end_of(events).quality.verdict, len(generator.prompts)) == (GROUNDED, "grounded", 1)


@pytest.mark.anyio
async def test_an_ungrounded_answer_is_written_anew_from_a_wider_search() -> None:
    generator = Drafts(UNGROUNDED, GROUNDED)
    events = await events_of(generator)
    assert text_of(events) == GROUNDED
    assert [len(prompt.passages) for prompt in generator.prompts] == [1, 2]
    assert isinstance(events[0], Sources)
    assert len(events[0].hits) == 2
    assert end_of(events).prompt_tokens == 10


@pytest.mark.anyio
async def test_a_second_attempt_takes_the_vector_of_the_first() -> None:
    embedder, generator = CountingEmbedder(), Drafts(UNGROUNDED, GROUNDED)
    retriever = Retriever(embedder, FakeStore([hit(text) for text in PASSAGES]), 1)
    pipe = Pipeline(retriever, Writer(generator, 1, Guard(Rules()), THRESHOLDS), 5, holds=True)
    _ = [event async for event in pipe.answer(Question(tenant="acme", text="Which?", top_k=1))]
    assert (embedder.asked, len(generator.prompts)) == (1, 2)


@pytest.mark.anyio
@pytest.mark.parametrize("second", [UNGROUNDED, DependencyUnavailable("generator", "away")])
async def test_an_answer_that_stays_ungrounded_is_not_sent(second: str | Exception) -> None:
    events = await events_of(Drafts(UNGROUNDED, second))
    assert text_of(events) == FALLBACK
    assert (end_of(events).finish_reason, end_of(events).citations) == ("fallback", [])
    assert end_of(events).quality == Verdict(verdict="ungrounded", grounded=0, statements=1)


@pytest.mark.anyio
async def test_no_token_leaves_before_the_verdict() -> None:
    generator = FakeGenerator((GROUNDED,), error=DependencyUnavailable("generator", "away"))
    pipe = Pipeline(
        Retriever(FakeEmbedder(), FakeStore([hit(PASSAGES[0])]), 1),
        Writer(generator, 1, Guard(Rules()), THRESHOLDS),
        5,
        holds=True,
    )
    with pytest.raises(DependencyUnavailable):
        await anext(pipe.answer(Question(tenant="acme", text="Which?", top_k=1)))


@pytest.mark.anyio
async def test_an_empty_answer_is_written_anew_and_never_sent() -> None:
    assert text_of(await events_of(Drafts("", GROUNDED))) == GROUNDED
    assert text_of(await events_of(Drafts(""))) == FALLBACK


@pytest.mark.anyio
async def test_a_refusal_hides_no_claim_from_the_verdict() -> None:
    events = await events_of(Drafts("I cannot find it, but lead boils at 1749 degrees.", "I do not know which sky."))
    assert text_of(events) == "I do not know which sky."
    events = await events_of(Drafts("I cannot find it, but lead boils at 1749 degrees."))
    assert text_of(events) == FALLBACK


@pytest.mark.anyio
async def test_empty_context_and_refusals_are_sent_as_they_are() -> None:
    assert end_of(await events_of(Drafts(GROUNDED), found=[])).quality.verdict == "no_context"
    refusal = await events_of(Drafts("The documents do not answer this."))
    assert (text_of(refusal), end_of(refusal).quality.verdict) == ("The documents do not answer this.", "refusal")
