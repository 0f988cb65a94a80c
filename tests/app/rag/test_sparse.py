"""Words as sparse vectors: what a question shares with a passage, and how much it counts."""

import pytest

from app.rag.sparse import MEAN_WORDS, SparseVector, passage_vector, question_vector, singular


def score(question: str, title: str, text: str) -> float:
    passage = passage_vector(title, text)
    weights = dict(zip(passage.indices, passage.values, strict=True))
    asked = question_vector(question)
    return sum(value * weights.get(index, 0.0) for index, value in zip(*asked, strict=True))


def test_a_word_counts_whatever_its_case_and_number() -> None:
    assert score("Cities", "", "the city") == score("city", "", "The Cities!") > 0
    assert score("city", "", "a village") == 0


def test_a_word_said_often_counts_more_but_ever_less() -> None:
    scores = [score("apple", "", "apple " * n + "pear " * (100 - n)) for n in (0, 1, 2, 50, 51)]
    assert scores == sorted(set(scores))
    assert scores[1] > 10 * (scores[4] - scores[3])


def test_a_long_passage_pays_for_its_length() -> None:
    assert score("apple", "", "apple") > score("apple", "", "apple " + "pear " * MEAN_WORDS)


def test_a_title_counts_four_times() -> None:
    assert score("apple", "apple", "pear " * 3) == score("apple", "", "apple " * 4 + "pear " * 3)


def test_stop_words_ask_for_nothing_unless_there_is_nothing_else() -> None:
    assert len(question_vector("What is the apple?").indices) == 1
    assert len(question_vector("What is it?").indices) == 3
    assert question_vector("?!") == SparseVector([], [])


def test_dimensions_ascend_and_fit_32_bits() -> None:
    indices = passage_vector("", " ".join(f"word{n}" for n in range(1000))).indices
    assert indices == sorted(set(indices))
    assert 0 <= indices[0] < indices[-1] < 2**32


@pytest.mark.parametrize(
    ("plural", "one"),
    [("cities", "city"), ("apples", "apple"), ("glass", "glass"), ("virus", "virus"), ("gas", "gas"), ("is", "is")],
)
def test_plurals_lose_their_ending(plural: str, one: str) -> None:
    assert singular(plural) == one
