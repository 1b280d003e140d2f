"""Multicast packets that left in fragments, put together again, so that what they say can be judged."""

from tests import pkt

IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
FRAGMENT_HEADER = 44


def piece(frame: bytes) -> tuple[bytes, int, bool, bytes, bytes] | None:
    """Of a fragment: whose it is, where it begins, whether more follow, its headers without that, its payload."""
    if frame[12:14] == IPV4:
        where = int.from_bytes(frame[20:22]) & 0x3FFF
        head, body = frame[:20] + b"\0\0" + frame[22:34], frame[34:]
        more, begin, identification = bool(where & 0x2000), (where & 0x1FFF) * 8, frame[18:20]
        if not where or frame[14] != 0x45:
            return None
    elif frame[12:14] == IPV6 and frame[20] == FRAGMENT_HEADER:
        where = int.from_bytes(frame[56:58])
        head, body = frame[:20] + frame[54:55] + frame[21:54], frame[62:]
        more, begin, identification = bool(where & 1), where & 0xFFF8, frame[58:62]
    else:
        return None
    return frame[:6] + identification, begin, more, head, body


class Pieces:
    """Fragments of multicast packets, as they come; a packet's in order."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, bytes], tuple[bytes, bytes]] = {}
        """(interface, whose) -> headers and payload so far."""
        self.sizes: dict[str, set[int]] = {}
        """How much of a packet the fragments before its last one held, by interface."""

    def joined(self, iface: str, frame: bytes) -> bytes:
        """The whole packet's frame when this is its last fragment, nothing before; another frame as it is."""
        found = piece(frame) if frame[:1] and frame[0] & 1 else None
        if found is None:
            return frame
        whose, begin, more, head, body = found
        first, so_far = self.waiting.pop((iface, whose), (head, b""))
        if begin != len(so_far):
            return frame
        so_far += body
        if more:
            self.sizes.setdefault(iface, set()).add(len(body))
            self.waiting[iface, whose] = first, so_far
            return b""
        return whole(first, so_far)

    def rest(self) -> list[tuple[str, bytes]]:
        """What has come of packets whose last fragment never did: (interface, frame)."""
        return [(iface, whole(*parts)) for (iface, _), parts in self.waiting.items()]


def whole(head: bytes, body: bytes) -> bytes:
    """A frame of these headers, with lengths and checksum set right."""
    if head[12:14] == IPV6:
        return head[:18] + len(body).to_bytes(2) + head[20:] + body
    head = head[:16] + (20 + len(body)).to_bytes(2) + head[18:24] + b"\0\0" + head[26:]
    return head[:24] + pkt.cksum(head[14:]).to_bytes(2) + head[26:] + body
