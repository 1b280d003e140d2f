"""Agents' reports as weights of destinations."""

from __future__ import annotations

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family
from pyvs.core.masquerade.agent_line import parse_line
from pyvs.core.masquerade.reweigh import Reweigher
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import TCP, address

ONE, TWO = address("10.1.0.11"), address("10.1.0.12")
KEYS = [ServiceKey(Family.INET, TCP, address("192.0.2.1"), port) for port in (80, 443)]


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment())
    for key in KEYS:
        engine.control.new_service(ServiceSpec(key, "wrr"), 0.0)
        for server in (ONE, TWO):
            engine.control.new_dest(key, DestSpec(DestKey(server, key.port), weight=10), 0.0)
    return engine


def weights(engine: Engine) -> list[dict[bytes, int]]:
    return [{view.spec.key.addr: view.spec.weight for view in engine.control.get_dests(key)} for key in KEYS]


def test_all_destinations_of_the_machine_change(engine: Engine) -> None:
    assert Reweigher(engine.control).apply(ONE, parse_line(b"45%\n"), 1.0) == 2
    assert weights(engine) == [{ONE: 5, TWO: 10}] * 2


def test_the_weight_is_always_of_what_was_configured(engine: Engine) -> None:
    reweigher = Reweigher(engine.control)
    for line, weight in ((b"50%\n", 5), (b"20%\n", 2), (b"down\n", 0), (b"maxconn:9\n", 0), (b"up\n", 10)):
        reweigher.apply(ONE, parse_line(line), 1.0)
        assert weights(engine)[0][ONE] == weight, line
    assert reweigher.apply(ONE, parse_line(b"up\n"), 1.0) == 0


def test_an_administrator_s_new_weight_counts_from_then_on(engine: Engine) -> None:
    reweigher = Reweigher(engine.control)
    reweigher.apply(ONE, parse_line(b"50%\n"), 1.0)
    engine.control.set_dest(KEYS[0], DestSpec(DestKey(ONE, 80), weight=100), 2.0)
    reweigher.apply(ONE, parse_line(b"50%\n"), 3.0)
    assert [each[ONE] for each in weights(engine)] == [50, 5]


def test_forgotten_agents_give_the_weights_back(engine: Engine) -> None:
    reweigher = Reweigher(engine.control)
    reweigher.apply(ONE, parse_line(b"50%\n"), 1.0)
    engine.control.set_dest(KEYS[0], DestSpec(DestKey(ONE, 80), weight=7), 2.0)
    reweigher.forget(ONE, 3.0)
    assert [each[ONE] for each in weights(engine)] == [7, 10]


def test_services_and_servers_may_go_meanwhile(engine: Engine) -> None:
    reweigher = Reweigher(engine.control)
    reweigher.apply(ONE, parse_line(b"50%\n"), 1.0)
    engine.control.del_service(KEYS[0], 2.0)
    assert reweigher.apply(ONE, parse_line(b"10%\n"), 3.0) == 1
    reweigher.forget(ONE, 4.0)
    assert engine.control.get_dests(KEYS[1])[1].spec.weight == 10
