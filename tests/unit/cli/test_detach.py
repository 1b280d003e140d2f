"""`pyvs detach` on a folder of this test's; whether a director runs is said beforehand."""

from __future__ import annotations

import errno
import importlib
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pyvs.cli.main import main
from pyvs.core.errors import PyvsError
from pyvs.fastpath import links, pins
from pyvs.fastpath.errors import NEEDS_ROOT


class Lock:
    """Of the only director."""

    def __init__(self) -> None:
        self.first, self.second = socket.socketpair()

    @property
    def closed(self) -> bool:
        return self.first.fileno() < 0


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    """No director runs."""
    lock = Lock()
    monkeypatch.setattr(importlib.import_module("pyvs.cli.detach"), "only_one", lambda: lock.first)
    lock.second.close()
    return lock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path / "bpf"))
    monkeypatch.setattr(pins, "is_bpf", lambda place: True)
    return pins.home()


def left(home: Path, layout: str, *devices: str) -> None:
    """What a director left."""
    folder = home / layout / "links"
    folder.mkdir(parents=True)
    for name in devices:
        (folder / name).touch()
    (home / layout / "conns4").touch()


def run() -> Result:
    return CliRunner().invoke(main, ["detach"])


def test_nothing_is_there(lock: Lock, home: Path) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (0, "there is no fast path here\n")
    assert lock.closed


def test_without_the_file_system_nothing_is_claimed(
    lock: Lock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "is_bpf", lambda place: False)
    result = run()
    assert result.exit_code == 0
    assert f"no bpf file system is mounted at {pins.file_system()}" in result.stdout


def test_all_versions_go(lock: Lock, home: Path) -> None:
    left(home, "layout-1-11111111", "2-46", "3-46")
    left(home, "layout-2-22222222", "2-37")
    other = home.parent / "0"
    left(other, "layout-1-11111111", "9-46")
    result = run()
    assert (result.exit_code, result.stdout) == (0, "the fast path is off 3 devices\n")
    assert not home.exists()
    assert (other / "layout-1-11111111" / "links" / "9-46").exists()


def test_filters_of_clsact_go_too(lock: Lock, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(links, "call", lambda name, *_: asked.append(name))
    left(home, "layout-1-11111111")
    (home / "layout-1-11111111" / "links" / "4-clsact").mkdir()
    assert run().stdout == "the fast path is off 1 device\n"
    assert asked == ["bpf_tc_detach"]
    assert not home.exists()


def test_maps_without_links_go(lock: Lock, home: Path) -> None:
    left(home, "layout-1-11111111")
    (home / "layout-1-11111111" / "dests").touch()
    result = run()
    assert (result.exit_code, result.stdout) == (
        0,
        "no device had the fast path; 2 maps that a director left taken away\n",
    )
    assert not home.exists()
    assert run().stdout == "there is no fast path here\n"


def test_a_director_that_runs_keeps_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PyvsError("another director runs in this network namespace")

    monkeypatch.setattr(importlib.import_module("pyvs.cli.detach"), "only_one", refuse)
    left(home, "layout-1-11111111", "2-46")
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("pyvs detach: a director runs here: end it")
    assert (home / "layout-1-11111111" / "links" / "2-46").exists()


def test_what_cant_be_taken_away_is_told(lock: Lock, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(place: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    left(home, "layout-1-11111111", "2-46")
    monkeypatch.setattr(Path, "unlink", unlink)
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the fast path is still in the kernel: " in result.stderr
    assert "Operation not permitted" in result.stderr
    assert result.stderr.endswith(f"; {NEEDS_ROOT}\n")
    assert "CAP_BPF" in result.stderr


def test_without_privilege_it_can_t_be_seen(lock: Lock, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_dir(place: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    monkeypatch.setattr(Path, "is_dir", is_dir)
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("pyvs detach: it can't be seen what is in the kernel: ")
    assert result.stderr.endswith(f"; {NEEDS_ROOT}\n")
