from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, IPerror
from scapy.layers.inet6 import IPv6

from pyvs.core.command import Output
from pyvs.core.flags import Hook, PacketType
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.transmit import icmp
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import icmp as message
from pyvs.testing.wire import ip, sums_right, tcp, udp

CLIENT, VIP = "198.51.100.7", "192.0.2.100"
CLIENT6, VIP6 = "2001:db8:c::7", "2001:db8::100"


def about(
    ns: Namespace, data: bytes, hook: Hook = Hook.LOCAL_IN, kind: PacketType = PacketType.HOST
) -> list[bytes]:
    ns.hook = hook
    packet = Packet(data, type=kind)
    icmp.port_unreachable(ns, packet, parse(data))
    sent = [command.packet.data for command in ns.commands if isinstance(command, Output)]
    ns.commands.clear()
    return sent


def test_an_error_as_others_read_it(ns: Namespace) -> None:
    data = udp(CLIENT, VIP, 40000, 53, b"query", tos=0x18)
    (sent,) = about(ns, data)
    packet = IP(sent)
    assert (packet.src, packet.dst, packet.ttl, packet.tos, packet.flags) == (VIP, CLIENT, 64, 0xD8, 0)
    assert (packet[ICMP].type, packet[ICMP].code) == (3, 3)
    assert bytes(packet[IPerror]) == data
    assert sums_right(sent)


def test_the_same_over_ipv6(ns: Namespace) -> None:
    data = udp(CLIENT6, VIP6, 40000, 53, b"query")
    (sent,) = about(ns, data)
    packet = IPv6(sent)
    assert (packet.src, packet.dst, packet.hlim, packet.nh) == (VIP6, CLIENT6, 64, 58)
    assert sent[40:42] == b"\x01\x04"
    assert sent[48:] == data
    assert packet.fl != 0
    assert sums_right(sent)


@pytest.mark.parametrize(
    ("tell", "four", "six"),
    [
        (icmp.port_unreachable, (3, 3), (1, 4)),
        (icmp.host_unreachable, (3, 1), (1, 3)),
        (icmp.time_exceeded, (11, 0), (3, 0)),
    ],
)
def test_kinds_and_codes(ns: Namespace, tell: object, four: tuple[int, int], six: tuple[int, int]) -> None:
    ns.hook = Hook.LOCAL_IN
    for data, expected in ((tcp(CLIENT, VIP, 1, 2, 2), four), (tcp(CLIENT6, VIP6, 1, 2, 2), six)):
        tell(ns, Packet(data), parse(data))  # type: ignore[operator]
        command = ns.commands.pop()
        assert isinstance(command, Output)
        at = parse(command.packet.data).offset
        assert tuple(command.packet.data[at : at + 2]) == expected


def test_how_much_fits_is_told(ns: Namespace) -> None:
    for data, kind in ((tcp(CLIENT, VIP, 1, 2, 2), (3, 4)), (tcp(CLIENT6, VIP6, 1, 2, 2), (2, 0))):
        icmp.too_big(ns, Packet(data), parse(data), 1400)
        command = ns.commands.pop()
        assert isinstance(command, Output)
        sent, at = command.packet.data, parse(command.packet.data).offset
        assert (*sent[at : at + 2], int.from_bytes(sent[at + 4 : at + 8])) == (*kind, 1400)


def test_long_packets_are_quoted_as_far_as_allowed(ns: Namespace, environment: FixedEnvironment) -> None:
    (four,) = about(ns, tcp(CLIENT, VIP, 1, 2, 2, data=bytes(1400)))
    (six,) = about(ns, tcp(CLIENT6, VIP6, 1, 2, 2, data=bytes(1400)))
    assert (len(four), len(six)) == (576, 1280)
    environment.devices = {"eth0": 300}
    (less,) = about(ns, tcp(CLIENT, VIP, 1, 2, 2, data=bytes(1400)))
    assert len(less) == 300


def test_errors_about_errors_are_not_sent(ns: Namespace) -> None:
    for kind in (3, 4, 5, 11, 12):
        assert about(ns, message(CLIENT, VIP, kind, 0)) == []
    assert len(about(ns, message(CLIENT, VIP, 8, 0))) == 1
    assert about(ns, message(CLIENT, VIP, 99, 0)) == []
    assert about(ns, ip(CLIENT, VIP, 1, b"")) == []
    for kind in (1, 2, 3, 4, 127):
        assert about(ns, message(CLIENT6, VIP6, kind, 0)) == []
    assert len(about(ns, message(CLIENT6, VIP6, 128, 0))) == 1
    assert about(ns, ip(CLIENT6, VIP6, 58, b"")) == []


def test_only_about_first_fragments(ns: Namespace) -> None:
    assert about(ns, ip(CLIENT, VIP, 17, bytes(16), df=False, fragment=2)) == []
    assert len(about(ns, ip(CLIENT, VIP, 17, bytes(16), df=False, fragment=0x2000))) == 1
    assert about(ns, ip(CLIENT6, VIP6, 44, bytes((17, 0, 0, 8)) + bytes(12))) == []


def test_nobody_is_told_about_what_was_for_many(ns: Namespace) -> None:
    data = udp(CLIENT, VIP, 1, 2)
    assert about(ns, data, kind=PacketType.BROADCAST) == []
    assert len(about(ns, data, Hook.LOCAL_OUT, PacketType.OUTGOING)) == 1
    assert about(ns, udp("::", VIP6, 1, 2)) == []
    assert about(ns, udp("ff02::1", VIP6, 1, 2)) == []


def test_from_where(ns: Namespace) -> None:
    """From the address that was spoken to, if it is ours; from our own towards the sender else."""
    (forwarded,) = about(ns, udp(CLIENT, "203.0.113.5", 1, 2), Hook.FORWARD)
    assert IP(forwarded).src == "10.1.0.1"
    (own,) = about(ns, udp(CLIENT, VIP, 1, 2), Hook.FORWARD)
    assert IP(own).src == VIP
    (accepted,) = about(ns, udp(CLIENT, "203.0.113.5", 1, 2), Hook.LOCAL_IN)
    assert IP(accepted).src == "203.0.113.5"


def test_without_a_way_back_nothing_is_sent(ns: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ns.environment, "route", lambda *_, **__: None)
    assert about(ns, udp(CLIENT, VIP, 1, 2)) == []
    assert about(ns, udp(CLIENT6, VIP6, 1, 2)) == []
