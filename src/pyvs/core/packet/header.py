"""The IP header of a packet as the walk needs it, IPv4 and IPv6 alike. Kernel: `struct ip_vs_iphdr`.

Parsed once a packet. Offsets count from the start of `Packet.data`. Addresses are packed bytes.
"""

from struct import Struct
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Family, Proto
from pyvs.core.reasons import Reason

IPV4: Final = Struct("!BBHHHBBH4s4s")
IPV6: Final = Struct("!IHBB16s16s")

DF: Final = 0x4000
MF: Final = 0x2000
OFFSET: Final = 0x1FFF

_EXTENSIONS: Final = frozenset({Proto.IP, Proto.ROUTING, Proto.DSTOPTS, Proto.AH})
"""Next headers that stand before the transport: hop-by-hop (0), routing, destination options, AH.

So over IPv6 the virtual server sees what AH protects, and AH itself only over IPv4. Kernel: `ipv6_find_hdr`,
which stops at ESP and at no next header.
"""


class Malformed(PyvsError):
    """Bytes that are no packet; `reason` is what is counted."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.sentence)
        self.reason = reason


class Header:
    """What one IP header says. Kernel: `struct ip_vs_iphdr`."""

    __slots__ = (
        "af",
        "df",
        "dst",
        "end",
        "fragment",
        "fragment_offset",
        "icmp",
        "inverse",
        "ip_offset",
        "key",
        "more_fragments",
        "offset",
        "protocol",
        "src",
        "tos",
        "ttl",
    )

    af: Family
    protocol: int
    """The transport protocol, after any extension headers."""
    src: bytes
    dst: bytes
    ip_offset: int
    """Where this IP header begins."""
    offset: int
    """Where the transport header begins. Kernel: `iph->len`."""
    end: int
    """Where the packet ends by its own length field (may lie beyond the bytes for one quoted by ICMP)."""
    ttl: int
    tos: int
    df: bool
    fragment: bool
    """It is a fragment, the first one included."""
    fragment_offset: int
    """Bytes before this fragment; not 0 means that there is no transport header here."""
    more_fragments: bool
    inverse: bool
    """It was found in an ICMP error about a packet of the other direction: look up with ends swapped."""
    icmp: bool
    """It was found in an ICMP error."""
    key: bytes
    """Both addresses and ports as they stand in the packet, once someone has looked; empty before."""


def parse(data: bytes, offset: int = 0, *, quoted: bool = False) -> Header:
    """The header that begins at `offset`.

    quoted: it stands in an ICMP error, whose packet may be cut short.
    Raises Malformed.
    """
    if len(data) <= offset:
        raise Malformed(Reason.TRUNCATED)
    version = data[offset] >> 4
    if version == 4:
        return _parse_v4(data, offset, quoted)
    if version == 6:
        return _parse_v6(data, offset, quoted)
    raise Malformed(Reason.BAD_HEADER)


def _parse_v4(data: bytes, offset: int, quoted: bool) -> Header:
    if len(data) < offset + 20:
        raise Malformed(Reason.TRUNCATED)
    first, tos, total, _ident, frag, ttl, protocol, _check, src, dst = IPV4.unpack_from(data, offset)
    length = (first & 15) * 4
    if length < 20 or total < length:
        raise Malformed(Reason.BAD_HEADER)
    if len(data) < offset + (length if quoted else total):
        raise Malformed(Reason.TRUNCATED)
    h = Header()
    h.af = Family.INET
    h.protocol, h.src, h.dst, h.ttl, h.tos = protocol, src, dst, ttl, tos
    h.ip_offset, h.offset, h.end = offset, offset + length, offset + total
    h.df = bool(frag & DF)
    h.more_fragments = bool(frag & MF)
    h.fragment_offset = (frag & OFFSET) * 8
    h.fragment = bool(frag & (MF | OFFSET))
    h.inverse = h.icmp = False
    h.key = b""
    return h


def _parse_v6(data: bytes, offset: int, quoted: bool) -> Header:
    if len(data) < offset + 40:
        raise Malformed(Reason.TRUNCATED)
    first, payload, protocol, ttl, src, dst = IPV6.unpack_from(data, offset)
    end = offset + 40 + payload
    if not quoted and len(data) < end:
        raise Malformed(Reason.TRUNCATED)
    h = Header()
    h.af = Family.INET6
    h.src, h.dst, h.ttl, h.tos = src, dst, ttl, first >> 20 & 0xFF
    h.ip_offset, h.end = offset, end
    h.df = True
    h.fragment = h.more_fragments = h.inverse = h.icmp = False
    h.fragment_offset = 0
    h.key = b""
    at = offset + 40
    limit = min(len(data), end)
    while protocol in _EXTENSIONS or protocol == Proto.FRAGMENT:
        if limit < at + 8:
            raise Malformed(Reason.TRUNCATED if quoted or at + 8 > end else Reason.BAD_EXTENSIONS)
        if protocol == Proto.FRAGMENT:
            where = data[at + 2] << 8 | data[at + 3]
            h.fragment = True
            h.fragment_offset = where & 0xFFF8
            h.more_fragments = bool(where & 1)
            size = 8
        elif protocol == Proto.AH:
            size = data[at + 1] * 4 + 8
        else:
            size = data[at + 1] * 8 + 8
        protocol = data[at]
        at += size
        if h.fragment_offset:
            break
    if at > limit:
        raise Malformed(Reason.TRUNCATED)
    h.protocol, h.offset = protocol, at
    return h


def payload_of(data: bytes, header: Header) -> bytes:
    """What follows the IP header and its extensions, up to the packet's own end."""
    return data[header.offset : header.end]
