"""The circuit breaker, on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ports import DependencyTimeout, DependencyUnavailable
from app.rag.breaker import FAILURES_TO_OPEN, OPEN_S, Breaker, Breakers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def call(breakers: Breakers, error: BaseException | None = None) -> None:
    with breakers.watching("store"):
        if error:
            raise error


def failed(breakers: Breakers, times: int, *, is_to_blame: bool = True) -> None:
    for _ in range(times):
        with pytest.raises(DependencyUnavailable):
            call(breakers, DependencyTimeout("store", "slow", is_to_blame=is_to_blame))


def opened(clock: Clock, changes: list[tuple[str, bool]] | None = None) -> Breakers:
    heard = [] if changes is None else changes
    breakers = Breakers(lambda dependency, is_open: heard.append((dependency, is_open)), clock)
    failed(breakers, FAILURES_TO_OPEN)
    return breakers


def test_failures_in_a_row_open_it_and_say_when_to_ask_again() -> None:
    clock = Clock()
    breakers = opened(clock)
    clock.now += 1
    with pytest.raises(DependencyUnavailable, match="left alone") as caught:
        call(breakers, AssertionError("the call must not be made"))
    assert caught.value.retry_after_s == OPEN_S - 1
    assert breakers.refusing == ["store"]


def test_an_answer_between_failures_keeps_it_closed() -> None:
    breakers = Breakers()
    for _ in range(3):
        failed(breakers, FAILURES_TO_OPEN - 1)
        call(breakers)
    assert breakers.refusing == []


def test_a_timeout_that_was_no_fair_chance_counts_for_nothing() -> None:
    breakers = Breakers()
    failed(breakers, 3 * FAILURES_TO_OPEN, is_to_blame=False)
    assert breakers.refusing == []


def test_one_dependency_that_fails_leaves_the_others_alone() -> None:
    breakers = opened(Clock())
    with breakers.watching("generator"):
        pass
    assert breakers.refusing == ["store"]


def test_after_its_time_one_probe_passes_and_closes_it() -> None:
    clock, changes = Clock(), list[tuple[str, bool]]()
    breakers = opened(clock, changes)
    clock.now += OPEN_S
    with breakers.watching("store"):
        with pytest.raises(DependencyUnavailable):
            call(breakers)
        assert changes == [("store", True)]
    call(breakers)
    assert changes == [("store", True), ("store", False)]


def test_a_probe_that_fails_opens_it_anew() -> None:
    clock, changes = Clock(), list[tuple[str, bool]]()
    breakers = opened(clock, changes)
    clock.now += OPEN_S
    failed(breakers, 1)
    clock.now += OPEN_S - 0.1
    with pytest.raises(DependencyUnavailable, match="left alone"):
        call(breakers)
    assert changes == [("store", True)]


def test_a_probe_whose_client_left_makes_room_for_another() -> None:
    clock = Clock()
    breakers = opened(clock)
    clock.now += OPEN_S
    with pytest.raises(KeyboardInterrupt):
        call(breakers, KeyboardInterrupt())
    call(breakers)
    assert breakers.refusing == []


@given(st.lists(st.tuples(st.sampled_from(["begin", "succeed", "fail", "abandon"]), st.floats(0, 4)), max_size=60))
def test_there_is_never_a_second_probe_and_never_an_end_to_probing(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    calls: list[bool] = []
    for step, seconds in steps:
        clock.now += seconds
        if step == "begin" and not breaker.refuses:
            calls.append(breaker.admit())
        elif step != "begin" and calls:
            getattr(breaker, step)(probe=calls.pop(0))
        assert calls.count(True) <= 1
    for probe in calls:
        breaker.abandon(probe=probe)
    clock.now += OPEN_S
    assert not breaker.refuses
