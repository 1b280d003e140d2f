"""The register and its rows, judged by scapy where it knows the link type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.all import IP, UDP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, IPv6, Loopback

from pyvs.core.flags import PacketType
from pyvs.datapath.link import LINK_TYPES, LinkHeader

PACKET = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP())
PACKET6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP())
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def parse(number: int, data: bytes) -> LinkHeader:
    header = LINK_TYPES[number].parse(data)
    assert header is not None
    return header


def test_the_register_knows_each_by_its_number() -> None:
    assert all(number == link.number for number, link in LINK_TYPES.items())


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


def test_cooked() -> None:
    address = b"\x02\0\0\0\0\7"
    v1 = bytes(CookedLinux(pkttype=4, lladdrtype=1, lladdrlen=6, src=address, proto=0x0800) / IP())
    header = parse(113, v1)
    assert (header.protocol, header.offset, header.type) == (0x0800, 16, PacketType.OUTGOING)
    assert header.source == address
    assert LINK_TYPES[113].build(header) == v1[:16]
    v2 = bytes(
        CookedLinuxV2(pkttype=0, ifindex=3, lladdrtype=1, lladdrlen=6, src=address, proto=0x86DD) / IPv6()
    )
    header = parse(276, v2)
    assert (header.protocol, header.offset, header.type) == (0x86DD, 20, PacketType.HOST)
    assert (header.source, header.ifindex) == (address, 3)
    assert LINK_TYPES[276].build(header) == v2[:20]


@pytest.mark.parametrize("number", [101, 12, 14])
def test_raw_asks_the_version(number: int) -> None:
    assert parse(number, PACKET)[:2] == (0x0800, 0)
    assert parse(number, PACKET6)[:2] == (0x86DD, 0)
    assert parse(number, b"\x00").protocol == 0
    assert LINK_TYPES[number].build(parse(number, PACKET)) == b""


def test_raw_of_one_family() -> None:
    assert parse(228, PACKET).protocol == 0x0800
    assert parse(229, PACKET6).protocol == 0x86DD


@pytest.mark.parametrize("family", [24, 28, 30])
def test_null_in_either_order(family: int) -> None:
    assert parse(0, bytes(Loopback(type=2) / IP()))[:2] == (0x0800, 4)
    assert parse(0, family.to_bytes(4, "little") + PACKET6)[:2] == (0x86DD, 4)
    assert parse(0, family.to_bytes(4, "big") + PACKET6)[:2] == (0x86DD, 4)
    assert parse(108, family.to_bytes(4, "big") + PACKET6)[:2] == (0x86DD, 4)


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=40))
def test_any_bytes_are_a_header_within_them_or_none(number: int, data: bytes) -> None:
    header = LINK_TYPES[number].parse(data)
    if header is not None:
        assert header.offset <= len(data)


@given(
    st.sampled_from(sorted(LINK_TYPES)),
    st.sampled_from([0x0800, 0x86DD]),
    st.binary(min_size=6, max_size=6),
    st.lists(st.integers(0, 0xFFFF), max_size=3),
)
def test_what_is_built_is_parsed(number: int, protocol: int, mac: bytes, tags: list[int]) -> None:
    link = LINK_TYPES[number]
    stacked = b"".join(b"\x81\x00" + tag.to_bytes(2, "big") for tag in tags)
    built = link.build(LinkHeader(protocol, 0, source=mac, destination=mac, tags=stacked))
    payload = PACKET if protocol == 0x0800 else PACKET6
    header = link.parse(built + payload)
    assert header is not None
    if number not in (228, 229):
        assert header.protocol == protocol
    assert header.offset == len(built)
    if link.has_addresses:
        assert (header.source, header.tags) == (mac, stacked)
