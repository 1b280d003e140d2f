"""Work in stretches: small work is done at once, long work takes turns."""

from collections.abc import Iterator

from pyvs.core.jobs import Jobs


def work(done: list[str], name: str, stretches: int) -> Iterator[None]:
    for _ in range(stretches):
        done.append(name)
        yield
    done.append(f"{name}.")


def test_what_is_small_is_done_when_it_is_begun() -> None:
    jobs, done = Jobs(), list[str]()
    jobs.begin("a", work(done, "a", 0))
    assert done == ["a."]
    assert len(jobs) == 0


def test_jobs_take_turns() -> None:
    jobs, done = Jobs(), list[str]()
    jobs.begin("a", work(done, "a", 2))
    jobs.begin("b", work(done, "b", 2))
    assert done == ["a", "b"]
    for _ in range(6):
        jobs.step()
    assert done == ["a", "b", "a", "b", "a.", "b."]
    assert "a" not in jobs


def test_one_of_the_same_name_begins_anew() -> None:
    jobs, done = Jobs(), list[str]()
    jobs.begin("a", work(done, "old", 3))
    jobs.begin("a", work(done, "new", 1))
    jobs.step()
    jobs.step()
    assert done == ["old", "new", "new."]


def test_one_can_be_driven_to_its_end() -> None:
    jobs, done = Jobs(), list[str]()
    jobs.begin("a", work(done, "a", 3))
    jobs.begin("b", work(done, "b", 3))
    jobs.step_of("b")
    jobs.finish("a")
    jobs.step_of("nosuch")
    assert done == ["a", "b", "b", "a", "a", "a."]
    assert "b" in jobs
