"""A citation names the sentence of its passage that it comes from."""

import pytest

from app.rag.citations import find_citations
from app.rag.quoting import with_quotes

PASSAGE = """# Restoring

A restore goes into a fresh cluster. The drill compares the object
counts before it switches the alias. It takes 12 minutes!

- Spot nodes drain in thirty seconds
- A batch job must start again
"""


def quoted(answer: str, *passages: str) -> list[str]:
    citations = with_quotes(find_citations(answer, len(passages)), answer, passages)
    return [passages[c.source][c.passage_start : c.passage_end] for c in citations]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("Object counts are compared", "The drill compares the object\ncounts before it switches the alias."),
        ("It took 12 minutes", "It takes 12 minutes!"),
        ("Batch jobs have to start again", "- A batch job must start again"),
        ("Nodes drain within thirty seconds", "- Spot nodes drain in thirty seconds"),
        ("Restoring", "# Restoring"),
        ("Zebras graze", ""),
    ],
)
def test_it_is_the_sentence_that_shares_most_words(statement: str, sentence: str) -> None:
    assert quoted(f"{statement}. [1]", PASSAGE) == [sentence]


def test_each_citation_has_a_place_in_its_own_passage() -> None:
    answer = "Spot nodes drain in thirty seconds [2][1], and cats sleep [2]."
    assert quoted(answer, PASSAGE, "Cats sleep. Spot pools drain.") == [
        "- Spot nodes drain in thirty seconds",
        "Spot pools drain.",
        "Cats sleep.",
    ]


@pytest.mark.parametrize("passage", ["", "…", "\n\n"])
def test_a_passage_without_words_has_no_such_place(passage: str) -> None:
    assert quoted("Cats sleep. [1]", passage) == [""]
