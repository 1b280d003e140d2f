from scapy.all import IP, Dot1AD, Dot1Q, Ether, IPv6

from pyvs.core.flags import PacketType
from pyvs.datapath.link import LINK_TYPES, LinkHeader

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def parse(number: int, data: bytes) -> LinkHeader:
    header = LINK_TYPES[number].parse(data)
    assert header is not None
    return header


def test_ethernet() -> None:
    header = parse(1, bytes(Ether(**MACS) / IP()))
    assert header == (
        0x0800,
        14,
        PacketType.HOST,
        bytes.fromhex("020000000001"),
        bytes.fromhex("020000000002"),
        b"",
        0,
    )
    assert header.is_ip
    assert parse(1, bytes(Ether(dst="ff:ff:ff:ff:ff:ff") / IP())).type == PacketType.BROADCAST
    assert parse(1, bytes(Ether(dst="01:00:5e:00:00:51") / IP())).type == PacketType.MULTICAST


def test_ethernet_with_tags() -> None:
    frame = bytes(Ether(**MACS) / Dot1AD(vlan=100) / Dot1Q(vlan=7, prio=3) / IPv6())
    header = parse(1, frame)
    assert (header.protocol, header.offset) == (0x86DD, 22)
    assert header.tags == bytes.fromhex("88a8006481006007")
    assert LINK_TYPES[1].build(header) == frame[:22]


def test_a_length_is_no_ethertype() -> None:
    assert parse(1, bytes(12) + b"\x00\x26" + b"\x42\x42\x03").protocol == 0
