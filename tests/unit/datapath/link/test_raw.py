import pytest
from scapy.all import IP, UDP, IPv6

from pyvs.datapath.link import LINK_TYPES, LinkHeader

PACKET = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP())
PACKET6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP())


def parse(number: int, data: bytes) -> LinkHeader:
    header = LINK_TYPES[number].parse(data)
    assert header is not None
    return header


@pytest.mark.parametrize("number", [101, 12, 14])
def test_raw_asks_the_version(number: int) -> None:
    assert parse(number, PACKET)[:2] == (0x0800, 0)
    assert parse(number, PACKET6)[:2] == (0x86DD, 0)
    assert parse(number, b"\x00").protocol == 0
    assert LINK_TYPES[number].build(parse(number, PACKET)) == b""


def test_raw_of_one_family() -> None:
    assert parse(228, PACKET).protocol == 0x0800
    assert parse(229, PACKET6).protocol == 0x86DD
