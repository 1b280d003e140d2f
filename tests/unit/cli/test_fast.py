"""`pyvs fast` against a director in this process, without one, and beside what one left."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from pyvs.cli.main import main
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.daemon.control import ToldControl
from pyvs.fastpath import pins
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.netlink.unix import VARIABLE, UnixTransport
from pyvs.testing.environment import FixedEnvironment


class Director:
    """A control socket, served by a thread."""

    def __init__(self, path: Path) -> None:
        self.control = ToldControl(Engine(FixedEnvironment()).ns, lambda what, chains: None)
        self._door = ControlSocket(path, Server(self.control), lambda: 1.0)
        self._going = True
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while self._going:
            if select.select([self._door], [], [], 0.05)[0]:
                self._door.on_readable()

    def close(self) -> None:
        self._going = False
        self._thread.join()
        self._door.close()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the socket; the bpf file system is a folder of this test's."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "control"))
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path / "bpf"))
    return tmp_path / "control"


@pytest.fixture
def director(path: Path) -> Iterator[Director]:
    director = Director(path)
    yield director
    director.close()


def run() -> Result:
    return CliRunner().invoke(main, ["fast"])


def test_the_directors_text_is_shown_as_it_is(director: Director) -> None:
    texts = iter(["programs: tc at eth0 (tcx)\nservers:\n", "and then\n"])
    director.control.texts["pyvs_fast"] = lambda: iter((next(texts),))
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (
        0, "programs: tc at eth0 (tcx)\nservers:\n", "",
    )  # fmt: skip
    assert run().stdout == "and then\n"


def test_a_director_without_the_fast_path(director: Director) -> None:
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (
        0, "the director here runs without the fast path: its log says why\n", "",
    )  # fmt: skip


def test_no_director(path: Path) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"pyvs fast: no director listens at {path}: ")
    assert "pyvs detach" not in result.stderr


def test_no_director_but_what_one_left(path: Path) -> None:
    links = pins.home() / "layout-1-12345678" / "links"
    links.mkdir(parents=True)
    assert "pyvs detach" not in run().stderr  # maps alone serve nothing
    (links / "2-46").touch()
    result = run()
    assert result.exit_code == 1
    assert "no director listens at " in result.stderr
    assert f"the programs that it left, in {pins.home()}, go on serving" in result.stderr
    assert "`pyvs detach` ends them" in result.stderr


def test_other_refusals_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(transport: UnixTransport, name: str) -> str:
        raise ControlError(Errno.EPERM, "you must be root")

    monkeypatch.setattr(UnixTransport, "proc", refuse)
    result = run()
    assert (result.exit_code, result.stderr) == (1, "pyvs fast: you must be root\n")


def test_who_is_not_root_cannot_see_what_was_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_dir(place: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    home = pins.home()
    monkeypatch.setattr(pins, "home", lambda: home)
    monkeypatch.setattr(Path, "is_dir", is_dir)
    result = run()
    assert result.exit_code == 1
    assert "no director listens at " in result.stderr
    assert result.stderr.endswith("; only root can see whether one has left its programs\n")


def test_a_socket_that_is_not_there_is_no_missing_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(transport: UnixTransport, name: str) -> str:
        raise ControlError(Errno.ENOENT, "there is no such service")

    monkeypatch.setattr(UnixTransport, "proc", refuse)
    assert run().exit_code == 1


def test_namespaces_without_cookies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that gives none has no fast path that could be left."""

    def home() -> Path:
        raise OSError("no cookies")

    monkeypatch.setattr(pins, "home", home)
    result = run()
    assert result.exit_code == 1
    assert result.stderr.endswith(f"`pyvs run --socket {path}`\n")
