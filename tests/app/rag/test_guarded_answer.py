"""The guard in the answer path: what it cuts is in no token, and citations point into what is left."""

import pytest

from app.rag.events import Done, Token
from app.rag.generation import Writer
from app.rag.guard import Guard, Rules
from app.rag.pipeline import Pipeline
from app.rag.quality import Thresholds
from app.rag.retrieval import Question, Retriever
from app.rag.sensitive import SECRETS
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
THRESHOLDS = Thresholds(min_support=0.7, min_grounded=0.7)
PIECES = ("It is blue ![](ht", "tps://evil.example/?q=", "x) here", ". [1] Grass is green", ". [2]")


async def answered(pieces: tuple[str, ...]) -> tuple[str, Done]:
    store = FakeStore([hit("The sky is blue."), hit("Grass is green.", doc_id="garden")])
    writer = Writer(FakeGenerator(pieces), 1, Guard(Rules(redact=SECRETS)), THRESHOLDS)
    pipe = Pipeline(Retriever(FakeEmbedder(), store, 1), writer, 5)
    events = [event async for event in pipe.answer(Question(tenant="acme", text="Which?", top_k=2))]
    assert isinstance(events[-1], Done)
    return "".join(event.text for event in events if isinstance(event, Token)), events[-1]


async def test_citations_point_into_the_guarded_text() -> None:
    text, done = await answered(PIECES)
    assert text == "It is blue ![]([link removed]) here. [1] Grass is green. [2]"
    assert [text[c.start : c.end] for c in done.citations] == [
        "It is blue ![]([link removed]) here.",
        "Grass is green.",
    ]


async def test_what_was_cut_is_counted_at_the_end() -> None:
    assert (await answered(PIECES))[1].removed == {"link": 1}
    assert (await answered(("It is blue. [1]",)))[1].removed == {}


async def test_what_is_held_at_the_end_of_the_stream_leaves_or_is_cut() -> None:
    assert (await answered(("See file.py", ".")))[0] == "See file.py."
    assert (await answered(("See https:", "//evil.example")))[0] == "See [link removed]"
