"""Which packets begin a connection, for which service, with what ends."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.scheduling import begin as room
from pyvs.core.verdict import Verdict
from pyvs.testing.playbook import Playbook, accepted, end, nat, segment, syn
from pyvs.testing.wire import ip, tcp, udp

CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"
Begin = Callable[..., Connection | Reason]


def key(port: int = 80, protocol: int = Proto.TCP) -> ServiceKey:
    return ServiceKey(Family.INET, protocol, ip_address(VIP).packed, port)


def add(engine: Engine, which: ServiceKey, port: int = 8080, scheduler: str = "rr", flags: int = 0) -> None:
    engine.control.new_service(ServiceSpec(which, scheduler, flags=flags), 0.0)
    engine.control.new_dest(which, DestSpec(DestKey(ip_address(REAL).packed, port), Forward.MASQ), 0.0)


@pytest.fixture
def begin(engine: Engine) -> Begin:
    def offer(data: bytes, *, icmp: bool = False, mark: int = 0, iif: str = "eth0") -> Connection | Reason:
        ns = engine.ns
        packet = Packet(data, mark=mark, iif=iif)
        ns.hook, ns.header = Hook.LOCAL_IN, parse(packet.data)
        header = parse(packet.data)
        header.icmp = header.inverse = icmp
        found = room.begin(ns, packet, header, ns.protocols[header.protocol])
        return found.reason if isinstance(found, Verdict) else found

    return offer


def test_a_connection_takes_its_ends_from_packet_and_server(engine: Engine, begin: Begin) -> None:
    add(engine, key())
    conn = begin(tcp(CLIENT, VIP, 40000, 80, 2))
    assert isinstance(conn, Connection)
    assert (conn.caddr, conn.cport) == (ip_address(CLIENT).packed, 40000)
    assert (conn.vaddr, conn.vport) == (ip_address(VIP).packed, 80)
    assert (conn.daddr, conn.dport) == (ip_address(REAL).packed, 8080)
    assert engine.ns.stats.conns == 1


def test_a_quoted_packet_is_read_backwards(engine: Engine, begin: Begin) -> None:
    add(engine, key())
    conn = begin(tcp(VIP, CLIENT, 80, 40000, 16), icmp=True)
    assert isinstance(conn, Connection)
    assert (conn.caddr, conn.cport, conn.vport) == (ip_address(CLIENT).packed, 40000, 80)


def test_a_server_without_port_gets_the_one_that_was_asked_for(engine: Engine, begin: Begin) -> None:
    by_mark = ServiceKey(Family.INET, fwmark=7)
    add(engine, by_mark, 0)
    conn = begin(tcp(CLIENT, VIP, 40000, 1234, 2), mark=7)
    assert isinstance(conn, Connection)
    assert (conn.dport, conn.fwmark) == (1234, 7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tcp(CLIENT, VIP, 40000, 80, 16), Reason.NOT_AN_OPENER),
        (tcp(CLIENT, VIP, 40000, 81, 2), Reason.NO_SERVICE),
        (tcp(CLIENT, "192.0.2.101", 40000, 80, 2), Reason.NO_SERVICE),
        (udp(CLIENT, VIP, 40000, 80), Reason.NO_SERVICE),
        (tcp(CLIENT, VIP, 20, 80, 2), Reason.NOT_SCHEDULED),
        (ip(CLIENT, VIP, Proto.TCP, bytes(19)), Reason.TRUNCATED),
        (ip(CLIENT, VIP, Proto.UDP, bytes(24), df=False, fragment=4), Reason.LATER_FRAGMENT),
    ],
)
def test_what_begins_nothing(engine: Engine, begin: Begin, data: bytes, reason: Reason) -> None:
    add(engine, key())
    assert begin(data) is reason
    assert engine.ns.connections.count == 0


def test_the_defence_drops_before_a_server_is_asked(
    engine: Engine, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(engine, key())
    monkeypatch.setattr(room, "todrop", lambda ns: True)
    assert begin(tcp(CLIENT, VIP, 40000, 80, 2)) is Reason.DROP_PACKET
    assert begin(tcp(CLIENT, VIP, 40000, 81, 2)) is Reason.NO_SERVICE


def test_a_service_for_all_ports_needs_persistence_to_serve_them(engine: Engine, begin: Begin) -> None:
    add(engine, key(0), 0)
    assert begin(tcp(CLIENT, VIP, 40000, 80, 2)) is Reason.NO_DESTINATION
    engine.control.set_service(ServiceSpec(key(0), "rr", flags=int(ServiceFlag.PERSISTENT), timeout=60), 0.0)
    conn = begin(tcp(CLIENT, VIP, 40000, 80, 2))
    assert isinstance(conn, Connection)
    assert (conn.vport, conn.dport) == (80, 80)


def test_a_service_without_scheduler_serves_nobody(engine: Engine, begin: Begin) -> None:
    add(engine, key(), scheduler="none")
    assert begin(tcp(CLIENT, VIP, 40000, 80, 2)) is Reason.NO_DESTINATION


@pytest.mark.parametrize("iif", ["lo", ""])
def test_replies_of_servers_on_this_host_begin_nothing(engine: Engine, begin: Begin, iif: str) -> None:
    add(engine, key())
    add(engine, ServiceKey(Family.INET, Proto.TCP, ip_address(CLIENT).packed, 40000))
    assert isinstance(begin(tcp(CLIENT, VIP, 40000, 80, 2)), Connection)
    assert begin(tcp(VIP, CLIENT, 80, 40000, 18), iif=iif) is Reason.NOT_SCHEDULED
    assert isinstance(begin(tcp(VIP, CLIENT, 80, 40000, 18)), Connection)


def test_one_packet_connections_are_of_udp_alone(engine: Engine, begin: Begin) -> None:
    once = int(ServiceFlag.ONEPACKET)
    add(engine, key(), flags=once)
    add(engine, key(53, Proto.UDP), flags=once)
    web, dns = begin(tcp(CLIENT, VIP, 1, 80, 2)), begin(udp(CLIENT, VIP, 1, 53))
    assert isinstance(web, Connection)
    assert isinstance(dns, Connection)
    assert not web.flags & ConnFlag.ONE_PACKET
    assert dns.flags & ConnFlag.ONE_PACKET


def test_from_the_outside_it_reads_like_this() -> None:
    client, real = end("198.51.100.7:40000"), end("10.1.0.11:8080")
    with Playbook(end("192.0.2.100:80"), servers=[real]) as wire:
        wire >> segment(end("198.51.100.7:20"), None, 2) << accepted("NOT_SCHEDULED")
        wire >> syn(client) << nat(to=real)
