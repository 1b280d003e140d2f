"""Masquerading beside IPVS in one engine: who takes which packet, and the timers."""

from __future__ import annotations

import pytest

from pyvs.core.command import Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Hook
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import ACK, SYN, TCP, address, checksums_right, ipv4, tcp, udp

MADDR, INSIDE, SERVER, OUT = (address(text) for text in ("192.0.2.1", "10.1.0.5", "10.1.0.11", "203.0.113.9"))


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment([MADDR]))
    masquerade = engine.ns.masquerade = Masquerade(engine.ns)
    masquerade.add_network(address("10.1.0.0"), 24, MADDR)
    return engine


def add_service(engine: Engine) -> None:
    key = ServiceKey(Family.INET, TCP, MADDR, 80)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(SERVER, 8080)), 0.0)


@pytest.mark.parametrize("services", [False, True])
def test_out_and_back(engine: Engine, services: bool) -> None:
    if services:
        add_service(engine)
    packet = Packet(tcp(INSIDE, 40000, OUT, 80))
    verdict = engine.receive(packet, Hook.FORWARD, 1.0)
    assert (verdict.action, verdict.reason) == (Action.ACCEPT, Reason.MASQUERADED)
    assert packet.data[12:16] == MADDR
    reply = Packet(tcp(OUT, 80, MADDR, 61000, SYN | ACK))
    assert engine.receive(reply, Hook.LOCAL_IN, 1.1).action is Action.STOLEN
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    assert command.packet.data[16:20] == INSIDE
    assert engine.receive(command.packet, Hook.LOCAL_OUT, 1.1).reason is Reason.OWN


def test_a_service_comes_before_a_forwarded_port(engine: Engine) -> None:
    assert engine.ns.masquerade is not None
    engine.ns.masquerade.portfw.add(TCP, MADDR, 80, INSIDE, 80, 1)
    add_service(engine)
    assert engine.receive(Packet(tcp(OUT, 1, MADDR, 80)), Hook.LOCAL_IN, 1.0).reason is Reason.FORWARDED
    reply = Packet(tcp(SERVER, 8080, OUT, 1, SYN | ACK))
    assert engine.receive(reply, Hook.FORWARD, 1.0).reason is Reason.REPLY
    assert reply.data[20:22] == (80).to_bytes(2, "big")


def test_fragments_are_put_together_first(engine: Engine) -> None:
    whole = udp(INSIDE, 40000, OUT, 53, bytes(range(200)) * 10)
    parts = [
        ipv4(INSIDE, OUT, 17, whole[20 + at : 20 + at + 800], fragment=at // 8 | more)
        for at, more in ((0, 0x2000), (800, 0x2000), (1600, 0))
    ]
    for part in parts[:2]:
        assert engine.receive(Packet(part), Hook.FORWARD, 1.0).reason is Reason.FRAGMENT_QUEUED
    packet = Packet(parts[2])
    assert engine.receive(packet, Hook.FORWARD, 1.0).reason is Reason.MASQUERADED
    assert packet.fragment_size
    assert checksums_right(packet.data)


def test_timers_run_with_the_engine_s(engine: Engine) -> None:
    engine.receive(Packet(udp(INSIDE, 40000, OUT, 53)), Hook.FORWARD, 1.0)
    assert engine.ns.masquerade is not None
    now = 1.0
    while len(engine.ns.masquerade.table):
        now = max(engine.next_timeout(), now + 0.01)
        engine.handle_timeouts(now)
        assert now < 400
    assert now >= 301


def test_packets_are_explained(engine: Engine) -> None:
    verdict, _steps = engine.explain(Packet(tcp(INSIDE, 40000, OUT, 80)), Hook.FORWARD, 1.0)
    assert "leave under the director's address" in verdict.reason.sentence


def test_without_masquerading_nothing_changes() -> None:
    engine = Engine(FixedEnvironment([MADDR]))
    packet = Packet(tcp(INSIDE, 40000, OUT, 80))
    assert engine.receive(packet, Hook.FORWARD, 1.0).reason is Reason.NO_SERVICES
    assert packet.data == tcp(INSIDE, 40000, OUT, 80)
