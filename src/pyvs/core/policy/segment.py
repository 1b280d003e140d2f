"""TCP segments of our own, without data: a RST, or a SYN that asks an end how far it is."""

from __future__ import annotations

from struct import Struct
from typing import Final

from pyvs.core.flags import Family, Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import IPV4, IPV6

TCP: Final = Struct("!HHIIBBHHH")
SYN, RST, ACK = 0x02, 0x04, 0x10
_TTL: Final = 64
_DF: Final = 0x4000
_WINDOW: Final = 512


def segment(af: Family, src: bytes, sport: int, dst: bytes, dport: int, seq: int, flags: int) -> bytes:
    """A packet with right checksums; addresses packed, seq modulo 2**32."""
    window = _WINDOW if flags & SYN else 0
    body = TCP.pack(sport, dport, seq & 0xFFFFFFFF, 0, 5 << 4, flags, window, 0, 0)
    check = checksum(body, pseudo_sum(src, dst, Proto.TCP, len(body)))
    body = body[:16] + check.to_bytes(2, "big") + body[18:]
    if af == Family.INET6:
        return IPV6.pack(6 << 28, len(body), Proto.TCP, _TTL, src, dst) + body
    head = IPV4.pack(0x45, 0, 20 + len(body), 0, _DF, _TTL, Proto.TCP, 0, src, dst)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body
