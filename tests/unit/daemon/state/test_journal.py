"""The journal: what is in it after kill -9, a full disk, a torn end, damage in the middle."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import PyvsError
from pyvs.daemon.state import journal as module
from pyvs.daemon.state.journal import HEADER, Journal, line_of, read, read_line

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
    again = read(path, told.append)[0]  # as after kill -9
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
    assert list(read(path, told.append)[0].rows()) == [SERVICE, server(0), server(1), server(2)]


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
        assert list(read(path, told.append)[0].rows()) == [*whole_rows, server(2)]
        assert len(told) == (last < len(data) < len(whole))
    finally:
        path.unlink()


@pytest.mark.parametrize("tail", [bytes(4096), b"\0" * 10 + b"\n" + b"x" * 20 + b"\n", b"00000000 []\n"])
def test_blocks_that_never_reached_the_disk_are_a_torn_end(path: Path, told: list[str], tail: bytes) -> None:
    path.write_bytes(HEADER + line_of(SERVICE) + tail)
    assert list(opened(path, told).kept.rows()) == [SERVICE]
    assert "were not written whole" in told[0]
    assert path.read_bytes() == HEADER + line_of(SERVICE)


def test_damage_in_the_middle_is_refused_with_file_place_and_remedy(path: Path, told: list[str]) -> None:
    good = HEADER + line_of(SERVICE)
    bad = line_of(server(1)).replace(b"10.1.0.1", b"10.1.0.9")
    path.write_bytes(good + bad + line_of(server(2)))
    with pytest.raises(PyvsError) as refusal:
        opened(path, told)
    sentence = str(refusal.value)
    assert f"{path}: line 3, at byte {len(good)}, is damaged" in sentence
    assert f"sed -i 3d {path}" in sentence
    assert "--no-state" in sentence
    assert path.read_bytes() == good + bad + line_of(server(2))


@pytest.mark.parametrize("data", [b"pyvs journal 2\n", b"#!/bin/sh\n", b"\0" * 100])
def test_another_file_is_refused(path: Path, told: list[str], data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(PyvsError, match="no journal of this version at byte 0"):
        opened(path, told)
    assert path.read_bytes() == data


def test_a_row_of_a_later_version_is_refused(path: Path, told: list[str]) -> None:
    path.write_bytes(HEADER + line_of(["orchestra", 1]))
    with pytest.raises(PyvsError, match="line 2, at byte 15, makes no sense here"):
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
    assert list(read(path, told.append)[0].rows()) == rows
    journal.close()
    assert list(read(path, told.append)[0].rows()) == rows
    assert told == []
    assert not path.with_name("journal.new").exists()


def test_a_full_disk_is_told_and_tried_again(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    journal = opened(path, told, clock)
    real = os.write
    full = [True]

    def write(fd: int, data: bytes) -> int:
        if full[0]:
            if len(data) > 10:
                return real(fd, data[:10])
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    for row in (SERVICE, server(1)):
        journal.append(row)
    assert len(told) == 1
    assert "No space left on device" in told[0]
    full[0] = False
    journal.append(server(2))
    settle(journal, clock)
    assert list(read(path, told.append)[0].rows()) == [SERVICE, server(1), server(2)]
    journal.close()
    assert len(told) == 1


@given(st.binary(max_size=80))
def test_any_line_is_read_or_damaged(line: bytes) -> None:
    row = read_line(line)
    assert row is None or line_of(row).startswith(line[:8])
