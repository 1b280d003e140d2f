"""Many addresses as few networks: what iptables goes through one by one must stay short.

Differs: where there are more than FEW addresses, all that goes to their networks is queued, whatever its port; what is
not ours is given back. The networks hold no other addresses as long as at most MOST are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import unpack
from typing import Final

FEW: Final = 256
"""So many addresses of a family and side have rules of their own."""
MOST: Final = 256
"""So many networks at most."""
_WORD: Final = 4


def networks(addresses: Iterable[bytes]) -> list[tuple[bytes, int]]:
    """At most MOST networks (address, length of the prefix) in order that hold all addresses, which are of one family.

    As small as that allows: each step doubles what is taken together.
    """
    packed = set(addresses)
    if not packed:
        return []
    width = len(next(iter(packed)))
    bits = width * 8
    if width == _WORD:
        numbers = set(unpack(f"!{len(packed)}I", b"".join(packed)))
    else:
        numbers = {int.from_bytes(address, "big") for address in packed}
    for dropped in range(bits + 1):
        found = list(_prefixes(sorted(numbers), bits - dropped))
        if len(found) <= MOST:
            return [((number << dropped).to_bytes(width, "big"), length) for number, length in found]
        numbers = {number >> 1 for number in numbers}
    return [(bytes(width), 0)]


def _prefixes(numbers: list[int], bits: int) -> Iterator[tuple[int, int]]:
    """The networks that hold exactly these numbers of so many bits; the numbers are sorted and differ."""
    at = 0
    while at < len(numbers):
        first = numbers[at]
        size = 1
        # A run that begins at a multiple of twice its size may double.
        while (
            not first & (2 * size - 1)
            and at + 2 * size <= len(numbers)
            and numbers[at + 2 * size - 1] == first + 2 * size - 1
        ):
            size *= 2
        yield first, bits - (size.bit_length() - 1)
        at += size
