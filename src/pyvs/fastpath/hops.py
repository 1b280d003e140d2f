"""The next hops that the programs have lately looked up, each at most once a second while packets go there.

The host counts only its own packets as use of a neighbour, and asks for none again that is not in use.
"""

from __future__ import annotations

import sys
from typing import Final

from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.maps import BpfMap
from pyvs.fastpath.tables import LIMITS

KEY_SIZE: Final = 8


class UsedHops:
    """The table in the maps."""

    def __init__(self, table: BpfMap) -> None:
        self._table = table

    def lately(self, ifindex: int, lladdr: bytes, jiffies: Jiffies, now: float, seconds: float) -> bool:
        """Whether packets went by a device to a link-layer address in the last seconds. Raises OSError."""
        if ifindex >= LIMITS["MAX_DEVICES"]:
            return False
        value = self._table.get(lladdr + ifindex.to_bytes(2, sys.byteorder))
        if value is None:
            return False
        return jiffies.ago(int(self._table.values.unpack(value)["number"]), now) <= seconds
