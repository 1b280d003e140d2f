"""New bytes for an IP header: time to live, addresses, checksum."""

from __future__ import annotations

from pyvs.core.packet.checksum import checksum


def ip_header(
    data: bytes, *, ttl: int | None = None, src: bytes | None = None, dst: bytes | None = None, at: int = 0
) -> bytes:
    """The packet with a new time to live or addresses, and for IPv4 its header checksum made anew.

    at: where the IP header begins. Kernel: `ip_send_check`, `ip_decrease_ttl`.
    """
    if data[at] >> 4 == 4:
        length = (data[at] & 15) * 4
        head = bytearray(data[at : at + length])
        if ttl is not None:
            head[8] = ttl
        if src is not None:
            head[12:16] = src
        if dst is not None:
            head[16:20] = dst
        head[10:12] = b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    else:
        length = 40
        head = bytearray(data[at : at + 40])
        if ttl is not None:
            head[7] = ttl
        if src is not None:
            head[8:24] = src
        if dst is not None:
            head[24:40] = dst
    return b"".join((data[:at], head, data[at + length :]))
