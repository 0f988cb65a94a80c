"""Merging the two legs of a search."""

import pytest

from app.rag.fusion import MAX_QUERY_WORDS, query_words, relative_score


def test_each_leg_is_scaled_to_its_own_best_and_last() -> None:
    keyword = [("a", 9.0), ("b", 8.0), ("c", 7.0)]
    vector = [("c", 0.9), ("b", 0.7), ("a", 0.5)]
    assert relative_score(keyword, vector, 0.3) == [
        ("a", pytest.approx(0.7)),
        ("b", pytest.approx(0.5)),
        ("c", pytest.approx(0.3)),
    ]


def test_what_only_one_leg_found_is_kept() -> None:
    assert dict(relative_score([("a", 2.0)], [("b", 0.1)], 0.3)) == {"a": 0.7, "b": 0.3}
    assert relative_score([], [("b", 0.1)], 0.3) == [("b", 0.3)]
    assert relative_score([], []) == []


def test_a_leg_of_equals_gives_all_full_marks_and_keeps_its_order() -> None:
    assert relative_score([("b", 1.0), ("a", 1.0)], [], 0.3) == [("b", 0.7), ("a", 0.7)]


def test_words_of_a_question_carry_no_operator_and_come_once() -> None:
    assert query_words('"Near" NEAR(near, x*) \u2013 Stra\u00dfe?') == ["near", "x", "stra\u00dfe"]
    assert len(query_words(" ".join(map(str, range(10_000))))) == MAX_QUERY_WORDS
    assert query_words("?! \n") == []


def test_words_that_stand_in_any_text_are_looked_up_only_if_there_are_no_others() -> None:
    assert query_words("How do I add a stack?") == ["add", "stack"]
    assert query_words("What is it?") == ["what", "is", "it"]
