"""The builders of packets against a dissector that is not ours."""

from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from pyvs.core.packet.header import parse
from pyvs.testing import packets, wire

ENDS = [("198.51.100.7", "192.0.2.100"), ("2001:db8::7", "2001:db8::100")]


def again(data: bytes) -> bytes:
    """The same packet with its lengths and checksums left to the dissector."""
    packet = (IPv6 if data[0] >> 4 == 6 else IP)(data)
    for layer in (packet, packet.payload):
        for name in ("chksum", "cksum", "len", "plen"):
            if name in layer.fields:
                delattr(layer, name)
    return bytes(packet)


@pytest.mark.parametrize(("src", "dst"), ENDS)
def test_tcp_udp_and_icmp_are_right(src: str, dst: str) -> None:
    for data in (
        wire.tcp(src, dst, 40000, 80, 0x12, data=b"odd", options=b"\x02\x04\x05\xb4"),
        wire.udp(src, dst, 40000, 53, b"query"),
        wire.icmp(src, dst, 1, 2, 3, b"quoted"),
    ):
        assert again(data) == data
        assert wire.sums_right(data)


@pytest.mark.parametrize(("src", "dst"), ENDS)
def test_a_changed_byte_spoils_the_sum(src: str, dst: str) -> None:
    for data in (
        wire.tcp(src, dst, 40000, 80, 0x12, data=b"data"),
        wire.udp(src, dst, 40000, 53, b"query"),
        wire.icmp(src, dst, 1, 2, 3, b"quoted"),
        wire.sctp(src, dst, 40000, 2905, 7, (1, 0, b"init")),
    ):
        assert wire.sums_right(data)
        assert not wire.sums_right(data[:-1] + bytes([data[-1] ^ 1]))
        assert (
            not wire.sums_right(data[:12] + bytes([data[12] ^ 1]) + data[13:]) or parse(data).protocol == 132
        )


def test_a_datagram_without_checksum_is_right_over_ipv4_only() -> None:
    assert wire.sums_right(wire.udp(*ENDS[0], 1, 2, b"x", check=False))
    assert not wire.sums_right(wire.udp(*ENDS[1], 1, 2, b"x", check=False))


def test_fields_stand_where_they_belong() -> None:
    packet = IP(
        wire.ip("10.0.0.1", "10.0.0.2", 17, bytes(8), ttl=3, ident=5, df=False, tos=8, fragment=0x2003)
    )
    assert (packet.src, packet.dst, packet.ttl, packet.id, packet.tos) == ("10.0.0.1", "10.0.0.2", 3, 5, 8)
    assert (packet.flags, packet.frag, packet.len) == ("MF", 3, 28)
    assert IP(wire.tcp("10.0.0.1", "10.0.0.2", 1, 2, 2, seq=7, ack=9))[TCP].seq == 7


def test_the_other_spelling_makes_the_same_packets() -> None:
    src, dst = ENDS[0]
    assert packets.tcp(src, 1, ip_address(dst).packed, 2, 0x10, data=b"d") == wire.tcp(
        src, dst, 1, 2, 0x10, data=b"d"
    )
    assert packets.udp(src, 1, dst, 2, check=False) == wire.udp(src, dst, 1, 2, b"?", check=False)
    assert packets.ipv4(src, dst, 4, b"x", fragment=0x2000) == wire.ip(
        src, dst, 4, b"x", df=False, fragment=0x2000
    )
    assert IP(packets.icmp(src, dst, 3, 4, 1400, b"q"))[ICMP].nexthopmtu == 1400
    assert IP(packets.udp(src, 1, dst, 2))[UDP].dport == 2
