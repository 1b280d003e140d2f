"""The journal: what is in it after kill -9, a full disk, a torn end, damage in the middle."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.daemon.state import journal as module
from pyvs.daemon.state import room
from pyvs.daemon.state.journal import Journal
from pyvs.daemon.state.lines import HEADER, line_of, read

SERVICE = ["service", "tcp/192.0.2.100/80", "rr", 0, 0, 4294967295, ""]


def server(n: int, weight: int = 1) -> list[Any]:
    return ["server", SERVICE[1], f"10.1.0.{n}/80", 0, weight, 0, 0, 0, 0, 0]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def opened(path: Path, told: list[str], clock: Clock | None = None) -> Journal:
    return Journal(path, told.append, clock or Clock())


def settle(journal: Journal, clock: Clock) -> None:
    """Let time pass until nothing is to be done."""
    end = time.monotonic() + 10
    while journal.due is not None and time.monotonic() < end:
        clock.now = max(clock.now, journal.due)
        journal.tick()
        time.sleep(0.001)
    assert journal.due is None


def test_a_change_is_in_the_file_when_append_returns(path: Path, told: list[str]) -> None:
    journal = opened(path, told)
    journal.append(SERVICE)
    journal.append(server(1))
    assert path.read_bytes() == HEADER + line_of(SERVICE) + line_of(server(1))
    again = read(path).kept  # as after kill -9
    assert list(again.rows()) == [SERVICE, server(1)]
    journal.close()
    assert told == []
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_it_is_opened_where_it_ended(path: Path, told: list[str]) -> None:
    for n in range(3):
        journal = opened(path, told)
        if not n:
            journal.append(SERVICE)
        journal.append(server(n))
        journal.close()
    assert list(read(path).kept.rows()) == [SERVICE, server(0), server(1), server(2)]


@given(st.integers(0, 200))
def test_a_torn_end_is_left_out(cut: int) -> None:
    whole = HEADER + line_of(SERVICE) + line_of(server(1))
    last = len(whole) - len(line_of(server(1)))
    data = whole[: max(len(whole) - cut, last)]
    path = Path(os.environ.get("TMPDIR", "/tmp"), f"pyvs-journal-{os.getpid()}")
    told: list[str] = []
    try:
        path.write_bytes(data)
        journal = opened(path, told)
        whole_rows = [SERVICE, server(1)] if data == whole else [SERVICE]
        assert list(journal.kept.rows()) == whole_rows
        journal.append(server(2))
        journal.close()
        assert list(read(path).kept.rows()) == [*whole_rows, server(2)]
        assert len(told) == (last < len(data) < len(whole))
        assert not path.with_name(f"{path.name}.damaged").exists()
    finally:
        path.unlink()


def test_blocks_that_never_reached_the_disk_are_a_torn_end(path: Path, told: list[str]) -> None:
    path.write_bytes(HEADER + line_of(SERVICE) + bytes(4096))
    assert list(opened(path, told).kept.rows()) == [SERVICE]
    assert "the end, 4096 bytes, was not written whole" in told[0]
    assert path.read_bytes() == HEADER + line_of(SERVICE)


def aside(path: Path, told: list[str]) -> bytes:
    """What was put aside, as it was told."""
    place = path.with_name("journal.damaged")
    assert f"the damaged file is kept as {place}" in told[-1]
    return place.read_bytes()


def test_damage_costs_its_lines_and_the_file_is_kept(path: Path, told: list[str]) -> None:
    good = HEADER + line_of(SERVICE)
    bad = line_of(server(1)).replace(b"10.1.0.1", b"10.1.0.9")
    before = good + bad + line_of(server(2))
    path.write_bytes(before)
    journal = opened(path, told)
    assert list(journal.kept.rows()) == [SERVICE, server(2)]
    assert told[0] == f"{path}: line 3, at byte {len(good)}, is damaged"
    assert aside(path, told) == before
    journal.append(server(3))
    journal.close()
    assert path.read_bytes() == good + line_of(server(2)) + line_of(server(3))


def test_many_damaged_lines_are_told_in_few(path: Path, told: list[str]) -> None:
    path.write_bytes(HEADER + b"00000000 []\n" * 100 + line_of(SERVICE))
    journal = opened(path, told)
    assert list(journal.kept.rows()) == [SERVICE]
    assert len(told) == 7
    assert "100 lines in all could not be read" in told[5]
    journal.close()


@pytest.mark.parametrize("data", [b"pyvs journal 2\n", b"#!/bin/sh\n", b"\0" * 100])
def test_another_file_is_put_aside(path: Path, told: list[str], data: bytes) -> None:
    for _ in range(2):
        path.write_bytes(data)
        journal = opened(path, told)
        assert not journal.kept
        journal.append(SERVICE)
        journal.close()
        assert path.read_bytes() == HEADER + line_of(SERVICE)
    assert "no journal of this version at byte 0" in told[0]
    assert path.with_name("journal.damaged").read_bytes() == data
    assert path.with_name("journal.damaged-2").read_bytes() == data


def test_what_can_not_be_read_at_all_is_put_aside(path: Path, told: list[str]) -> None:
    path.mkdir()
    journal = opened(path, told)
    journal.append(SERVICE)
    journal.close()
    assert "the rules can't be read: Is a directory" in told[0]
    assert path.read_bytes() == HEADER + line_of(SERVICE)
    assert path.with_name("journal.damaged").is_dir()


def test_a_row_of_a_later_version_is_told(path: Path, told: list[str]) -> None:
    path.write_bytes(HEADER + line_of(["orchestra", 1]) + line_of([*SERVICE, 9]) + line_of(SERVICE))
    assert list(opened(path, told).kept.rows()) == [SERVICE]
    assert 'line 2, at byte 15, makes no sense here: ["orchestra",1]' in told[0]
    assert "line 3, at byte" in told[1]


def test_a_folder_that_can_only_be_read_refuses_the_start(
    path: Path, told: list[str], monkeypatch: Any
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(
        PyvsError, match="can't be kept: Read-only file system: give another folder by --state-dir"
    ):
        opened(path, told)


@pytest.mark.parametrize("data", [b"", HEADER[:5], HEADER])
def test_an_empty_file_is_a_beginning(path: Path, told: list[str], data: bytes) -> None:
    path.write_bytes(data)
    journal = opened(path, told)
    journal.append(SERVICE)
    journal.close()
    assert path.read_bytes() == HEADER + line_of(SERVICE)
    assert told == []


def test_it_is_written_through_once_a_second_if_anything_was_written(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    clock = Clock()
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(clock.now))
    journal = opened(path, told, clock)
    settle(journal, clock)
    synced.clear()
    assert journal.due is None
    journal.append(SERVICE)
    journal.append(server(1))
    assert journal.due == clock.now + 1
    clock.now += 1
    settle(journal, clock)
    assert len(synced) == 1
    journal.close()
    assert len(synced) == 2


def test_a_long_one_is_written_anew_while_changes_go_on(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONG", 5000)
    clock = Clock()
    journal = opened(path, told, clock)
    journal._anew_at = 5000
    journal.append(SERVICE)
    for weight in range(200):
        journal.append(server(1, weight))
    before = path.stat().st_size
    clock.now += 1
    journal.tick()
    journal.append(server(2))  # while the thread writes
    journal.append(["-server", SERVICE[1], "10.1.0.1/80"])
    settle(journal, clock)
    journal.append(server(3))
    assert path.stat().st_size < before / 20
    rows = [SERVICE, server(2), server(3)]
    assert list(read(path).kept.rows()) == rows
    journal.close()
    assert list(read(path).kept.rows()) == rows
    assert told == []
    assert not path.with_name("journal.new").exists()


def refusing(number: int) -> Any:
    def take(fd: int, at: int, size: int) -> bool:
        raise OSError(number, os.strerror(number))

    return take


@pytest.mark.parametrize("errno", [Errno.ENOSPC, Errno.EROFS, Errno.EIO, Errno.EDQUOT])
def test_without_room_a_change_is_refused_before_it_is_made(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, errno: Errno
) -> None:
    journal = opened(path, told)
    journal.append(SERVICE)
    monkeypatch.setattr(room, "take", refusing(errno))
    for _ in range(2):
        with pytest.raises(ControlError, match="the change was not made, for it can't be kept in") as refusal:
            journal.ready()
        assert refusal.value.errno == errno
    assert len(told) == 1
    assert "they are refused until that has changed" in told[0]
    monkeypatch.undo()
    journal.ready()
    assert told[1].endswith("there is room for changes again")
    journal.append(server(1))
    journal.close()
    assert list(read(path).kept.rows()) == [SERVICE, server(1)]
    assert path.stat().st_blocks * 512 < module.AHEAD  # room that was not needed is given back


def test_a_little_room_is_enough(path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def take(fd: int, at: int, size: int) -> bool:
        if size > 9000:
            raise OSError(28, "No space left on device")
        return True

    monkeypatch.setattr(room, "take", take)
    journal = opened(path, told)
    journal.ready()
    with pytest.raises(ControlError):
        journal.ready(20_000)
    journal.close()


def test_where_room_can_not_be_taken_a_failed_write_is_told_and_tried_again(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(room, "take", lambda fd, at, size: False)
    journal = opened(path, told, clock)
    journal.ready()
    real = os.write
    full = [True]

    def write(fd: int, data: bytes) -> int:
        if full[0]:
            if len(data) > 10:
                return real(fd, data[:10])
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    journal.append(SERVICE)
    assert len(told) == 1
    assert "No space left on device: it holds, but would be lost with this director" in told[0]
    with pytest.raises(ControlError) as refusal:
        journal.ready()
    assert refusal.value.errno == Errno.ENOSPC
    for _ in range(3):
        assert journal.due is not None
        clock.now = journal.due
        journal.tick()
        time.sleep(0.01)
    full[0] = False
    settle(journal, clock)
    assert list(read(path).kept.rows()) == [SERVICE]
    journal.ready()
    journal.append(server(2))
    journal.close()
    assert list(read(path).kept.rows()) == [SERVICE, server(2)]
    assert len(told) == 2
    assert told[1].endswith("all is written again")


def test_a_disk_too_full_to_write_anew_costs_nothing(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    journal = opened(path, told, clock)
    settle(journal, clock)
    journal._anew_at = 100
    real = os.open

    def refuse(name: Any, *rest: Any, **more: Any) -> int:
        if str(name).endswith("journal.new"):
            raise OSError(28, "No space left on device")
        return real(name, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    journal.append(SERVICE)
    journal.append(server(1))
    clock.now += 1
    settle(journal, clock)
    assert len(told) == 1
    assert "it has grown long and can't be written anew" in told[0]
    journal.ready()
    journal.append(server(2))
    assert list(read(path).kept.rows()) == [SERVICE, server(1), server(2)]
    settle(journal, clock)
    assert len(told) == 1
    monkeypatch.undo()
    clock.now += module.LATER
    journal.append(server(2, 5))
    settle(journal, clock)
    assert path.read_bytes() == HEADER + b"".join(map(line_of, (SERVICE, server(1), server(2, 5))))
    journal.close()


def test_a_long_step_holds_with_its_last_line(path: Path, told: list[str]) -> None:
    journal = opened(path, told)
    journal.append(SERVICE)
    rows = [server(n) for n in range(1, 201)]
    steps = 0
    for _ in journal.append_all(rows):
        steps += 1
        found = read(path)
        assert list(found.kept.rows()) == [SERVICE]
        assert found.unfinished == steps * module.PART
    assert steps == 200 // module.PART
    assert list(read(path).kept.rows()) == [SERVICE, *rows]
    assert list(journal.kept.rows()) == [SERVICE, *rows]
    journal.close()


def test_a_step_that_a_crash_cut_off_is_told_and_left_out(path: Path, told: list[str]) -> None:
    journal = opened(path, told)
    journal.append(SERVICE)
    cut = journal.append_all([server(n) for n in range(1, 201)])
    next(cut)
    data = path.read_bytes()
    journal.close()
    path.write_bytes(data)
    again = opened(path, told)
    assert list(again.kept.rows()) == [SERVICE]
    assert "a step of 50 changes was not written whole, and is left out" in told[0]
    list(again.append_all([server(n) for n in range(1, 61)]))
    again.close()
    assert len(list(read(path).kept.rows())) == 61


def test_a_long_step_waits_for_the_file_that_is_written_anew(path: Path, told: list[str]) -> None:
    clock = Clock()
    journal = opened(path, told, clock)
    settle(journal, clock)
    journal._anew_at = 10
    journal.append(SERVICE)
    clock.now += 1
    journal.tick()
    list(journal.append_all([server(n) for n in range(1, 101)]))
    settle(journal, clock)
    journal.close()
    assert len(list(read(path).kept.rows())) == 101
