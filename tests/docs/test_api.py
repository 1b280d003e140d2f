"""The examples of docs/api.md run, and the public names are there."""

import re
import select
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

import pyvs
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.testing.environment import FixedEnvironment

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```python( director)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIMEOUT = 60.0


def test_every_public_name_is_there_once() -> None:
    assert len(set(pyvs.__all__)) == len(pyvs.__all__)
    for name in pyvs.__all__:
        assert getattr(pyvs, name) is not None
        assert name in dir(pyvs)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        pyvs.Motor  # noqa: B018


def test_the_examples_run() -> None:
    blocks = [code for director, code in BLOCK.findall(PAGE.read_text()) if not director]
    assert len(blocks) >= 9
    names: dict[str, object] = {}
    for code in blocks:
        line = PAGE.read_text().split(code)[0].count("\n")
        exec(compile("\n" * line + code, str(PAGE), "exec"), names)


@pytest.fixture
def director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pyvs.Engine]:
    """A director's control socket, served by a thread."""
    vip = ip_address("192.0.2.80").packed
    engine = pyvs.Engine(FixedEnvironment(local=[vip]))
    web = pyvs.ServiceKey(pyvs.Family.INET, pyvs.Proto.TCP, vip, 80)
    engine.control.new_service(pyvs.ServiceSpec(web, "rr"), 0.0)
    server = pyvs.DestKey(ip_address("10.1.0.11").packed, 8080)
    engine.control.new_dest(web, pyvs.DestSpec(server, weight=3), 0.0)
    door = ControlSocket(tmp_path / "control.sock", Server(engine.control), lambda: 1.0)
    monkeypatch.setenv("PYVS_SOCKET", str(tmp_path / "control.sock"))
    here, there = socket.socketpair()

    def serve() -> None:
        while (
            there.fileno()
            not in (ready := select.select([door.fileno(), there.fileno()], [], [], TIMEOUT)[0])
            and ready
        ):
            door.on_readable()

    thread = threading.Thread(target=serve)
    thread.start()
    yield engine
    here.send(b".")
    thread.join(TIMEOUT)
    for end in (door, here, there):
        end.close()


def test_the_example_with_a_director_runs(director: pyvs.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [code for marked, code in BLOCK.findall(PAGE.read_text()) if marked]
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "TCP 192.0.2.80:80 10.1.0.11:8080 3 0\n"
    assert director.ns.sysctl.conn_reuse_mode == 0
