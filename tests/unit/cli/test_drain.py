"""`pyvs drain`: which servers, what is shown, and how the command ends."""

import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import cast

import pytest
from click.testing import Result
from rich.console import Console

from pyvs.cli.asking import FAILED
from pyvs.cli.drain import GLANCE, _watch, is_over
from pyvs.core.control.native_specs import DrainView
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.netlink.native_client import NativeClient

Pyvs = Callable[..., Result]
Call = Callable[[int], None]
VIP, FIRST, SECOND = (bytes(each) for each in ((192, 0, 2, 100), (10, 1, 0, 11), (10, 1, 0, 12)))
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
DNS = ServiceKey(Family.INET, Proto.UDP, VIP, 53)
MARK = ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 5)
SCTP = ServiceKey(Family.INET, Proto.SCTP, VIP, 9)
MARK6 = ServiceKey(Family.INET6, Proto.TCP, bytes(16), 0, 5)
THIRD = bytes.fromhex("20010db8") + bytes(11) + b"\x0b"
VIEW = DrainView(WEB, DestKey(FIRST, 80, Family.INET), 3, 2, 1, 4, 0, 30.0, False)


@pytest.fixture(autouse=True)
def served(engine: Engine) -> None:
    for key in (WEB, DNS, MARK):
        engine.control.new_service(ServiceSpec(key, "rr"), 1.0)
        for server in (FIRST, SECOND):
            engine.control.new_dest(key, DestSpec(DestKey(server, key.port or 80), weight=3), 1.0)


def drained(engine: Engine) -> list[ServiceKey]:
    return [view.service for view in engine.control.get_drains(1.0)]


def test_over_is_when_nobody_is_left() -> None:
    assert is_over([])
    assert not is_over([VIEW])
    assert not is_over([replace(VIEW, active=0, inactive=0), replace(VIEW, active=0)])
    assert is_over([replace(VIEW, active=0, inactive=0)])
    assert is_over([replace(VIEW, swept=True), replace(VIEW, active=0, inactive=0)])
    assert not is_over([replace(VIEW, swept=True), VIEW])


@pytest.mark.parametrize(
    ("words", "services"),
    [
        ("10.1.0.11", [WEB, DNS, MARK]),
        ("10.1.0.11:80", [WEB, MARK]),
        ("10.1.0.11 -t 192.0.2.100:80", [WEB]),
        ("10.1.0.11 -u 192.0.2.100:53", [DNS]),
        ("10.1.0.11:80 -f 5", [MARK]),
    ],
)
def test_which_servers(pyvs: Pyvs, engine: Engine, words: str, services: list[ServiceKey]) -> None:
    result = pyvs(f"drain {words} --no-wait")
    assert result.exit_code == 0
    assert result.stdout.count("no deadline") == len(services)
    assert sorted(map(str, drained(engine))) == sorted(map(str, services))
    assert {view.dest.addr for view in engine.control.get_drains(1.0)} == {FIRST}
    again = pyvs(f"drain {words} --cancel").stdout.splitlines()
    assert len(again) == len(services)
    assert all(line.endswith("has weight 3 again") for line in again)
    assert drained(engine) == []
    assert [view.spec.weight for view in engine.control.get_dests(WEB)] == [3, 3]


@pytest.mark.parametrize(
    ("words", "drains"),
    [
        ("10.1.0.11 --sctp-service 192.0.2.100:9", SCTP),
        ("2001:db8::b -f 5 -6", MARK6),
        ("[2001:db8::b]:80 -6 -f 5", MARK6),
    ],
)
def test_every_kind_of_service_can_be_named(
    pyvs: Pyvs, engine: Engine, words: str, drains: ServiceKey
) -> None:
    engine.control.new_service(ServiceSpec(SCTP, "rr"), 1.0)
    engine.control.new_dest(SCTP, DestSpec(DestKey(FIRST, 9), weight=3), 1.0)
    engine.control.new_service(ServiceSpec(MARK6, "rr", netmask=128), 1.0)
    engine.control.new_dest(MARK6, DestSpec(DestKey(THIRD, 80), weight=3), 1.0)
    assert pyvs(f"drain {words} --no-wait").exit_code == 0
    assert drained(engine) == [drains]
    assert pyvs(f"drain {words.replace(' -6', '')} --cancel").exit_code == (1 if "-6" in words else 0)
    pyvs(f"drain {words} --cancel")
    assert drained(engine) == []


