"""Who is killed after its connections were written down has left them in the maps as well: there they are, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.fastpath.memory import in_memory, next_to

from pyvs.core.flags import ConnFlag
from pyvs.daemon.state.connections import load, save
from pyvs.testing.shared import Shared

WALL = 1e9


def saved(path: Path, *, persist: int) -> Shared:
    """A director with two connections in the maps, which it has written down."""
    shared, _, _ = in_memory()
    shared.set_clock()
    shared.service(persist=persist)
    for port in (40000, 40001):
        shared.from_client(port)
    shared.settle()
    shared.mirror.pull()
    save(shared.engine.ns, path, WALL)
    return shared


def taken_up(before: Shared, path: Path, *, persist: int, maps: bool) -> tuple[int, Shared]:
    """The next one; whether it finds the maps. How many it has taken from the file."""
    after = next_to(before) if maps else in_memory()[0]
    after.service(persist=persist)
    taken = load(after.engine.ns, path, WALL, lambda text: pytest.fail(text))
    after.table.adopt_templates()
    after.settle()
    return taken, after


@pytest.mark.parametrize("persist", [0, 300])
def test_what_the_maps_have_is_not_taken_twice(persist: int, tmp_path: Path) -> None:
    path = tmp_path / "connections"
    before = saved(path, persist=persist)
    counts = before.counts()
    listed = len(list(before.engine.ns.connections))
    taken, after = taken_up(before, path, persist=persist, maps=True)
    assert (taken, path.exists()) == (0, False)
    assert after.counts() == counts
    assert len(list(after.engine.ns.connections)) == listed
    assert sum(after.dest(number).persistconns for number in (0, 1)) == bool(persist)


@pytest.mark.parametrize("persist", [0, 300])
def test_without_them_the_file_counts(persist: int, tmp_path: Path) -> None:
    path = tmp_path / "connections"
    before = saved(path, persist=persist)
    taken, after = taken_up(before, path, persist=persist, maps=False)
    assert taken == 2 + bool(persist)
    assert after.counts() == before.counts()


def test_what_the_maps_do_not_have_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "connections"
    before = saved(path, persist=0)
    first = next(conn for conn in before.engine.ns.connections if not conn.flags & ConnFlag.TEMPLATE)
    before.table.remove(first)
    taken, after = taken_up(before, path, persist=0, maps=True)
    assert taken == 1
    assert sorted(conn.cport for conn in after.engine.ns.connections) == [40000, 40001]
    assert sum(active for active, _ in after.counts()) == 2
