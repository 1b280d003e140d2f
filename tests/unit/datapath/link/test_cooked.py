from scapy.all import IP, CookedLinux, CookedLinuxV2, IPv6

from pyvs.core.flags import PacketType
from pyvs.datapath.link import LINK_TYPES, LinkHeader


def parse(number: int, data: bytes) -> LinkHeader:
    header = LINK_TYPES[number].parse(data)
    assert header is not None
    return header


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
