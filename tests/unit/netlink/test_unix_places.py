"""Where the director's socket is, and what is said when nobody listens there."""

from pathlib import Path

import pytest

from pyvs.core.errors import ControlError
from pyvs.netlink import unix
from pyvs.netlink.unix import UnixTransport, socket_path, usual_path


def test_the_socket_is_that_of_the_network_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYVS_SOCKET", raising=False)
    inode = Path("/proc/self/ns/net").stat().st_ino
    assert socket_path() == f"/run/pyvs/{inode}.sock"
    monkeypatch.setenv("PYVS_SOCKET", "/else/where")
    assert socket_path() == "/else/where"


def test_without_a_director_the_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix, "FOLDER", str(tmp_path))
    with pytest.raises(ControlError, match=r"no director runs in this network namespace \(.*`pyvs run`$"):
        UnixTransport(usual_path()).connect()
    named = tmp_path / "named"
    with pytest.raises(
        ControlError, match=rf"no director listens at {named}: .*`pyvs run --socket {named}`$"
    ):
        UnixTransport(named).connect()
