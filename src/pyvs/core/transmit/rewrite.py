"""New bytes for an IP header: time to live, addresses, checksum."""

from __future__ import annotations

from typing import Final

from pyvs.core.packet.checksum import checksum

ONE_BYTE: Final = tuple(bytes((value,)) for value in range(256))


def ttl_decremented(data: bytes) -> bytes:
    """The packet with one less to live. Kernel: `ip_decrease_ttl`."""
    if data[0] >> 4 == 4:
        check = (data[10] << 8 | data[11]) + 0x100
        check = (check + (check >= 0xFFFF)) & 0xFFFF
        return b"".join((data[:8], ONE_BYTE[data[8] - 1], data[9:10], check.to_bytes(2, "big"), data[12:]))
    return b"".join((data[:7], ONE_BYTE[data[7] - 1], data[8:]))


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
