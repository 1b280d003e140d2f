"""A frame's hook, or why it is none of ours.

Interface and way decide where the capture has them. Otherwise the addresses do: to a service is LOCAL_IN, from a
server or ICMP is FORWARD, from a virtual address was already emitted.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from pyvs.core.flags import Hook, PacketType, Proto
from pyvs.core.packet.checksum import checksum
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.link import LINK_TYPES, LinkHeader
from pyvs.datapath.link.link_type import IPV4, IPV6
from pyvs.replay.surroundings import is_unicast

_DISCOVERY: Final = range(133, 138)
"""ICMPv6 types of neighbour discovery."""
_ICMP: Final = frozenset({Proto.ICMP, Proto.ICMPV6})


class Skipped(Enum):
    """Why a frame does not reach the engine; the value explains it."""

    ALREADY_SENT = "sent by the director itself: already emitted"
    NOT_FOR_HOST = "for another host, by its link-layer address"
    TO_SERVER = "to a server itself: already sent on, or not by way of a service"
    STRANGER = "neither to a service nor from a server"
    NOT_IP = "neither IPv4 nor IPv6"
    UNKNOWN_LINK = "of a link type that is not known"
    CUT_SHORT = "cut by the capture before its IP header ends"
    BAD_HEADER = "its IP header can't be true: the host drops it"
    BAD_CHECKSUM = "the checksum of its IP header is wrong: the host drops it"
    TTL_EXCEEDED = "from a server, its time to live ends at the host"

    @property
    def sentence(self) -> str:
        """The explanation, in words."""
        return self.value


class Found(NamedTuple):
    """The IP packet in a frame."""

    header: LinkHeader
    data: bytes
    """Not longer than its own length says; what the capture cut off is filled up with zeros."""
    missing: int
    """How many bytes were filled up."""
    source: bytes
    destination: bytes
    protocol: int
    """The transport, or the first extension header."""


def find_packet(frame: Frame) -> Found | Skipped:
    """The IP packet of a frame."""
    link = LINK_TYPES.get(frame.link)
    if link is None:
        return Skipped.UNKNOWN_LINK
    header = link.parse(frame.data)
    if header is None:
        return Skipped.CUT_SHORT if frame.missing else Skipped.NOT_IP
    data = frame.data[header.offset :]
    if header.protocol == IPV4:
        if len(data) < 20:
            return Skipped.CUT_SHORT if frame.missing else Skipped.BAD_HEADER
        total, source, destination, protocol = data[2] << 8 | data[3], data[12:16], data[16:20], data[9]
        length = (data[0] & 15) * 4
        if data[0] >> 4 != 4 or length < 20 or total < length:
            return Skipped.BAD_HEADER
        # Zero: left to the network card, which had not seen it yet when it was captured.
        if data[10:12] != b"\0\0" and len(data) >= length and checksum(data[:length]):
            return Skipped.BAD_CHECKSUM
    elif header.protocol == IPV6:
        if len(data) < 40:
            return Skipped.CUT_SHORT if frame.missing else Skipped.BAD_HEADER
        total, source, destination, protocol = 40 + (data[4] << 8 | data[5]), data[8:24], data[24:40], data[6]
        if data[0] >> 4 != 6:
            return Skipped.BAD_HEADER
    else:
        return Skipped.NOT_IP
    missing = min(frame.missing, max(0, total - len(data)))
    return Found(header, data[:total] + bytes(missing), missing, source, destination, protocol)


class Sorter:
    """Knows the addresses by which frames are sorted."""

    def __init__(
        self,
        *,
        virtual: frozenset[bytes],
        servers: frozenset[bytes],
        own: frozenset[bytes],
        director: frozenset[bytes],
    ) -> None:
        self.virtual = virtual
        """Addresses of services."""
        self.servers = servers
        self.own = own
        """The director's other addresses, where they are known: then all others are forwarded."""
        self.director = director
        """Its link-layer addresses, where they could be found out."""

    def hook(self, frame: Frame, found: Found) -> Hook | Skipped:
        """Where the packet of a frame meets the engine."""
        header = found.header
        if frame.way is Way.OUT or header.type is PacketType.OUTGOING:
            return Skipped.ALREADY_SENT
        if header.source and header.source in self.director:
            return Skipped.ALREADY_SENT
        if header.type is PacketType.OTHERHOST:
            return Skipped.NOT_FOR_HOST
        if found.destination in self.virtual or found.destination in self.own:
            return Hook.LOCAL_IN
        arrived = frame.way is Way.IN
        if found.source in self.virtual and not arrived:
            return Skipped.ALREADY_SENT
        if header.type is not PacketType.HOST or not _is_routed(found):
            return Skipped.STRANGER
        if found.source in self.servers or found.protocol in _ICMP or (arrived and self.own):
            return self._forwarded(found)
        return Skipped.TO_SERVER if found.destination in self.servers else Skipped.STRANGER

    def is_server(self, found: Found) -> bool:
        """Whether a packet is from a server and no ICMP."""
        return found.source in self.servers and found.protocol not in _ICMP

    @staticmethod
    def _forwarded(found: Found) -> Hook | Skipped:
        """The host looks at the time to live before FORWARD. Kernel: `ip_forward`, `ip6_forward`."""
        ttl = found.data[8] if found.data[0] >> 4 == 4 else found.data[7]
        return Hook.FORWARD if ttl > 1 else Skipped.TTL_EXCEEDED


def _is_routed(found: Found) -> bool:
    """Whether a router sends it on: neither multicast, link-local nor neighbour discovery."""
    if not is_unicast(found.destination):
        return False
    if len(found.source) == 4:
        return b"\xa9\xfe" not in (found.source[:2], found.destination[:2])
    if any(address[0] == 0xFE and address[1] & 0xC0 == 0x80 for address in (found.source, found.destination)):
        return False
    return not (found.protocol == Proto.ICMPV6 and found.data[40:41] and found.data[40] in _DISCOVERY)


def decrement_ttl(data: bytes) -> bytes:
    """The packet as the host hands it to FORWARD. Kernel: `ip_decrease_ttl`."""
    if data[0] >> 4 == 6:
        return data[:7] + bytes([data[7] - 1]) + data[8:]
    check = (data[10] << 8 | data[11]) + 0x100
    check = (check + (check >> 16)) & 0xFFFF
    return data[:8] + bytes([data[8] - 1, data[9]]) + check.to_bytes(2, "big") + data[12:]
