"""Linux cooked captures, versions 1 and 2: what tcpdump writes for `-i any`.

Only the sender's address is in the header, and the way: `PacketType.OUTGOING` is the host's own.
"""

from struct import Struct
from typing import Final

from pyvs.core.flags import PacketType
from pyvs.datapath.link.link_type import LinkHeader, LinkType, parse_tags

_V1: Final = Struct("!HHH8sH")
_V2: Final = Struct("!HHIHBB8s")
_ETHER: Final = 1
"""ARPHRD_ETHER."""
_PACKET_TYPES: Final = frozenset(PacketType)


def _kind(value: int) -> PacketType:
    return PacketType(value) if value in _PACKET_TYPES else PacketType.OTHERHOST


def _parse_v1(data: bytes) -> LinkHeader | None:
    if len(data) < _V1.size:
        return None
    kind, _hardware, length, address, protocol = _V1.unpack_from(data)
    found = parse_tags(data, protocol, _V1.size)
    if found is None:
        return None
    protocol, offset, _tags = found
    return LinkHeader(protocol, offset, _kind(kind), address[: min(length, 8)])


def _build_v1(header: LinkHeader) -> bytes:
    return _V1.pack(header.type, _ETHER, len(header.source), header.source.ljust(8, b"\0"), header.protocol)


def _parse_v2(data: bytes) -> LinkHeader | None:
    if len(data) < _V2.size:
        return None
    protocol, _reserved, ifindex, _hardware, kind, length, address = _V2.unpack_from(data)
    found = parse_tags(data, protocol, _V2.size)
    if found is None:
        return None
    protocol, offset, _tags = found
    return LinkHeader(protocol, offset, _kind(kind), address[: min(length, 8)], ifindex=ifindex)


def _build_v2(header: LinkHeader) -> bytes:
    source = header.source.ljust(8, b"\0")
    return _V2.pack(header.protocol, 0, header.ifindex, _ETHER, header.type, len(header.source), source)


COOKED_V1: Final = LinkType(113, "Linux cooked v1", _parse_v1, _build_v1)
COOKED_V2: Final = LinkType(276, "Linux cooked v2", _parse_v2, _build_v2)
