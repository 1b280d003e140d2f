"""How the fast path comes about, and what it leaves."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.daemon.fast.around import MAC, Case, Host
from tests.unit.fastpath.memory import MemoryFast

from pyvs.core.engine import Engine
from pyvs.daemon import fast as room
from pyvs.daemon.fast import Fast
from pyvs.daemon.log import Log
from pyvs.fastpath import pins
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.layout import OWNER
from pyvs.fastpath.owner import SharedTable
from pyvs.testing.shared import NOW, SERVERS


def opened(choice: room.Choice, engine: Engine, connections: int = 0) -> tuple[Fast | None, str]:
    written = io.StringIO()
    fast = Fast.open(choice, engine, cast("Any", Host()), Log(written), lambda: NOW, connections=connections)
    return fast, written.getvalue()


@pytest.mark.parametrize(("choice", "mode"), [("auto", "tc"), ("tc", "tc"), ("xdp", "xdp")])
def test_open(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch, choice: room.Choice, mode: str
) -> None:
    asked: list[tuple[str, Path]] = []

    def load(mode: str, **options: Path) -> MemoryFast:
        asked.append((mode, options["pins"]))
        return maps

    monkeypatch.setattr(FastPath, "open", load)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    engine = Engine(Host(), now=NOW)
    fast, log = opened(choice, engine)
    assert fast is not None
    assert asked == [(mode, folder)]
    assert isinstance(engine.ns.connections, SharedTable)
    assert log == ""


def test_how_many_connections_there_is_to_be_room_for(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def load(mode: str, *, pins: Path, connections: int) -> MemoryFast:
        asked.append(connections)
        return maps

    monkeypatch.setattr(FastPath, "open", load)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    assert opened("tc", Engine(Host(), now=NOW), 600)[1] == ""
    maps.kept_size = "there are more connections than that"
    assert (
        "the fast path's tables keep their size, with room for 512 connections of each family and not for 601: "
        "there are more connections than that\n" in (opened("tc", Engine(Host(), now=NOW), 601)[1])
    )
    assert asked == [1200, 1202]


def test_tables_that_get_another_size_follow_when_the_programs_are_at_their_devices(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached: list[int] = []

    def follow() -> bool:
        attached.append(len(case.links.attached))
        return True

    monkeypatch.setattr(case.maps, "follow_tables", follow)
    case.fast.start()
    assert attached == [2]
    assert "the fast path's tables have room for 512 connections of each family now\n" in case.log


def test_tables_that_can_t_be_pinned_are_told_of(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow() -> bool:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(case.maps, "follow_tables", follow)
    case.fast.start()
    assert "which the next director won't find: " in case.log
    assert "the fast path is on by tcx" in case.log


def test_off_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path))
    engine = Engine(Host(), now=NOW)
    before = engine.ns.connections
    fast, log = opened("off", engine)
    assert fast is None
    assert log.endswith("--fast off: the engine serves alone\n")
    assert log.count("\n") == 1
    assert engine.ns.connections is before


def test_off_leaves_nothing_of_the_director_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path))
    links = pins.home() / "layout-9-older" / pins.LINKS
    links.mkdir(parents=True)
    (links / "4294967295-46").touch()
    fast, log = opened("off", Engine(Host(), now=NOW))
    assert fast is None
    assert "left at 1 device is taken away, and its connections end\n" in log
    assert not pins.home().exists()


def test_programs_that_this_one_cannot_have_are_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: object, **options: object) -> None:
        raise FastPathUnavailable("clang is missing")

    monkeypatch.setattr(FastPath, "open", load)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    (folder / pins.LINKS / "2-46").touch()
    fast, log = opened("auto", Engine(Host(), now=NOW))
    assert fast is None
    assert "the engine serves alone: clang is missing\n" in log
    assert log.endswith(f"{room.LEFT}\n")
    assert (folder / pins.LINKS / "2-46").exists()


def test_where_there_is_none_the_log_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> Path:
        raise FastPathUnavailable("the moon is full")

    monkeypatch.setattr(pins, "prepare", prepare)
    engine = Engine(Host(), now=NOW)
    before = engine.ns.connections
    fast, log = opened("auto", engine)
    assert fast is None
    assert log.endswith("the fast path is off, the engine serves alone: the moon is full\n")
    assert engine.ns.connections is before


def test_what_was_loaded_is_let_go_when_the_rest_fails(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(FastPath, "open", lambda mode, pins, connections: maps)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    monkeypatch.setattr(room, "Changes", changes)
    fast, log = opened("tc", Engine(Host(), now=NOW))
    assert fast is None
    assert "no memory" in log
    assert maps.object.closed


def test_start_attaches_to_what_is_ethernet(case: Case) -> None:
    case.fast.start()
    assert case.links.made == ("tc", case.maps.program, case.folder / "links")
    assert case.links.attached == {2: "tcx", 3: "tcx"}
    assert case.maps.devices == {2: MAC, 3: MAC}
    assert "the fast path is on by tcx at eth0, eth1\n" in case.log


def test_what_takes_long_is_done_before_anything_is_attached(case: Case) -> None:
    case.service()
    case.fast.prepare()
    assert case.links.attached == {}
    assert sum(case.maps.destination(number)["af"] == 2 for number in range(4)) == len(SERVERS)
    case.changes.made.clear()
    case.fast.start()
    assert case.links.attached == {2: "tcx", 3: "tcx"}
    assert case.changes.made == []


def test_a_device_that_takes_no_program(case: Case) -> None:
    case.links.refuses = {3}
    case.fast.start()
    assert "the fast path is not at eth1: " in case.log
    assert "on by tcx at eth0\n" in case.log


@pytest.mark.parametrize("mode", ["tc", "xdp"])
def test_pairs_are_warned_of_by_xdp(case: Case, mode: Mode) -> None:
    case.maps.mode = mode
    case.fast.start()
    assert ("XDP at eth1, halves of veth pairs: " in case.log) == (mode == "xdp")


def test_no_device_at_all(case: Case) -> None:
    case.host.there = []
    case.fast.start()
    assert "the fast path is at no device" in case.log


def test_the_end_leaves_nothing(case: Case) -> None:
    case.fast.start()
    case.fast.close(keep=False)
    assert case.links.detached == 1
    assert not case.folder.exists()
    assert not case.folder.parent.exists()
    assert case.neighbours.closed
    assert case.changes.closed
    assert case.maps.object.closed


def test_another_versions_folder_stays(case: Case) -> None:
    (case.folder.parent / "layout-0").mkdir()
    case.fast.close(keep=False)
    assert not case.folder.exists()
    assert (case.folder.parent / "layout-0").exists()


def test_what_is_kept_has_the_engines_share_of_counters(case: Case) -> None:
    case.service()
    case.fast.start()
    case.packet(40000)
    case.fast.close(keep=True)
    assert "the fast path stays, with 1 connection, for the next `pyvs run`" in case.log
    assert case.links.detached == 0
    assert (case.folder / "conns4").exists()
    shares = [OWNER.unpack(raw)["stats_inpkts"] for raw in case.changes.owners.held]
    assert sum(shares) == 1
    assert case.changes.closed
    assert case.maps.object.closed


def test_an_end_that_fails_is_told_and_goes_on(case: Case) -> None:
    case.links.fails = True
    case.fast.close(keep=False)
    assert "the fast path is still in the kernel" in case.log
    assert "`pyvs detach`" in case.log
    assert case.maps.object.closed
