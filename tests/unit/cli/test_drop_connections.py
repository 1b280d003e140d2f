"""`pyvs drop-connections`: what a filter means ends, silently or by RST."""

from collections.abc import Callable

import pytest
from click.testing import Result

from pyvs.core.command import Output, Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.policy.watch import GRACE

Pyvs = Callable[..., Result]
WEB = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)


@pytest.fixture(autouse=True)
def three_connections(engine: Engine, call: Callable[[int], None]) -> None:
    engine.control.new_service(ServiceSpec(WEB, "rr"), 1.0)
    for server in (11, 12):
        engine.control.new_dest(WEB, DestSpec(DestKey(bytes((10, 1, 0, server)), 80)), 1.0)
    for port in range(3):
        call(40000 + port)


def told(engine: Engine) -> int:
    """How many packets were sent by the director itself or through it."""
    return sum(isinstance(each, Output | Transmit) for each in engine.drain())


def test_they_are_forgotten(pyvs: Pyvs, engine: Engine) -> None:
    one = pyvs("drop-connections server=10.1.0.11")
    assert (one.exit_code, one.stdout) == (0, "1 connection ended\n")
    assert {conn.daddr[-1] for conn in engine.ns.connections} == {12}
    assert pyvs("drop-connections all").stdout == "2 connections ended\n"
    assert engine.ns.connections.count == 0
    assert told(engine) == 0


def test_both_ends_are_told(pyvs: Pyvs, engine: Engine) -> None:
    assert pyvs("drop-connections --reset all").stdout == "3 connections ended\n"
    assert told(engine) == 6
    assert pyvs("drop-connections --reset all").stdout == "0 connections ended\n"  # they end already
    engine.handle_timeouts(1.0 + GRACE + 2)
    assert engine.ns.connections.count == 0


def test_all_words_must_hold(pyvs: Pyvs, engine: Engine) -> None:
    assert pyvs("drop-connections server=10.1.0.11 older=1h").stdout == "0 connections ended\n"
    assert pyvs("drop-connections server=10.1.0.12 proto=tcp").stdout == "2 connections ended\n"
    assert engine.ns.connections.count == 1


def test_nothing_ends_by_a_mistake(pyvs: Pyvs, engine: Engine) -> None:
    assert pyvs("drop-connections").exit_code == 2
    for words in ("everything", "server=nobody", "all older=1h", "client=10.0.0.0/99"):
        result = pyvs(f"drop-connections {words}")
        assert result.exit_code == 1
        assert result.stderr.startswith("pyvs drop-connections: ")
    assert engine.ns.connections.count == 3
