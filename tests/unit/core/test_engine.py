"""The face of it: packets, time, what is drained, what is explained."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pyvs.core.command import Output, Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.services.destination import Destination
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import ip, tcp, udp

CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"
KEY = ServiceKey(Family.INET, Proto.TCP, ip_address(VIP).packed, 80)


def director(**given: object) -> Engine:
    engine = Engine(FixedEnvironment([ip_address(VIP).packed]), **given)  # type: ignore[arg-type]
    engine.control.new_service(ServiceSpec(KEY, "rr"), 0.0)
    engine.control.new_dest(KEY, DestSpec(DestKey(ip_address(REAL).packed, 80)), 0.0)
    return engine


def syn(port: int = 40000) -> Packet:
    return Packet(tcp(CLIENT, VIP, port, 80, 2), iif="eth0")


def test_two_engines_share_nothing() -> None:
    one, other = director(), director()
    one.receive(syn(), Hook.LOCAL_IN, 1.0)
    one.control.sysctl_write("sloppy_tcp", "1", 1.0)
    one.ns.protocols[Proto.TCP].timeouts[1] = 5.0
    assert one.ns.connections.count == 1
    assert other.ns.connections.count == 0
    assert other.control.sysctl_read("sloppy_tcp") == "0"
    assert other.ns.protocols[Proto.TCP].timeouts[1] == 900.0
    assert other.drain() == []
    assert not other.ns.reasons


def test_commands_are_drained_once_and_in_order() -> None:
    engine = director()
    engine.receive(syn(1), Hook.LOCAL_IN, 1.0)
    dying = Packet(tcp(CLIENT, VIP, 2, 80, 2, ttl=1), iif="eth0")
    engine.receive(dying, Hook.LOCAL_IN, 1.0)
    assert [type(command) for command in engine.drain()] == [Transmit, Output]
    assert engine.drain() == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", Reason.TRUNCATED), (b"\x45", Reason.TRUNCATED), (bytes(40), Reason.BAD_HEADER),
     (tcp(CLIENT, VIP, 1, 80, 2)[:30], Reason.TRUNCATED), (b"\x41" + bytes(39), Reason.BAD_HEADER)],
)  # fmt: skip
def test_what_is_no_packet_is_the_hosts_to_judge(data: bytes, reason: Reason) -> None:
    engine = director()
    verdict = engine.receive(Packet(data), Hook.LOCAL_IN, 1.0)
    assert (verdict.action, verdict.reason, engine.ns.reasons[reason]) == (Action.ACCEPT, reason, 1)


def test_every_verdict_is_counted() -> None:
    engine = director()
    for number in range(5):
        engine.receive(syn(number), Hook.LOCAL_IN, 1.0)
        engine.receive(Packet(udp(CLIENT, VIP, 1, 53)), Hook.LOCAL_IN, 1.0)
    assert engine.ns.reasons == {Reason.FORWARDED: 5, Reason.NO_SERVICE: 5}


def test_without_a_service_of_the_family_nothing_is_looked_at() -> None:
    engine = director()
    six = Packet(tcp("2001:db8::7", "2001:db8::100", 1, 80, 2))
    assert engine.receive(six, Hook.LOCAL_IN, 1.0).reason is Reason.NO_SERVICES
    engine.control.del_service(KEY, 1.0)
    assert engine.receive(syn(), Hook.LOCAL_IN, 1.0).reason is Reason.NO_SERVICES


def test_hooks_that_are_not_ours_pass() -> None:
    engine = director()
    for hook in (Hook.PRE_ROUTING, Hook.POST_ROUTING):
        assert engine.receive(syn(), hook, 1.0).reason is Reason.NO_CONNECTION


def test_our_own_packets_pass_everywhere() -> None:
    engine = director()
    for hook in Hook:
        packet = syn()
        packet.owned = True
        assert engine.receive(packet, hook, 1.0).reason is Reason.OWN


def test_the_last_fragment_becomes_the_whole_packet() -> None:
    engine = director()
    whole = tcp(CLIENT, VIP, 40000, 80, 2, data=bytes(80), df=False)
    first = Packet(ip(CLIENT, VIP, 6, whole[20:68], df=False, fragment=0x2000), iif="eth0")
    last = Packet(ip(CLIENT, VIP, 6, whole[68:], df=False, fragment=6), iif="eth0")
    assert engine.receive(first, Hook.LOCAL_IN, 1.0).reason is Reason.FRAGMENT_QUEUED
    assert engine.drain() == []
    assert engine.receive(last, Hook.LOCAL_IN, 1.0).reason is Reason.FORWARDED
    assert last.pieces == (48, 52)
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    assert command.packet is last


def test_fragments_of_what_is_not_ours_pass() -> None:
    engine = director()
    for word in (0x2000, 0x2005):
        packet = Packet(ip(CLIENT, VIP, Proto.GRE, bytes(16), df=False, fragment=word))
        verdict = engine.receive(packet, Hook.LOCAL_IN, 1.0)
        assert verdict.action is Action.ACCEPT
    assert len(engine.ns.reassembly) == 0


def test_a_spoilt_fragment_is_dropped_since_others_were_taken() -> None:
    engine = director()
    verdict = engine.receive(Packet(ip(CLIENT, VIP, 6, b"", df=False, fragment=1)), Hook.LOCAL_IN, 1.0)
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.BAD_FRAGMENT)


def test_time_passes_in_stretches() -> None:
    engine = director()
    for number in range(10):
        engine.receive(syn(number + 1), Hook.LOCAL_IN, 1.0)
    assert engine.next_timeout() == 1.0  # what goes on without packets, each second
    engine.handle_timeouts(61.0, limit=4)
    assert engine.ns.connections.count == 6
    assert engine.next_timeout() <= 61.0
    engine.handle_timeouts(61.0, limit=4)
    engine.handle_timeouts(61.0, limit=4)
    assert engine.ns.connections.count == 0
    assert engine.next_timeout() > 61.0


def test_the_next_timeout_is_that_of_the_earliest() -> None:
    engine = director(now=1000.0)
    assert engine.next_timeout() == 1001.0
    engine.control.sysctl_write("expire_nodest_conn", "1", 1000.0)
    engine.control.del_dest(KEY, DestKey(ip_address(REAL).packed, 80), 1000.5)
    assert engine.next_timeout() == pytest.approx(1000.51)


def test_explaining_does_the_same_and_tells_it() -> None:
    engine, silent = director(), director()
    packet = syn()
    verdict, steps = engine.explain(packet, Hook.LOCAL_IN, 1.0)
    assert verdict is silent.receive(syn(), Hook.LOCAL_IN, 1.0)
    assert [room for room, _ in steps] == [
        "hook", "verdict", "hook", "connection", "service", "scheduler", "state", "transmit", "verdict",
    ]  # fmt: skip
    assert any("10.1.0.11:80" in sentence for _, sentence in steps)
    assert engine.ns.note is None
    _, steps = engine.explain(Packet(tcp(CLIENT, VIP, 40000, 80, 16)), Hook.LOCAL_IN, 1.0)
    assert ("connection", "found, SYN_RECV") in steps


def test_what_can_not_be_read_is_explained_too() -> None:
    _, steps = director().explain(Packet(b"\x45"), Hook.LOCAL_IN, 1.0)
    assert steps == [("packet", Reason.TRUNCATED.sentence)]


def test_a_scheduler_of_the_users_own() -> None:
    class Last(RoundRobin):
        name = "last"

        def pick(self, request: Request) -> Destination | None:
            return self.service.destinations[-1]

    engine = Engine(FixedEnvironment([ip_address(VIP).packed]), schedulers={"last": Last})
    engine.control.new_service(ServiceSpec(KEY, "last"), 0.0)
    for number in (11, 12):
        engine.control.new_dest(KEY, DestSpec(DestKey(bytes((10, 1, 0, number)), 80)), 0.0)
    for port in (1, 2, 3):
        engine.receive(syn(port), Hook.LOCAL_IN, 1.0)
    sent = [command.destination for command in engine.drain() if isinstance(command, Transmit)]
    assert sent == [bytes((10, 1, 0, 11))] * 3
