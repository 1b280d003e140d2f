"""The Internet checksum: RFC 1071 sums, RFC 1624 differences.

A *sum* here is an unfolded non-negative integer; a *delta* is a sum that, added to the complement of a
checksum, gives the complement of the new one. Zero stays distinguishable from 0xFFFF exactly as in the
kernel's `csum_fold`: a folded sum is 0 only if everything summed up was 0.
"""

from typing import Final

from pyvs.core.flags import Proto

MASK: Final = 0xFFFF
CHECKSUM_AT: Final = {int(Proto.TCP): 16, int(Proto.UDP): 6}
"""Where in its header a transport keeps its checksum."""


def fold(total: int) -> int:
    """The 16-bit one's complement sum of an unfolded one."""
    while total > MASK:
        total = (total & MASK) + (total >> 16)
    return total


def sum16(data: bytes) -> int:
    """The folded one's complement sum of 16-bit words in network order; an odd byte counts as a high byte.

    2**16 is 1 modulo 0xFFFF, so the big-endian number modulo 0xFFFF is the sum, at the speed of long division.
    """
    if len(data) & 1:
        data += b"\0"
    value = int.from_bytes(data, "big")
    return (value % MASK or MASK) if value else 0


def checksum(data: bytes, start: int = 0) -> int:
    """The checksum (complemented) of data, beginning from a sum such as that of a pseudo header."""
    return ~fold(sum16(data) + start) & MASK


def pseudo_sum(source: bytes, destination: bytes, protocol: int, length: int) -> int:
    """The sum of the pseudo header of TCP, UDP and ICMPv6, for either family."""
    return sum16(source) + sum16(destination) + protocol + (length >> 16) + (length & MASK)


def delta(old: bytes, new: bytes) -> int:
    """The folded difference that replaces `old` by `new` (of equal, even length)."""
    # The complement of each 16-bit word of old is 0xFFFF - word.
    inverted = bytes(byte ^ 0xFF for byte in old)
    return fold(sum16(inverted) + sum16(new))


def apply(check: int, change: int) -> int:
    """The checksum after a change by `delta`. RFC 1624, equation 3."""
    return ~fold((~check & MASK) + change) & MASK
