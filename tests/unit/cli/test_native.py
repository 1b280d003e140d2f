"""The commands that the kernel never had, against a director in this process: what they print, and how they end."""

from __future__ import annotations

import importlib
import json
import select
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from threading import Lock, Thread

import pytest
from click.testing import CliRunner, Result

from pyvs.cli.main import main
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.netlink.unix import VARIABLE
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

RULES = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1
-a -t 192.0.2.100:80 -r 10.1.0.12:80 -m -w 1
"""


class Director:
    """An engine behind a control socket, served by a thread; time stands still unless it is moved."""

    def __init__(self, path: Path) -> None:
        self.engine = Engine(FixedEnvironment([ip_address("192.0.2.100").packed]))
        self.now = 1.0
        self.lock = Lock()
        self._door = ControlSocket(path, Server(self.engine.control), lambda: self.now)
        self._going = True
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while self._going:
            if select.select([self._door], [], [], 0.05)[0]:
                with self.lock:
                    self._door.on_readable()

    def call(self, port: int) -> None:
        with self.lock:
            for flags in (2, 16):
                packet = Packet(tcp("198.51.100.7", "192.0.2.100", port, 80, flags), iif="eth0")
                self.engine.receive(packet, Hook.LOCAL_IN, self.now)

    def pass_time(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds
            for _ in range(5):
                self.engine.handle_timeouts(self.now)

    def close(self) -> None:
        self._going = False
        self._thread.join()
        self._door.close()


@pytest.fixture
def director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Director]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "control"))
    director = Director(tmp_path / "control")
    yield director
    director.close()


def run(line: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, line.split(), input=given)


def good(line: str, given: str | None = None) -> str:
    result = run(line, given)
    assert result.exit_code == 0, result.output
    return result.stdout


def bad(line: str, given: str | None = None) -> str:
    result = run(line, given)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith(f"pyvs {line.partition(' ')[0]}: ")
    return result.stderr


def test_apply(director: Director, tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text(RULES)
    shown = "".join(f"+ {line}\n" for line in RULES.splitlines())
    assert good(f"apply --dry-run {file}") == shown
    assert len(director.engine.ns.services) == 0
    result = run(f"apply {file}")
    assert (result.exit_code, result.stdout, result.stderr) == (0, shown, "3 changes made\n")
    assert run(f"apply {file}").stderr == "0 changes made\n"
    assert good("apply - --quiet", RULES.replace("-w 1", "-w 4", 1)) == ""
    assert good(f"apply {file}") == "~ -a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1\n"
    assert "can't be read: No such file" in bad(f"apply {tmp_path}/no")
    assert "-:1: neither a rule" in bad("apply -", "hello\n")


def test_apply_is_worked_out_anew_when_someone_else_changes_the_rules(
    director: Director, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("pyvs.cli.apply")
    real = module.read_tables
    times: list[int] = []

    def reading(*args: object) -> object:
        if not times:
            director.engine.ns.services.generation += 1
        times.append(1)
        return real(*args)

    monkeypatch.setattr(module, "read_tables", reading)
    result = run("apply -q -", RULES)
    assert result.exit_code == 0
    assert "the rules were changed meanwhile" in result.stderr
    assert len(times) == 2
    assert len(director.engine.ns.services) == 1


def test_connections_and_their_end(director: Director) -> None:
    good("apply -", RULES)
    for port in range(4):
        director.call(40000 + port)
    director.pass_time(2.0)
    lines = good("connections").splitlines()
    assert lines[0].split() == ["proto", "client", "service", "server", "state", "left", "idle"]
    assert len(lines) == 5
    assert "198.51.100.7:40000" in lines[1] + lines[2] + lines[3] + lines[4]
    rows = [json.loads(line) for line in good("connections --filter server=10.1.0.11 --json").splitlines()]
    assert len(rows) == 2
    assert {(row["protocol"], row["daddr"], row["method"], row["idle"]) for row in rows} == {
        ("tcp", "10.1.0.11", "nat", 2.0)
    }
    assert good("drop-connections server=10.1.0.11 older=1h") == "0 connections ended\n"
    assert good("drop-connections client=198.51.100.0/24 server=10.1.0.11:80") == "2 connections ended\n"
    assert good("drop-connections all --reset") == "2 connections ended\n"
    assert "no part of a filter" in bad("connections --filter hello")
    assert "no part of a filter" in bad("drop-connections hello")


def test_policy(director: Director) -> None:
    good("apply -", RULES)
    assert good("policy") == ""
    good("policy -t 192.0.2.100:80 --idle 10m --at-expiry rst")
    assert "is of TCP" in bad("policy -t 192.0.2.100:80 --udp-leaves")
    line = "# pyvs: policy -t 192.0.2.100:80 --idle 600 --at-expiry rst\n"
    assert good("policy") == line
    assert good("policy -t 192.0.2.100:80") == line
    good("policy -t 192.0.2.100:80 --default")
    assert good("policy") == ""
    good("apply -q -", RULES + line)
    assert good("policy") == line
    assert "is no time" in bad("policy -t 192.0.2.100:80 --idle long")
    assert "there is no service" in bad("policy -t 192.0.2.100:81 --idle 5s")
    assert "of which service?" in bad("policy --idle 5s")
    assert "names no service" in bad("policy -t 192.0.2.1:99999 --idle 5s")


def test_drain(director: Director, monkeypatch: pytest.MonkeyPatch) -> None:
    good("apply -", RULES)
    for port in range(4):
        director.call(40000 + port)
    listed = good("drain 10.1.0.11 --deadline 5m --no-wait").splitlines()
    assert listed[1].split() == [
        "service",
        "server",
        "connections",
        "at",
        "the",
        "beginning",
        "reset",
        "time",
        "left",
    ]
    assert listed[2].split() == ["TCP", "192.0.2.100:80", "10.1.0.11:80", "2", "2", "0", "300", "s"]
    assert good("drain").splitlines() == listed
    assert good("drain 10.1.0.11 --cancel") == "10.1.0.11:80 of TCP 192.0.2.100:80 has weight 1 again\n"
    assert "does not drain" in bad("drain 10.1.0.11 --cancel")
    assert "no service has a server" in bad("drain 10.9.9.9")
    assert "is no ADDRESS" in bad("drain nobody")
    monkeypatch.setattr(time, "sleep", lambda seconds: director.pass_time(1.0))
    # Each look is a second of the director's time: it waits for the reset after 3, not until they are forgotten.
    watched = good("drain 10.1.0.12:80 -t 192.0.2.100:80 --deadline 3s")
    assert "10.1.0.12:80 of TCP 192.0.2.100:80 has no connections; 2 of 2 were reset" in watched
    assert 4 <= director.now <= 8


def test_without_a_director_they_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    for line in ("apply -", "connections", "drop-connections all", "drain", "policy"):
        said = bad(line, "")
        assert f"no director listens at {tmp_path / 'none'}: name the socket" in said
        assert f"start one with `pyvs run --socket {tmp_path / 'none'}`" in said
