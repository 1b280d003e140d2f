"""The interface of link types: what stands in front of an IP packet in a capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pyvs.core.flags import PacketType

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
ARP: Final = 0x0806
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
"""Ethertypes of a VLAN tag: 802.1Q, 802.1ad and the one used before it."""


class LinkHeader(NamedTuple):
    """What a link-layer header says."""

    protocol: int
    """Ethertype of what follows; 0 when it has none (LLC frames, unknown families)."""
    offset: int
    """Where the payload begins."""
    type: PacketType = PacketType.HOST
    source: bytes = b""
    """Link-layer address of the sender, where the header has one."""
    destination: bytes = b""
    tags: bytes = b""
    """VLAN tags as on the wire, four bytes each, outermost first."""
    ifindex: int = 0
    """Index of the interface, where the header has it."""

    @property
    def is_ip(self) -> bool:
        """IPv4 or IPv6 follows."""
        return self.protocol in (IPV4, IPV6)


@dataclass(slots=True, frozen=True)
class LinkType:
    """One link type: a row of `LINK_TYPES`."""

    number: int
    """LINKTYPE_ value of capture files."""
    name: str
    parse: Callable[[bytes], LinkHeader | None]
    """The header at the beginning of a frame; None when the frame is too short for one."""
    build: Callable[[LinkHeader], bytes]
    """The bytes of a header; `offset` does not count."""
    has_addresses: bool = False
    """Its headers hold a link-layer source and destination."""


def parse_tags(data: bytes, protocol: int, offset: int) -> tuple[int, int, bytes] | None:
    """Step over VLAN tags: the ethertype behind them, its payload's offset, the tags. None: cut short."""
    start = offset - 2
    while protocol in VLAN_TAGS:
        if len(data) < offset + 4:
            return None
        protocol = data[offset + 2] << 8 | data[offset + 3]
        offset += 4
    return protocol, offset, data[start : offset - 2]


def ip_ethertype(data: bytes, offset: int) -> int:
    """The ethertype that the version of the IP header at `offset` asks for; 0 when it is none."""
    if len(data) <= offset:
        return 0
    return {4: IPV4, 6: IPV6}.get(data[offset] >> 4, 0)
