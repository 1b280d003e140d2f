"""The wheel against a list that is sorted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.timers import Wheel


class Thing:
    def __init__(self, expires: float) -> None:
        self.expires = expires
        self.slot = -1


def wheel_of(*times: float) -> tuple[Wheel, list[Thing]]:
    wheel, things = Wheel(), [Thing(time) for time in times]
    for thing in things:
        wheel.set(thing)
    return wheel, things


def test_nothing_is_watched_at_first() -> None:
    assert Wheel().next_slot_time() is None
    assert Wheel().due(1e9, 100) == []


@pytest.mark.parametrize("time", [0.01, 0.07, 0.29, 1.0, 3.0, 60.0, 299.99, 123456.78])
def test_a_whole_tick_is_due_in_that_tick(time: float) -> None:
    wheel, (thing,) = wheel_of(time)
    assert wheel.next_slot_time() == pytest.approx(time, abs=1e-9)
    assert wheel.due(time - 0.01, 10) == []
    assert wheel.due(time, 10) == [thing]
    assert thing.slot == -1
    assert wheel.next_slot_time() is None


def test_between_ticks_it_is_due_in_the_next() -> None:
    wheel, (thing,) = wheel_of(1.001)
    assert wheel.next_slot_time() == 1.01
    assert wheel.due(1.005, 10) == []
    assert wheel.due(1.01, 10) == [thing]


def test_the_earliest_come_first_and_within_a_tick_the_first_set() -> None:
    wheel, (three, one, two, also) = wheel_of(3.0, 1.0, 2.0, 1.0)
    assert wheel.due(10.0, 100) == [one, also, two, three]


def test_a_limit_that_went_farther_is_looked_at_again() -> None:
    wheel, (thing,) = wheel_of(1.0)
    thing.expires = 5.0
    assert wheel.due(1.0, 10) == []
    assert wheel.next_slot_time() == 5.0
    assert wheel.due(5.0, 10) == [thing]


def test_setting_a_later_limit_costs_nothing_now() -> None:
    wheel, (thing,) = wheel_of(1.0)
    thing.expires = 5.0
    wheel.set(thing)
    assert wheel.next_slot_time() == 1.0
    assert thing.slot == 100


def test_setting_the_same_limit_again_costs_nothing_later() -> None:
    wheel, (thing, other) = wheel_of(5.0, 5.0)
    wheel.set(thing)
    assert wheel.due(5.0, 2) == [thing, other]
    assert wheel.next_slot_time() is None


def test_a_limit_that_comes_closer_moves_it() -> None:
    wheel, (thing,) = wheel_of(5.0)
    thing.expires = 1.0
    wheel.set(thing)
    assert wheel.next_slot_time() == 1.0
    assert wheel.due(1.0, 10) == [thing]
    assert wheel.due(9.0, 10) == []


def test_one_that_is_no_longer_watched_is_forgotten() -> None:
    wheel, (gone, stays) = wheel_of(1.0, 1.0)
    gone.slot = -1
    assert wheel.due(1.0, 10) == [stays]


def test_no_more_are_looked_at_than_asked_for() -> None:
    wheel, things = wheel_of(*[1.0] * 10, 2.0)
    assert wheel.due(5.0, 4) == things[:4]
    assert wheel.next_slot_time() == 0.0  # at once
    assert wheel.due(5.0, 4) == things[4:8]
    assert wheel.due(5.0, 4) == things[8:]
    assert wheel.next_slot_time() is None
    assert wheel.due(5.0, 0) == []


def test_what_is_looked_at_in_vain_counts_too() -> None:
    wheel, things = wheel_of(1.0, 1.0, 1.0)
    things[0].expires = 9.0
    things[1].slot = -1
    assert wheel.due(1.0, 2) == []
    assert wheel.due(1.0, 2) == [things[2]]


def test_something_set_for_now_while_a_stretch_is_open_is_not_lost() -> None:
    wheel, things = wheel_of(*[1.0] * 4)
    assert wheel.due(1.0, 2) == things[:2]
    late = Thing(1.0)
    wheel.set(late)
    assert wheel.due(1.0, 10) == [*things[2:], late]


deeds = st.sampled_from(("new", "sooner", "later", "off", "go"))
times = st.integers(0, 300).map(lambda tick: tick / 100)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(("new", "sooner", "later", "off", "go")), times, st.integers(0, 9)),
        max_size=60,
    )
)
def test_it_does_what_a_list_does(course: list[tuple[str, float, int]]) -> None:
    wheel = Wheel()
    watched: list[Thing] = []
    now = 1.0
    for what, time, which in course:
        if what == "go":
            now += time
            passed = []
            while (wake := wheel.next_slot_time()) is not None and wake <= now + 1e-9:
                passed += wheel.due(now, which + 1)
            assert {id(thing) for thing in passed} == {id(t) for t in watched if t.expires <= now + 1e-9}
            assert len(passed) == len(set(map(id, passed)))
            watched = [thing for thing in watched if thing not in passed]
        elif what == "new":
            thing = Thing(now + time)
            wheel.set(thing)
            watched.append(thing)
        elif watched:
            thing = watched[which % len(watched)]
            if what == "off":
                thing.slot = -1
                watched.remove(thing)
            else:
                thing.expires = max(now, thing.expires - time) if what == "sooner" else thing.expires + time
                if what == "sooner" or which % 2:
                    wheel.set(thing)
    if watched:
        wake = wheel.next_slot_time()
        assert wake is not None
        assert wake <= min(thing.expires for thing in watched) + 0.01