def test_a_server_without_connections_says_nothing_of_resets(pyvs: Pyvs) -> None:
    result = pyvs("drain 10.1.0.11:80 -t 192.0.2.100:80 --deadline 5m")
    assert result.stdout == "10.1.0.11:80 of TCP 192.0.2.100:80 has no connections\n"


def test_the_list(pyvs: Pyvs, engine: Engine, clock: list[float], call: Call) -> None:
    call(40000)
    call(40001)
    pyvs("drain 10.1.0.11:80 -t 192.0.2.100:80 --deadline 2m --no-wait")
    clock[0] = 31.0
    line = next(each for each in pyvs("drain").stdout.splitlines() if "10.1.0.11" in each)
    assert line.split() == ["TCP", "192.0.2.100:80", "10.1.0.11:80", "1", "1", "0", "90", "s"]
    clock[0] = 122.0
    engine.handle_timeouts(122.0)
    line = next(each for each in pyvs("drain").stdout.splitlines() if "10.1.0.11" in each)
    assert line.split() == ["TCP", "192.0.2.100:80", "10.1.0.11:80", "1", "1", "1", "over"]


def test_it_waits_until_the_connections_are_gone(
    pyvs: Pyvs, engine: Engine, clock: list[float], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for port in range(4):
        call(40000 + port)

    def sleep(seconds: float) -> None:
        assert seconds == GLANCE
        clock[0] += 1.0
        engine.handle_timeouts(clock[0])

    monkeypatch.setattr(time, "sleep", sleep)
    result = pyvs("drain 10.1.0.12:80 -t 192.0.2.100:80 --deadline 5s")
    assert result.exit_code == 0
    assert result.stdout == (
        "10.1.0.12:80 of TCP 192.0.2.100:80 has no connections; 2 of 2 were reset, listed as CLOSE for some seconds\n"
    )
    assert clock[0] == 1.0 + 5.0, "at the deadline, not when the last of them is forgotten"
    assert [conn.watch.ending for conn in engine.ns.connections if conn.watch] == [True, True]
    assert drained(engine) == [WEB]


def test_an_interrupt_leaves_it_draining(
    pyvs: Pyvs, engine: Engine, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(40000)
    call(40001)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    result = pyvs("drain 10.1.0.11")
    assert result.exit_code == 130
    assert "pyvs drain 10.1.0.11 --cancel" in result.stderr
    assert len(drained(engine)) == 3


class Stuck:
    """A director with connections that can't be ended."""

    def __init__(self, view: DrainView) -> None:
        self.view, self.looks = view, 0

    def get_drains(self) -> list[DrainView]:
        self.looks += 1
        over = self.looks > 3
        return [replace(self.view, swept=over, kept=2 * over), replace(self.view, service=DNS)]


def test_what_can_not_be_reset_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    stuck = Stuck(replace(VIEW, left=0.0, ended=1))
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    status = _watch(cast("NativeClient", stuck), {(VIEW.service, VIEW.dest)}, console)
    assert status == FAILED
    assert stuck.looks == 4
    assert "has 2 connections that can't be reset, `pyvs connections` shows which; 1 of 4 were reset" in (
        capsys.readouterr().err
    )
    assert "3 left, 0 s left" in out.getvalue()
    assert "UDP" not in out.getvalue()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nobody", "is no ADDRESS"),
        ("10.9.9.9", "no service has a server"),
        ("10.1.0.11 -t 192.0.2.100:81", "there is no service"),
        ("10.1.0.11 -t 192.0.2.100:80 -f 5", "names no service"),
        ("10.1.0.11 -6", "names no service"),
        ("10.1.0.11 -f 5 -6", "there is no service"),
        ("10.1.0.11 --deadline soon", "is no time"),
        ("10.1.0.11 --cancel", "does not drain"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(pyvs: Pyvs, engine: Engine, words: str, said: str) -> None:
    result = pyvs(f"drain {words}")
    assert result.exit_code == 1
    assert result.stderr.startswith("pyvs drain: ")
    assert said in result.stderr
    assert drained(engine) == []
    assert [view.spec.weight for view in engine.control.get_dests(WEB)] == [3, 3]
