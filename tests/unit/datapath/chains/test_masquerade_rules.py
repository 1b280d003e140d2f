"""What of masquerading is queued."""

from __future__ import annotations

import pytest

from pyvs.core.flags import Family, Hook
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest, perform
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.datapath.chains.rules import Aim, tables
from pyvs.datapath.chains.watch import watch
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import TCP, address, tcp

LOCAL, ONE, TWO = address("192.0.2.1"), address("10.1.0.11"), address("10.1.0.12")
AIM = Aim(queue=5, gso_queue=6, own_mark=1)


@pytest.fixture
def ns() -> Namespace:
    return Namespace(FixedEnvironment([LOCAL]))


def rules(ns: Namespace, chain: str) -> list[str]:
    text = tables(watch(ns, Family.INET), AIM)
    return [line.split(" ", 2)[2] for line in text.splitlines() if line.startswith(f"-A {chain} ")]


def test_nothing_without_masquerading(ns: Namespace) -> None:
    assert rules(ns, "PYVS-INPUT") == rules(ns, "PYVS-FORWARD") == []


def test_a_network(ns: Namespace) -> None:
    perform(ns, NetworkRequest(True, address("10.1.0.0"), 24))
    assert "-s 10.1.0.0/24 ! -d 10.1.0.0/24 -j NFQUEUE --queue-num 5" in rules(ns, "PYVS-FORWARD")
    inward = rules(ns, "PYVS-INPUT")
    assert "-f -j NFQUEUE --queue-num 5" in inward
    assert "-p tcp -m tcp --dport 61000:65095 -j NFQUEUE --queue-num 5" in inward
    assert "-p udp -m udp --dport 61000:65095 -j NFQUEUE --queue-num 5" in inward
    for kind in (0, 14, 16, 18):
        assert f"-p icmp -m icmp --icmp-type {kind} -j NFQUEUE --queue-num 5" in inward
    assert not watch(ns, Family.INET6)


def test_a_forwarded_port_and_its_machine(ns: Namespace) -> None:
    perform(ns, ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, ONE, 8080)))
    assert "-d 192.0.2.1 -p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 5" in rules(ns, "PYVS-INPUT")
    assert "-s 10.1.0.11 -p tcp -m tcp --sport 8080 -j NFQUEUE --queue-num 6" in rules(ns, "PYVS-FORWARD")


def test_all_machines_that_may_be_chosen(ns: Namespace) -> None:
    for machine in (ONE, TWO):
        perform(ns, ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, machine, 80)))
        perform(ns, AgentRequest(True, machine, 9))
    for name in ("10.1.0.11", "10.1.0.12"):
        assert f"-s {name} -p tcp -m tcp --sport 80 -j NFQUEUE --queue-num 6" in rules(ns, "PYVS-FORWARD")


def test_a_removed_machine_with_a_connection(ns: Namespace) -> None:
    perform(ns, ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, ONE, 8080)))
    assert ns.masquerade is not None
    packet = Packet(tcp("203.0.113.9", 5, LOCAL, 80))
    ns.masquerade.receive(packet, parse(packet.data), Hook.LOCAL_IN)
    perform(ns, ForwardingRequest(Command.FLUSH))
    assert any("--dport 80 " in line for line in rules(ns, "PYVS-INPUT"))
    assert any("-s 10.1.0.11 " in line for line in rules(ns, "PYVS-FORWARD"))
