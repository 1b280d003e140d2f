import pytest
from scapy.all import IP, UDP, IPv6, Loopback

from pyvs.datapath.link import LINK_TYPES, LinkHeader

PACKET6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP())


def parse(number: int, data: bytes) -> LinkHeader:
    header = LINK_TYPES[number].parse(data)
    assert header is not None
    return header


@pytest.mark.parametrize("family", [24, 28, 30])
def test_null_in_either_order(family: int) -> None:
    assert parse(0, bytes(Loopback(type=2) / IP()))[:2] == (0x0800, 4)
    assert parse(0, family.to_bytes(4, "little") + PACKET6)[:2] == (0x86DD, 4)
    assert parse(0, family.to_bytes(4, "big") + PACKET6)[:2] == (0x86DD, 4)
    assert parse(108, family.to_bytes(4, "big") + PACKET6)[:2] == (0x86DD, 4)
