"""Fragments put together, and packets cut. Kernel: ip_fragment.c, nf_conntrack_reasm.c, ip_do_fragment, ip6_fragment.

Put together as Linux does: a fragment that lies wholly in what is already there is a copy and ignored, one that
overlaps otherwise spoils the packet. `Packet.pieces` remembers the sizes, so that `cut` can give the same pieces.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from pyvs.core.flags import Family, Proto
from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.header import DF, MF, Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason

TIMEOUT: Final = 30.0
"""Seconds that fragments wait for the others. Kernel: `IP_FRAG_TIME`; 60 for IPv6."""
MOST_WAITING: Final = 1024
"""Unfinished packets kept at most; the oldest goes when one more begins."""
MOST_PIECES: Final = 256
"""Fragments of one packet kept at most."""
MIN_MTU6: Final = 1280

_FRAG6: Final = Struct("!BBHI")


class _Unfinished:
    """What has come of one packet. Kernel: `struct ipq`."""

    __slots__ = (
        "deadline",
        "end",
        "header",
        "last_in",
        "max_df_size",
        "max_size",
        "packet",
        "pieces",
        "received",
        "spoilt",
        "tos",
    )

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.pieces: dict[int, bytes] = {}
        self.header = b""
        self.packet: Packet | None = None
        self.end = 0
        self.last_in = False
        self.received = 0
        self.max_size = 0
        self.max_df_size = 0
        self.tos = 0
        self.spoilt = False


class Reassembly:
    """Keeps fragments until their packets are whole; bounded in number and time."""

    def __init__(self, most: int = MOST_WAITING, timeout: float = TIMEOUT) -> None:
        self._most = most
        self._timeout = timeout
        self._waiting: dict[tuple[bytes, bytes, int, int], _Unfinished] = {}
        self.given_up = 0
        """Unfinished packets that had to make room."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, packet: Packet, header: Header, now: float) -> Packet | None:
        """Take a fragment; the whole packet when this was the last missing piece, else None.

        Raises Malformed when the fragment is impossible: it, or the whole packet it belongs to, is lost.
        """
        self.expire(now)
        data, at = packet.data, header.ip_offset
        if header.af == Family.INET:
            ident, protocol = data[at + 4] << 8 | data[at + 5], data[at + 9]
            body = data[header.offset : header.end]
        else:
            start, protocol = _fragment_header(data, at, header.end)
            ident = int.from_bytes(data[start + 4 : start + 8], "big")
            body = data[start + 8 : header.end]
        key = (header.src, header.dst, ident, protocol if header.af == Family.INET else 0)
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= self._most:
                del self._waiting[next(iter(self._waiting))]
                self.given_up += 1
            waiting = self._waiting[key] = _Unfinished(now + self._timeout)
        whole = self._take(waiting, packet, header, body)
        if whole is not None:
            del self._waiting[key]
        elif waiting.spoilt:
            del self._waiting[key]
            raise Malformed(Reason.BAD_FRAGMENT)
        return whole

    def expire(self, now: float) -> None:
        """Forget what has waited too long."""
        while self._waiting:
            key = next(iter(self._waiting))
            if self._waiting[key].deadline > now:
                break
            del self._waiting[key]

    def _take(self, w: _Unfinished, packet: Packet, header: Header, body: bytes) -> Packet | None:
        """Kernel: `ip_frag_queue`, `nf_ct_frag6_queue`."""
        offset = header.fragment_offset
        if header.more_fragments:
            if header.af == Family.INET6 and len(body) & 7:
                w.spoilt = True
                return None
            body = body[: len(body) & ~7]
            end = offset + len(body)
            if end > w.end:
                w.spoilt |= w.last_in
                w.end = end
        else:
            end = offset + len(body)
            w.spoilt |= end < w.end or (w.last_in and end != w.end)
            w.last_in, w.end = True, end
        head = header.offset - header.ip_offset
        if not body or end > 0xFFFF - head or len(w.pieces) >= MOST_PIECES:
            w.spoilt = True
        if w.spoilt:
            return None
        for start, piece in w.pieces.items():
            if offset < start + len(piece) and start < end:
                if start <= offset and end <= start + len(piece):
                    return None  # a copy
                w.spoilt = True
                return None
        w.pieces[offset] = body
        w.received += len(body)
        size = header.end - header.ip_offset
        w.max_size = max(w.max_size, size)
        if header.af == Family.INET:
            w.tos |= header.tos & 3
            if header.df:
                w.max_df_size = max(w.max_df_size, size)
        if offset == 0:
            w.header = _first_header(packet.data, header)
            w.packet = packet
        if w.packet is None or not w.last_in or w.received != w.end:
            return None
        return _whole(w, header.af)


