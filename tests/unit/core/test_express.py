"""When the express way is taken; that it does the same is in tests/properties/test_express.py."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.express import MOST_PASSAGES, Passage, board, express
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, PacketType, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.services.destination import Destination
from pyvs.core.verdict import Verdict, accept, stolen
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import sums_right, tcp, udp

CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"


def established(protocol: int = Proto.TCP) -> Engine:
    engine = Engine(FixedEnvironment([ip_address(VIP).packed]))
    key = ServiceKey(Family.INET, protocol, ip_address(VIP).packed, 80)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(ip_address(REAL).packed, 8080)), 0.0)
    if protocol == Proto.TCP:
        for flags in (2, 16):
            engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, flags), iif="eth0"), Hook.LOCAL_IN, 1.0)
    else:
        engine.receive(Packet(udp(CLIENT, VIP, 40000, 80), iif="eth0"), Hook.LOCAL_IN, 1.0)
    engine.drain()
    return engine


def tried(engine: Engine, data: bytes, hook: Hook = Hook.LOCAL_IN, **given: object) -> Verdict | None:
    packet = Packet(data, iif="eth0")
    for name, value in given.items():
        setattr(packet, name, value)
    return express(engine.ns, packet, hook)


ACKED = tcp(CLIENT, VIP, 40000, 80, 16, data=b"data")


def test_packets_both_ways_take_it() -> None:
    engine = established()
    packet = Packet(ACKED, iif="eth0")
    assert express(engine.ns, packet, Hook.LOCAL_IN) is stolen(Reason.FORWARDED)
    assert packet.data == tcp(CLIENT, REAL, 40000, 8080, 16, data=b"data", ttl=63)
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    assert (command.packet, command.destination) == (packet, ip_address(REAL).packed)
    back = Packet(tcp(REAL, CLIENT, 8080, 40000, 16, data=b"data"), iif="eth1")
    assert express(engine.ns, back, Hook.FORWARD) is accept(Reason.REPLY)
    assert back.data == tcp(VIP, CLIENT, 80, 40000, 16, data=b"data")
    assert back.owned


def test_datagrams_take_it_if_they_have_a_checksum() -> None:
    engine = established(Proto.UDP)
    assert tried(engine, udp(CLIENT, VIP, 40000, 80)) is stolen(Reason.FORWARDED)
    assert tried(engine, udp(REAL, CLIENT, 8080, 40000), Hook.FORWARD) is accept(Reason.REPLY)
    assert tried(engine, udp(CLIENT, VIP, 40000, 80, check=False)) is None


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (tcp(CLIENT, VIP, 40000, 80, 2), {}),
        (tcp(CLIENT, VIP, 40000, 80, 17), {}),
        (tcp(CLIENT, VIP, 40000, 80, 0), {}),
        (tcp(CLIENT, VIP, 40000, 80, 16, ttl=1), {}),
        (tcp(CLIENT, VIP, 40000, 80, 16, data=bytes(1461)), {}),
        (tcp("127.0.0.1", VIP, 40000, 80, 16), {}),
        (tcp(CLIENT, VIP, 40001, 80, 16), {}),
        (ACKED[:-1], {}),
        (ACKED[:39], {}),
        (b"\x46" + ACKED[1:], {}),
        (ACKED[:6] + b"\x20" + ACKED[7:], {}),
        (ACKED, {"owned": True}),
        (ACKED, {"checksum_partial": True}),
        (ACKED, {"type": PacketType.MULTICAST}),
        (b"", {}),
    ],
)
def test_what_is_not_plain_goes_the_long_way_and_nothing_was_done(
    data: bytes, given: dict[str, object]
) -> None:
    engine = established()
    before = engine.ns.stats.inpkts
    assert tried(engine, data, Hook.LOCAL_IN, **given) is None
    assert (engine.ns.stats.inpkts, engine.drain()) == (before, [])


@pytest.mark.parametrize("hook", [Hook.FORWARD, Hook.LOCAL_OUT, Hook.PRE_ROUTING])
def test_requests_take_it_at_local_in_alone(hook: Hook) -> None:
    assert tried(established(), ACKED, hook) is None


@pytest.mark.parametrize("hook", [Hook.LOCAL_IN, Hook.LOCAL_OUT])
def test_replies_take_it_at_forward_alone(hook: Hook) -> None:
    assert tried(established(), tcp(REAL, CLIENT, 8080, 40000, 16), hook) is None


@pytest.mark.parametrize("name", ["nat_icmp_send", "backup_only"])
def test_settings_that_ask_for_the_long_way(name: str) -> None:
    engine = established()
    engine.control.sysctl_write(name, "1", 1.0)
    assert tried(engine, ACKED) is None


def test_a_new_route_a_server_gone_and_a_listener_ask_for_it_too() -> None:
    engine = established()
    engine.ns.environment.update_pmtu(b"....", 1400)
    assert tried(engine, ACKED) is None
    engine = established()
    next(iter(engine.ns.connections)).dest.available = False  # type: ignore[union-attr]
    assert tried(engine, ACKED) is None
    assert tried(engine, tcp(REAL, CLIENT, 8080, 40000, 16), Hook.FORWARD) is None
    engine = established()
    engine.ns.note = lambda room, sentence: None
    assert tried(engine, ACKED) is None


def test_only_plain_nat_connections_board(make: object, dest: Destination) -> None:
    def boards(**given: object) -> bool:
        conn: Connection = make(**given)  # type: ignore[operator]
        conn.express = None
        board(conn)
        return conn.express is not None

    assert boards()
    assert boards(protocol=Proto.UDP)
    assert not boards(protocol=Proto.SCTP)
    assert not boards(dest=None)
    for flag in (ConnFlag.NFCT, ConnFlag.ONE_PACKET, ConnFlag.NO_CPORT, ConnFlag.TEMPLATE):
        assert not boards(flags=flag, protocol=Proto.UDP)
    dest.conn_flags = Forward.DROUTE
    assert not boards()


def test_passages_are_shared_and_bounded(make: object, dest: Destination) -> None:
    one, other = (make(cport=port) for port in (1, 2))  # type: ignore[operator]
    board(one)
    board(other)
    assert one.express is other.express
    for port in range(3 * MOST_PASSAGES):
        board(make(vport=port))  # type: ignore[operator]
        assert len(dest.passages) <= MOST_PASSAGES


def test_a_passage_rewrites_inward(make: object, dest: Destination) -> None:
    passage = Passage(make(), dest)  # type: ignore[operator]
    for hop in (0, 1):
        after = tcp(CLIENT, REAL, 40000, 8080, 16, ttl=64 - hop)
        assert passage.inward(tcp(CLIENT, VIP, 40000, 80, 16), 36, hop) == after
        assert sums_right(passage.inward(udp(CLIENT, VIP, 40000, 80), 26, hop))
