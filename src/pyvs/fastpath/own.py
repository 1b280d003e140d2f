"""The host's own addresses, as a table of bits by hash: no new connection comes from one of them.

The host drops IPv4 packets from outside that say so. An address that shares its bit goes up now and then without
need, one client in 65,536 for each own address.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from pyvs.core.schedulers.hashing import hash_32
from pyvs.fastpath.maps import ArrayMap

BITS: Final = 16
WORD: Final = 32
WORDS: Final = (1 << BITS) // WORD
_NUMBER: Final = 4


class OwnAddresses:
    """The table in the maps."""

    def __init__(self, words: ArrayMap) -> None:
        self._words = words
        self._written: dict[int, int] = dict.fromkeys(range(WORDS), -1)
        """By number, those that are not zero; -1: another daemon's, not known."""

    def set(self, addresses: Iterable[bytes]) -> None:
        """These are own from now on, and no others; those of IPv6 do not count. Raises OSError."""
        wanted: dict[int, int] = {}
        for address in addresses:
            if len(address) == _NUMBER:
                place = hash_32(int.from_bytes(address, "big"), BITS)
                wanted[place // WORD] = wanted.get(place // WORD, 0) | 1 << place % WORD
        changed = [
            word for word in {*wanted, *self._written} if wanted.get(word, 0) != self._written.get(word, 0)
        ]
        self._words.put_many(
            (word.to_bytes(_NUMBER, sys.byteorder), wanted.get(word, 0).to_bytes(_NUMBER, sys.byteorder))
            for word in changed
        )
        self._written = wanted
