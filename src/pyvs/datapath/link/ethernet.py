"""Ethernet, with VLAN tags."""

from typing import Final

from pyvs.core.flags import PacketType
from pyvs.datapath.link.link_type import LinkHeader, LinkType, parse_tags

_NOWHERE: Final = bytes(6)
_LLC: Final = 0x0600
"""Below, the field is a length and an LLC header follows."""


def _parse(data: bytes) -> LinkHeader | None:
    if len(data) < 14:
        return None
    found = parse_tags(data, data[12] << 8 | data[13], 14)
    if found is None:
        return None
    protocol, offset, tags = found
    kind = PacketType.HOST
    if data[0] & 1:
        kind = PacketType.BROADCAST if data[:6] == b"\xff" * 6 else PacketType.MULTICAST
    return LinkHeader(protocol if protocol >= _LLC else 0, offset, kind, data[6:12], data[:6], tags)


def _build(header: LinkHeader) -> bytes:
    destination, source = header.destination or _NOWHERE, header.source or _NOWHERE
    return destination + source + header.tags + header.protocol.to_bytes(2, "big")


ETHERNET: Final = LinkType(1, "Ethernet", _parse, _build, has_addresses=True)
