"""CRC32c, SCTP's checksum: RFC 9260, appendix A. Kernel: `crc32c`, `sctp_compute_cksum`.

Four bytes a step, by two tables of 65,536 words that are made when the first sum is asked for.
"""

from __future__ import annotations

from array import array
from functools import cache
from struct import unpack_from
from typing import Final

POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, bits reversed."""
MASK: Final = 0xFFFFFFFF


@cache
def _tables() -> tuple[array[int], array[int]]:
    """What the lower and the upper half of four bytes come to."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        first.append(byte)
    # Each further table is that of a byte with one more zero byte behind it.
    by_distance = [first]
    for _ in range(3):
        by_distance.append([value >> 8 ^ first[value & 0xFF] for value in by_distance[-1]])
    upper = array("I", (a ^ b for a in by_distance[0] for b in by_distance[1]))
    lower = array("I", (a ^ b for a in by_distance[2] for b in by_distance[3]))
    return lower, upper


def crc32c(data: bytes) -> int:
    """The sum of all bytes, as a number; SCTP sends its lowest byte first."""
    lower, upper = _tables()
    crc = MASK
    for word in unpack_from(f"<{len(data) // 4}I", data):
        crc ^= word
        crc = lower[crc & 0xFFFF] ^ upper[crc >> 16]
    for byte in data[len(data) & ~3 :]:
        # One byte: the upper half's table at distance 0 is indexed by its upper byte.
        crc = crc >> 8 ^ upper[((crc ^ byte) & 0xFF) << 8]
    return crc ^ MASK