def _fragment_header(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the IPv6 fragment header stands, and what follows it."""
    protocol, place = data[at + 6], at + 40
    while protocol != Proto.FRAGMENT:
        if place + 8 > min(end, len(data)) or protocol not in (Proto.IP, Proto.ROUTING, Proto.DSTOPTS):
            raise Malformed(Reason.BAD_EXTENSIONS)
        protocol, place = data[place], place + data[place + 1] * 8 + 8
    if place + 8 > min(end, len(data)):
        raise Malformed(Reason.TRUNCATED)
    return place, data[place]


def _first_header(data: bytes, header: Header) -> bytes:
    """The header of the whole packet: that of the first fragment, without the IPv6 fragment header."""
    at = header.ip_offset
    if header.af == Family.INET:
        return data[at : header.offset]
    place, follows = _fragment_header(data, at, header.end)
    head = bytearray(data[at:place])
    # The next-header byte that pointed to the fragment header now points behind it.
    pointer, step = 6, 40
    while head[pointer] != Proto.FRAGMENT:
        pointer, step = step, step + head[step + 1] * 8 + 8
    head[pointer] = follows
    return bytes(head)


def _whole(w: _Unfinished, af: Family) -> Packet:
    """Kernel: `ip_frag_reasm`, `nf_ct_frag6_reasm`."""
    first = w.packet
    assert first is not None
    starts = sorted(w.pieces)
    body = b"".join(w.pieces[start] for start in starts)
    head = bytearray(w.header)
    if af == Family.INET:
        head[1] |= w.tos
        head[2:4] = (len(head) + len(body)).to_bytes(2, "big")
        keep_df = w.max_df_size == w.max_size
        head[6:8] = (DF if keep_df else 0).to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    else:
        head[4:6] = (len(head) - 40 + len(body)).to_bytes(2, "big")
    packet = Packet(bytes(head) + body, mark=first.mark, iif=first.iif, oif=first.oif, type=first.type)
    packet.conntrack, packet.untracked = first.conntrack, first.untracked
    packet.fragment_size = w.max_size
    packet.pieces = tuple(len(w.pieces[start]) for start in starts)
    return packet


def cut(packet: Packet, mtu: int, ident: int) -> list[bytes]:
    """The packet in fragments that fit the MTU; the same pieces that it came in, if those fit.

    ident: the identification of IPv6 fragments (an IPv4 packet has its own). A packet that fits and did not come
    in fragments is returned whole.
    """
    data = packet.data
    six = data[0] >> 4 == 6
    # An IPv6 packet not longer than the longest fragment that it came in needs no cutting.
    if len(data) <= mtu and (not packet.fragment_size or (six and len(data) <= packet.fragment_size)):
        return [data]
    if packet.fragment_size:
        mtu = min(mtu, packet.fragment_size)
    return _cut6(packet, max(mtu, MIN_MTU6), ident) if six else _cut4(packet, mtu)


def _sizes(packet: Packet, length: int, room: int) -> list[int]:
    """How long the pieces' data are."""
    pieces = packet.pieces
    fits = sum(pieces) == length and all(size <= room and not size & 7 for size in pieces[:-1])
    if pieces and fits and pieces[-1] <= room:
        return list(pieces)
    step = max(room & ~7, 8)
    sizes = []
    while length > room:
        sizes.append(step)
        length -= step
    return [*sizes, length]


def _cut4(packet: Packet, mtu: int) -> list[bytes]:
    data = packet.data
    length = (data[0] & 15) * 4
    body = data[length:]
    sizes = _sizes(packet, len(body), mtu - length)
    if len(sizes) == 1:
        return [data]
    again = list(packet.pieces) == sizes
    flags = 0 if again or not packet.fragment_size else (data[6] << 8 | data[7]) & DF
    if packet.fragment_df and not again:
        flags = DF
    out, at = [], 0
    for number, size in enumerate(sizes):
        head = bytearray(data[:length])
        if number:
            head[20:] = _later_options(bytes(head[20:]))
        more = MF if number < len(sizes) - 1 else 0
        head[2:4] = (length + size).to_bytes(2, "big")
        head[6:8] = (at >> 3 | more | flags).to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
        out.append(bytes(head) + body[at : at + size])
        at += size
    return out


def _later_options(options: bytes) -> bytes:
    """The options of a later fragment: those that are not to be copied become no-operations."""
    out, at = bytearray(options), 0
    while at < len(out):
        kind = out[at]
        if kind == 0:
            break
        size = 1 if kind == 1 else out[at + 1] if at + 1 < len(out) else 0
        if size < 1 or at + size > len(out):
            break
        if kind != 1 and not kind & 0x80:
            out[at : at + size] = b"\x01" * size
        at += size
    return bytes(out)


def _cut6(packet: Packet, mtu: int, ident: int) -> list[bytes]:
    data = packet.data
    # The unfragmentable part: hop-by-hop, routing and the destination options before a routing header.
    pointer, at = 6, 40
    split, split_pointer = 40, 6
    while at + 8 <= len(data) and data[pointer] in (Proto.IP, Proto.ROUTING, Proto.DSTOPTS):
        kind = data[pointer]
        pointer, at = at, at + data[at + 1] * 8 + 8
        if kind != Proto.DSTOPTS:
            split, split_pointer = at, pointer
    body = data[split:]
    sizes = _sizes(packet, len(body), mtu - split - 8)  # if only one, a fragment that is the whole packet
    out, at = [], 0
    for number, size in enumerate(sizes):
        head = bytearray(data[:split])
        follows, head[split_pointer] = head[split_pointer], Proto.FRAGMENT
        head[4:6] = (split - 40 + 8 + size).to_bytes(2, "big")
        more = number < len(sizes) - 1
        out.append(bytes(head) + _FRAG6.pack(follows, 0, at | more, ident) + body[at : at + size])
        at += size
    return out
