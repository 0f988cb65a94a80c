"""S1: what a question, a conversation or a document says changes no role and no filter, and carries nothing out.

The stand-in model is as gullible as one can be: it does what the injected text tells it, with the canary it was shown.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from app.ports import Message
from app.rag.events import Token
from app.rag.generation import Writer
from app.rag.guard import Guard, Rules
from app.rag.pipeline import Pipeline
from app.rag.prompt import RULES, build_prompt
from app.rag.quality import Thresholds
from app.rag.retrieval import Question, Retriever
from app.rag.sensitive import SECRETS
from tests.app.rag.guarding import foreign_urls
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "corpora" / "injections.jsonl").read_text().splitlines()
]
DIRECT = [case["text"] for case in CASES if case["where"] == "question"]
IN_DOCUMENT = [case for case in CASES if case["where"] == "document"]
CANARY = "ragspan_CANARYCANARYCANARYCANARYCANARYCANARYCANARY0"
BOUNDARY = "5f0c9d1e77aa4b32"


@pytest.mark.parametrize("text", [case["text"] for case in CASES])
def test_roles_and_delimiters_are_ours_whatever_a_document_says(text: str) -> None:
    prompt = build_prompt("Which colour?", [hit(text, title=text), hit("The sky is blue.")], (), BOUNDARY)
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[0].content == RULES.format(boundary=BOUNDARY)
    user = prompt.messages[1].content
    assert user.count(BOUNDARY) == 4, "two passages, each with one beginning and one end"
    assert user.endswith("\n\nQuestion: Which colour?")


@pytest.mark.parametrize("text", DIRECT)
def test_a_question_or_an_earlier_turn_never_becomes_a_rule(text: str) -> None:
    turns = [Message(role="user", content=text), Message(role="assistant", content=text)]
    prompt = build_prompt(text, [hit("The sky is blue.")], turns, BOUNDARY)
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[0].content == RULES.format(boundary=BOUNDARY)


@pytest.mark.parametrize("text", [case["text"] for case in CASES])
async def test_the_search_keeps_its_tenant_and_its_size(text: str) -> None:
    store = FakeStore([hit(text)])
    pipe = pipeline(store, FakeGenerator())
    _ = [event async for event in pipe.answer(Question(tenant="acme", text=text, top_k=3))]
    assert store.searches == [("acme", text, 6)]


@pytest.mark.parametrize("case", IN_DOCUMENT, ids=lambda case: case["text"][:40])
async def test_the_canary_stays_in_even_if_the_model_obeys(case: dict[str, str]) -> None:
    obedient = case["obeyed"].replace("CANARY", CANARY)
    pipe = pipeline(FakeStore([hit(case["text"])]), FakeGenerator(tuple(obedient)))
    events = [event async for event in pipe.answer(Question(tenant="acme", text="Which colour?", top_k=3))]
    answer = "".join(event.text for event in events if isinstance(event, Token))
    assert CANARY not in answer
    assert foreign_urls(answer) == []


def pipeline(store: FakeStore, generator: FakeGenerator) -> Pipeline:
    thresholds = Thresholds(min_support=0.7, min_grounded=0.7)
    writer = Writer(generator, 1, Guard(Rules(redact=SECRETS)), thresholds)
    return Pipeline(Retriever(FakeEmbedder(), store, 1), writer, 5)
