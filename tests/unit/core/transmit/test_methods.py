"""Each forwarding method for itself: what it does to the packet, where it goes, when it can't."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.environment import Route
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.services.destination import Destination
from pyvs.core.transmit import TRANSMITTERS
from pyvs.core.transmit.bypass import bypass
from pyvs.core.transmit.direct import direct
from pyvs.core.transmit.local import local
from pyvs.core.transmit.nat import is_loopback, nat, to_server, was_input
from pyvs.core.transmit.tunnel import tunnel
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.wire import sums_right, tcp, udp

Make = Callable[..., Connection]
CLIENT, VIP, REAL, HERE = "198.51.100.7", "192.0.2.100", "10.1.0.11", "10.1.0.1"


@pytest.fixture
def given(ns: Namespace) -> tuple[Packet, Header]:
    packet = Packet(tcp(CLIENT, VIP, 40000, 80, 2, data=b"data"), iif="eth0")
    ns.hook, ns.header = Hook.LOCAL_IN, parse(packet.data)
    return packet, ns.header


def test_each_method_has_its_function() -> None:
    assert {0: nat, 1: local, 2: tunnel, 3: direct, 4: bypass} == TRANSMITTERS


def test_local_changes_nothing(ns: Namespace, make: Make, given: tuple[Packet, Header]) -> None:
    packet, header = given
    before = packet.data
    assert local(ns, make(), packet, header).reason is Reason.LOCAL_NODE
    assert (packet.data, packet.owned, packet.untracked, ns.commands) == (before, True, True, [])


def test_direct_takes_a_hop_and_keeps_the_addresses(
    ns: Namespace, make: Make, given: tuple[Packet, Header]
) -> None:
    packet, header = given
    assert direct(ns, make(), packet, header).reason is Reason.FORWARDED
    assert packet.data == tcp(CLIENT, VIP, 40000, 80, 2, data=b"data", ttl=63)
    assert packet.ignore_df
    (command,) = ns.commands
    assert isinstance(command, Transmit)
    assert command.destination == ip_address(REAL).packed


def test_bypass_goes_where_the_packet_was_going(ns: Namespace, make: Make) -> None:
    packet = Packet(tcp(CLIENT, "203.0.113.9", 40000, 80, 2), iif="eth0")
    ns.header = parse(packet.data)
    conn = make(dest=None, flags=Forward.BYPASS, daddr="0.0.0.0")
    assert bypass(ns, conn, packet, ns.header).reason is Reason.FORWARDED
    (command,) = ns.commands
    assert isinstance(command, Transmit)
    assert command.destination == ip_address("203.0.113.9").packed
    own = Packet(tcp(CLIENT, HERE, 40000, 80, 2), iif="eth0")
    assert bypass(ns, conn, own, parse(own.data)).reason is Reason.NO_ROUTE


def test_nat_gives_the_servers_address_and_port(
    ns: Namespace, make: Make, given: tuple[Packet, Header]
) -> None:
    packet, header = given
    assert nat(ns, make(), packet, header).reason is Reason.FORWARDED
    assert packet.data == tcp(CLIENT, REAL, 40000, 8080, 2, data=b"data", ttl=63)
    assert packet.ignore_df


def test_nat_with_options_and_unfinished_checksums(ns: Namespace, make: Make) -> None:
    data = tcp(CLIENT, VIP, 40000, 80, 2)
    long = b"\x46" + data[1:2] + (len(data) + 4).to_bytes(2, "big") + data[4:20] + b"\1\1\1\0" + data[20:]
    packet = Packet(long, iif="eth0")
    ns.header = parse(long)
    assert nat(ns, make(), packet, ns.header).reason is Reason.FORWARDED
    assert sums_right(packet.data)
    assert packet.data[24:28] == bytes.fromhex("9c401f90")


def test_nat_learns_the_clients_port(ns: Namespace, make: Make, given: tuple[Packet, Header]) -> None:
    conn = make(cport=0, flags=ConnFlag.NO_CPORT)
    nat(ns, conn, *given)
    assert conn.cport == 40000
    assert not conn.flags & ConnFlag.NO_CPORT


def test_nat_of_a_packet_that_is_cut_drops(ns: Namespace, make: Make) -> None:
    packet = Packet(udp(CLIENT, VIP, 40000, 80)[:24], iif="eth0")
    packet.data = packet.data[:2] + (24).to_bytes(2, "big") + packet.data[4:]
    ns.header = parse(packet.data)
    verdict = nat(ns, make(protocol=Proto.UDP), packet, ns.header)
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.TRUNCATED)
    assert ns.commands == []


def test_a_tunnel_to_this_host_is_none(
    ns: Namespace, make: Make, dest: Destination, given: tuple[Packet, Header]
) -> None:
    dest.addr = ip_address(HERE).packed
    packet, header = given
    before = packet.data
    assert tunnel(ns, make(), packet, header).reason is Reason.LOCAL_NODE
    assert packet.data == before


def test_what_loopback_is(make: Make) -> None:
    assert is_loopback(make(daddr="127.3.2.1"))
    assert not is_loopback(make(cport=2))
    conn = make(cport=3)
    conn.daf = Family.INET6
    conn.daddr = bytes(15) + b"\1"
    assert is_loopback(conn)
    conn.daddr = bytes(15) + b"\2"
    assert not is_loopback(conn)


@pytest.mark.parametrize(
    ("hook", "iif", "outside"),
    [(Hook.LOCAL_IN, "eth0", True), (Hook.LOCAL_IN, "lo", False), (Hook.LOCAL_OUT, "eth0", False),
     (Hook.LOCAL_IN, "", False), (Hook.FORWARD, "eth0", True)],
)  # fmt: skip
def test_what_comes_from_outside(ns: Namespace, hook: Hook, iif: str, outside: bool) -> None:
    ns.hook = hook
    assert was_input(ns, Packet(b"", iif=iif)) == outside


def test_loopback_servers_are_for_local_clients(
    ns: Namespace, make: Make, dest: Destination, given: tuple[Packet, Header]
) -> None:
    packet, header = given
    address = ip_address("127.0.0.1").packed
    ns.environment.local.add(address)  # type: ignore[attr-defined]
    dest.addr = address
    conn = make(daddr="127.0.0.1")
    assert nat(ns, conn, packet, header).reason is Reason.NOT_LOOPBACK
    route = to_server(ns, conn, packet, header)
    assert isinstance(route, Verdict)
    assert route.reason is Reason.NOT_LOOPBACK
    packet.iif = "lo"
    assert nat(ns, conn, packet, header).reason is Reason.LOCAL_NODE


def test_errors_are_not_brought_to_this_host_from_forward(
    ns: Namespace, make: Make, dest: Destination, given: tuple[Packet, Header]
) -> None:
    packet, header = given
    dest.addr = ip_address(HERE).packed
    conn = make(daddr=HERE)
    ns.hook = Hook.FORWARD
    refused = to_server(ns, conn, packet, header)
    assert isinstance(refused, Verdict)
    assert refused.reason is Reason.NO_ROUTE
    ns.hook = Hook.LOCAL_IN
    assert isinstance(to_server(ns, conn, packet, header), Route)
