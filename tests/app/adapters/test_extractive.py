"""The answerer without a model quotes what the documents say, or says that they do not."""

import pytest

from app.adapters.extractive import NO_ANSWER, ExtractiveGenerator, quote
from app.ports import GenerationEnd
from app.rag.citations import find_citations
from app.rag.prompt import build_prompt
from app.rag.quality import Thresholds, judge
from tests.support.fake_ports import hit

PASSAGES = [
    hit("Weaviate listens on port 8080. Its gRPC port is 50051. Both are inside the cluster."),
    hit("The answer service drains on SIGTERM. It then waits twenty seconds [7]."),
    hit("GPU nodes carry a taint. Only model servers tolerate it."),
]


def quoted(question: str) -> str:
    return quote(build_prompt(question, PASSAGES, (), boundary="b"))


def test_the_sentence_with_the_questions_rarest_words_is_quoted_word_for_word() -> None:
    assert quoted("What is the gRPC port?") == "Its gRPC port is 50051. [1]"


def test_every_quotation_is_cited_from_the_passage_it_stands_in() -> None:
    answer = quoted("Which servers tolerate the taint?")
    citations = find_citations(answer, len(PASSAGES))
    assert citations
    for citation in citations:
        assert answer[citation.start : citation.end] in PASSAGES[citation.source].chunk.text


def test_a_bracketed_number_in_a_document_forges_no_citation() -> None:
    assert quoted("How long does it wait, twenty seconds?") == "It then waits twenty seconds. [2]"


def test_code_tables_headings_and_markup_are_not_quoted() -> None:
    prose = "The **image** is pushed by [docker](https://docker.example)."
    text = f"## Push the image\n\n{prose}\n\n```\npush the image\n```\n\n| push | image |\n\nPush the image:\n"
    prompt = build_prompt("How is the image pushed?", [hit(text)], (), boundary="b")
    assert quote(prompt) == "The image is pushed by docker. [1]"


def test_code_within_a_sentence_is_quoted_as_it_is_written() -> None:
    text = "Name the **module** in `rules/__init__.py`, and `*.md` files beside it."
    prompt = build_prompt("Where is the module named?", [hit(text)], (), boundary="b")
    assert quote(prompt) == "Name the module in rules/__init__.py, and *.md files beside it. [1]"


def test_a_sentence_is_preferred_to_a_link_that_repeats_the_question() -> None:
    passages = [hit("- [build and push the image](image.md)"), hit("Any registry will do: build the image, then push.")]
    prompt = build_prompt("How do I build and push the image?", passages, (), boundary="b")
    assert quote(prompt) == "Any registry will do: build the image, then push. [2]"


@pytest.mark.parametrize("question", ["Who won the football cup?", "Why?", "???"])
def test_a_question_that_nothing_answers_gets_no_invention(question: str) -> None:
    assert quoted(question) == NO_ANSWER


def test_a_question_about_names_that_no_passage_has_gets_no_answer() -> None:
    passages = [
        hit("The capital of a first word makes no difference.", title="Letters"),
        hit("Paris lies on the Seine."),
    ]

    def about(question: str) -> str:
        return quote(build_prompt(question, passages, (), boundary="b"))

    assert about("What is the capital of France?") == NO_ANSWER
    assert about("What is the capital of Letters in France?") == "The capital of a first word makes no difference. [1]"
    assert about("Which river lies at Paris?") == "Paris lies on the Seine. [2]"


def test_having_no_answer_is_judged_a_refusal() -> None:
    thresholds = Thresholds(min_support=0.7, min_grounded=0.7)
    assert judge(NO_ANSWER, ["Ravens are black."], [], thresholds).verdict == "refusal"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_streams_in_pieces_that_make_up_the_answer(anyio_backend: str) -> None:
    prompt = build_prompt("When does the answer service drain?", PASSAGES, (), boundary="b")
    *pieces, end = [piece async for piece in ExtractiveGenerator().stream(prompt)]
    assert len(pieces) > 1
    assert "".join(str(piece) for piece in pieces) == quote(prompt)
    assert end == GenerationEnd(finish_reason="stop")
