"""Disks that are full or can only be read, directors that are killed: no answered change is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.core.flags import Family, Proto
from pyvs.daemon.state.control import KeptControl
from pyvs.daemon.state.journal import Journal
from pyvs.daemon.state.lines import read
from pyvs.daemon.state.state import State
from pyvs.testing.environment import FixedEnvironment

pytestmark = [pytest.mark.live, pytest.mark.root]

WRITER = """
import sys, time
from pathlib import Path
from pyvs.daemon.state import journal as module
from pyvs.daemon.state.journal import Journal

module.LONG, module.GROWN = 20_000, 1
journal = Journal(Path(sys.argv[1]), lambda text: None, time.monotonic)
journal._anew_at = 20_000
journal.append(["service", "tcp/192.0.2.100/80", "rr", 0, 0, 4294967295, ""])
for number in range(10_000_000):
    place = f"10.1.{number // 200 % 200}.{number % 200}/80"
    journal.append(["server", "tcp/192.0.2.100/80", place, 0, number, 0, 0, 0, 0, 0])
    print(number, flush=True)
    if number % 50 == 0:
        journal.tick()
"""
"""A journal that is written anew all the time; each change is told once it is kept."""

LOCKER = """
import sys
from pathlib import Path
from pyvs.core.errors import PyvsError
from pyvs.daemon.state.folder import Lock

try:
    Lock(Path(sys.argv[1]))
except PyvsError as why:
    print(why)
"""


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A small file system in memory."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class Quiet:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    warning = info


@pytest.mark.parametrize("after", [0.3, 0.7, 1.1])
def test_killed_while_the_journal_is_written_anew(tmp_path: Path, after: float) -> None:
    path = tmp_path / "journal"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        time.sleep(after)
        os.kill(writer.pid, signal.SIGKILL)
        kept = [int(line) for line in writer.stdout.read().split("\n") if line.isdigit()]
    last = max(kept, default=0)
    found = read(path)
    assert found.damage == []
    rows = {row[2]: row[4] for row in found.kept.rows() if row[0] == "server"}
    for number in range(max(0, last - 39_999), last + 1):
        assert rows[f"10.1.{number // 200 % 200}.{number % 200}/80"] >= number
    told: list[str] = []
    again = Journal(path, told.append, time.monotonic)
    again.append(["flush"])
    again.close()
    assert not path.with_name("journal.new").exists()


def test_a_full_disk_refuses_changes_and_loses_none(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-o", "size=1m") as folder:
        told: list[str] = []
        journal = Journal(folder / "journal", told.append, time.monotonic)
        journal.append(["service", "tcp/192.0.2.100/80", "rr", 0, 0, 4294967295, ""])
        made = 0

        def change() -> None:
            journal.ready()
            place = f"10.1.{made // 200}.{made % 200}/80"
            journal.append(["server", "tcp/192.0.2.100/80", place, *[0] * 7])

        with pytest.raises(ControlError) as refusal:  # noqa: PT012
            for made in range(100_000):  # noqa: B007
                change()
        assert refusal.value.errno == Errno.ENOSPC
        assert made > 5_000
        assert len(told) == 1
        assert "No space left on device: they are refused until that has changed" in told[0]
        assert len(list(read(folder / "journal").kept.rows())) == made + 1
        subprocess.run(["mount", "-o", "remount,size=8m", folder], check=True)
        journal.ready()
        journal.append(["flush"])
        journal.close()
        assert told[1:] == [f"{folder}/journal: there is room for changes again"]
        assert not read(folder / "journal").kept


def test_a_start_on_a_full_disk_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-o", "size=64k") as folder:
        with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
            for _ in range(100):
                file.write(bytes(4096))
        told: list[str] = []
        now = [100.0]
        journal = Journal(folder / "journal", told.append, lambda: now[0])
        with pytest.raises(ControlError):
            journal.ready()
        (folder / "ballast").unlink()
        end = time.monotonic() + 10
        while time.monotonic() < end and not told[-1].endswith("all is written again"):
            now[0] = journal.due or now[0]
            journal.tick()
            time.sleep(0.01)
        journal.ready()
        journal.append(["flush"])
        journal.close()
        assert read(folder / "journal").damage == []


def test_a_folder_that_can_only_be_read_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with mounted(tmp_path / "state") as folder:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(PyvsError, match="Read-only file system: give another folder by --state-dir"):
            State(folder, Quiet(), time.monotonic)


def test_a_folder_that_becomes_one_to_be_read_refuses_changes(tmp_path: Path) -> None:
    with mounted(tmp_path / "state") as folder:
        told: list[str] = []
        journal = Journal(folder / "journal", told.append, time.monotonic)
        os.close(journal._fd)
        journal._fd = os.open(folder / "journal", os.O_RDONLY)
        with pytest.raises(ControlError, match="the change was not made, for it can't be kept in"):
            journal.ready()
        journal.close()


def test_two_directors_in_one_folder(tmp_path: Path) -> None:
    first = State(tmp_path, Quiet(), time.monotonic)
    other = [sys.executable, "-c", LOCKER, str(tmp_path)]
    said = subprocess.run(other, capture_output=True, text=True, check=True).stdout
    assert "another director keeps its state in" in said
    first.close()
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == ""


def test_verbs_are_refused_without_room_and_nothing_was_changed(tmp_path: Path) -> None:
    web = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
    with mounted(tmp_path / "small", "-o", "size=256k") as folder:
        log = Quiet()
        state = State(folder, log, time.monotonic)
        engine = Engine(FixedEnvironment([web.addr]), now=5.0)
        control = engine.control = KeptControl(engine.ns, lambda what, chains: None)
        state.begin(engine, control, None)
        control.new_service(ServiceSpec(web, "rr"), 5.0)
        made = 0

        with pytest.raises(ControlError) as refusal:  # noqa: PT012
            for made in range(10_000):
                control.new_dest(web, DestSpec(DestKey(bytes((10, 1, made // 200, made % 200)), 80)), 5.0)
        assert refusal.value.errno == Errno.ENOSPC
        assert len(control.get_dests(web)) == made
        with pytest.raises(ControlError):
            control.del_service(web, 5.0)
        assert len(control.get_services()) == 1
        state.close()
        again = State(folder, Quiet(), time.monotonic)
        assert len(list(again._journal.kept.rows())) == made + 1
        again.close()
