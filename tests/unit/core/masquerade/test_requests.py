"""What an administrator asks of masquerading, through the verb; and its listings."""

from __future__ import annotations

import pytest

from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Hook
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest
from pyvs.core.packet.packet import Packet
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import TCP, UDP, address, tcp

LOCAL, ONE, TWO = address("192.0.2.1"), address("10.1.0.11"), address("10.1.0.12")
NETWORK = NetworkRequest(True, address("10.1.0.0"), 24, LOCAL)


@pytest.fixture
def engine() -> Engine:
    return Engine(FixedEnvironment([LOCAL]))


def rules(engine: Engine) -> list[str]:
    return engine.control.proc("ip_portfw").splitlines()[1:]


def test_masquerading_comes_and_goes(engine: Engine) -> None:
    assert engine.ns.masquerade is None
    assert engine.control.masquerade(NETWORK, 0.0) == "10.1.0.0/24 is masqueraded under 192.0.2.1"
    assert engine.control.proc("ip_masq_networks") == "network 10.1.0.0/24 address 192.0.2.1\n"
    engine.receive(Packet(tcp(ONE, 1, "203.0.113.9", 80)), Hook.FORWARD, 0.0)
    engine.control.masquerade(NetworkRequest(False, NETWORK.network, 24), 1.0)
    assert engine.ns.masquerade is not None, "an entry is still alive"
    engine.handle_timeouts(500.0)
    with pytest.raises(ControlError) as refused:
        engine.control.masquerade(NetworkRequest(False, NETWORK.network, 24), 501.0)
    assert refused.value.errno == Errno.ESRCH
    engine.control.masquerade(ForwardingRequest(Command.FLUSH), 502.0)
    assert engine.ns.masquerade is None


def test_refused_at_first_leaves_it_off(engine: Engine) -> None:
    with pytest.raises(ControlError):
        engine.control.masquerade(NetworkRequest(True, address("10.1.0.1"), 24), 0.0)
    assert engine.ns.masquerade is None


def test_agents(engine: Engine) -> None:
    for machine in (ONE, TWO):
        engine.control.masquerade(ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, machine, 80)), 0.0)
    engine.control.masquerade(AgentRequest(True, ONE, 9999), 0.0)
    engine.control.masquerade(AgentRequest(True, TWO, 9999), 0.0)
    assert engine.ns.masquerade is not None
    engine.ns.masquerade.least_load.report(ONE, b"50% drain\n")
    assert engine.control.proc("ip_masq_networks") == (
        "agent 10.1.0.11:9999 50% drain\nagent 10.1.0.12:9999 100%\n"
    )
    assert [line.split()[4] for line in rules(engine)] == ["0A01000C"]
    engine.control.masquerade(ForwardingRequest(Command.DELETE, Rule(TCP, LOCAL, 80, TWO, 0)), 0.0)
    assert rules(engine) == []
    for machine in (ONE, TWO):
        engine.control.masquerade(AgentRequest(False, machine), 0.0)
    assert [line.split()[4] for line in rules(engine)] == ["0A01000B"]


@pytest.mark.parametrize(
    ("request_", "errno"),
    [
        (AgentRequest(True, ONE, 0), Errno.EINVAL),
        (AgentRequest(True, ONE, 65536), Errno.EINVAL),
        (AgentRequest(False, ONE), Errno.ESRCH),
        (ForwardingRequest(Command.ADD), Errno.EINVAL),
        (ForwardingRequest(Command.DELETE, Rule(TCP, LOCAL, 80, ONE, 80)), Errno.ESRCH),
    ],
)
def test_refusals(engine: Engine, request_: AgentRequest | ForwardingRequest, errno: Errno) -> None:
    with pytest.raises(ControlError) as refused:
        engine.control.masquerade(request_, 0.0)
    assert refused.value.errno == errno
    assert engine.ns.masquerade is None


def test_what_stands_makes_the_same_again(engine: Engine) -> None:
    assert engine.control.get_masquerade() == []
    done: list[NetworkRequest | ForwardingRequest | AgentRequest] = [
        NETWORK,
        NetworkRequest(True, bytes(4), 0),
        ForwardingRequest(Command.ADD, Rule(UDP, LOCAL, 53, ONE, 53, 1)),
        ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, ONE, 80, 2)),
        ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, TWO, 80, 3)),
        AgentRequest(True, TWO, 9999),
    ]
    for request in done:
        engine.control.masquerade(request, 0.0)
    assert engine.ns.masquerade is not None
    engine.ns.masquerade.least_load.report(TWO, b"5%\n")  # now the rules are others than the administrator's
    standing = engine.control.get_masquerade()
    assert sorted(map(repr, standing)) == sorted(map(repr, done))
    again = Engine(FixedEnvironment([LOCAL]))
    for request in standing:
        again.control.masquerade(request, 0.0)
    again.ns.masquerade.least_load.report(TWO, b"5%\n")  # type: ignore[union-attr]
    assert again.control.get_masquerade() == standing
    for name in ("ip_portfw", "ip_masq_networks"):
        assert again.control.proc(name) == engine.control.proc(name)


def test_rules_for_any_address_serve_nothing_and_are_left_out(engine: Engine) -> None:
    engine.control.masquerade(ForwardingRequest(Command.ADD, Rule(TCP, bytes(4), 80, ONE, 80)), 0.0)
    assert len(rules(engine)) == 1
    assert engine.control.get_masquerade() == []


def test_counters_are_not_part_of_a_rule(engine: Engine) -> None:
    for machine in (ONE, TWO):
        engine.control.masquerade(ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, machine, 80, 2)), 0.0)
    before = sorted(map(repr, engine.control.get_masquerade()))
    portfw = engine.ns.masquerade.portfw  # type: ignore[union-attr]
    portfw.took(portfw.rules(TCP)[0])
    assert sorted(map(repr, engine.control.get_masquerade())) == before
