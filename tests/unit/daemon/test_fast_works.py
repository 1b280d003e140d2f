"""Works in stretches: all of them come to their end, and verbs don't pay for them."""

from collections.abc import Callable, Iterator

import pytest

from pyvs.daemon import fast_works
from pyvs.daemon.fast_works import QUIET, REST, Works


class Clock:
    """Each stretch takes a millisecond."""

    def __init__(self) -> None:
        self.now = 0.0

    def thread_time(self) -> float:
        return self.now


def work(done: list[str], name: str, stretches: int, clock: Clock) -> Callable[[], Iterator[None]]:
    def stretch() -> Iterator[None]:
        for _ in range(stretches):
            done.append(name)
            clock.now += 0.001
            yield

    return stretch


def test_what_is_to_be_whole_is_done_at_once() -> None:
    works, done = Works(), list[str]()
    works.begin("a", work(done, "a", 3, Clock()), whole=True)
    assert done == ["a"] * 3
    assert works.due is None
    assert "a" not in works


def test_works_take_turns_and_come_to_their_end() -> None:
    works, done, clock = Works(), list[str](), Clock()
    works.begin("a", work(done, "a", 3, clock), whole=False)
    works.begin("b", work(done, "b", 2, clock), whole=False)
    assert done == []
    assert "a" in works
    turns = 0
    while works.due is not None:
        assert works.due <= 1.0
        works.go_on(1.0, whole=False)
        turns += 1
    assert done == ["a", "b", "a", "b", "a"]
    assert turns == 7  # each is asked once more, to learn that it is at its end


def test_what_is_begun_again_goes_on() -> None:
    works, done, clock = Works(), list[str](), Clock()
    works.begin("a", work(done, "a", 2, clock), whole=False)
    works.go_on(1.0, whole=False)
    works.begin("a", work(done, "never", 9, clock), whole=False)
    works.begin("a", work(done, "never", 9, clock), whole=True)
    assert done == ["a", "a"]


def test_what_was_in_stretches_may_become_whole() -> None:
    works, done, clock = Works(), list[str](), Clock()
    works.begin("a", work(done, "a", 3, clock), whole=False)
    works.go_on(1.0, whole=True)
    assert done == ["a"] * 3
    assert works.due is None


def test_a_stretch_is_followed_by_a_rest_while_verbs_come(monkeypatch: pytest.MonkeyPatch) -> None:
    works, done, clock = Works(), list[str](), Clock()
    monkeypatch.setattr(fast_works, "time", clock)
    works.begin("a", work(done, "a", 9, clock), whole=False)
    works.note_verb(5.0)
    works.go_on(5.0, whole=False)
    assert works.due is not None
    assert abs(works.due - (5.0 + 0.001 * REST)) < 1e-9
    works.note_verb(5.005)
    works.go_on(5.005, whole=False)
    assert done == ["a"]
    works.go_on(works.due, whole=False)
    assert done == ["a"] * 2
    quiet = 5.005 + QUIET + 0.001
    for _ in range(3):
        works.go_on(quiet, whole=False)
    assert done == ["a"] * 5
