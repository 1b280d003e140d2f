"""A fast path for each test, that reaches nothing of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.daemon.fast.around import MAC, MAPS, AtOnce, Case, FakeLinks, FakeNeighbours, FakeOnlookers
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast

from pyvs.daemon import fast as room
from pyvs.daemon import fast_devices, fast_sweeps


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of pins; nothing of the kernel is reached."""
    monkeypatch.setattr(room, "Links", FakeLinks)
    monkeypatch.setattr(room, "Onlookers", lambda rtnetlink: FakeOnlookers())
    monkeypatch.setattr(room, "Neighbours", FakeNeighbours)
    monkeypatch.setattr(fast_sweeps, "ThreadPoolExecutor", AtOnce)
    kept: dict[int, MemoryChanges] = {}

    def changes(loaded: Any, _: Path) -> MemoryChanges:
        return kept.setdefault(id(loaded), MemoryChanges(MAPS[id(loaded)]))

    monkeypatch.setattr(room, "Changes", changes)
    monkeypatch.setattr(
        fast_devices, "ethernet_address", lambda name: MAC if name.startswith("eth") else None
    )
    place = tmp_path / "cookie" / "layout"
    (place / "links").mkdir(parents=True)
    (place / "conns4").touch()
    return place


@pytest.fixture
def maps() -> Iterator[MemoryFast]:
    made = MemoryFast()
    MAPS[id(made.object)] = made
    yield made
    MAPS.clear()


@pytest.fixture
def case(folder: Path, maps: MemoryFast) -> Case:
    return Case(folder, maps)
