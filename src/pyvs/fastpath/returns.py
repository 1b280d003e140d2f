"""How long a connection stays with the engine that has come back from the maps: the longer, the more often it does."""

from __future__ import annotations

import math
from typing import Final

HOLD: Final = 0.05
"""Seconds that a connection stays with the engine that comes back often."""
OFTEN: Final = 16
"""So many times it goes to the maps again at once: a next hop may have been unknown."""
UNDER_WAY: Final = 16
"""So many returns count as one that follow within HOLD: most are of packets that were under way to the engine."""
LONGEST_HOLD: Final = 10.0
"""Each further time it stays twice as long, up to this."""
REMEMBERED: Final = 10_000
"""So many connections that came back are remembered."""


class Returns:
    """The connections that came back, by the key of their client's packets."""

    def __init__(self) -> None:
        """None has come back."""
        self._counts: dict[bytes, float] = {}
        self._left: dict[bytes, float] = {}
        """When they went to the maps again."""

    def hold(self, raw: bytes, now: float) -> float:
        """Seconds for which a connection is to stay that has come back; 0: it may go again at once."""
        if len(self._counts) >= REMEMBERED:
            self._counts.clear()
            self._left.clear()
        quick = now - self._left.get(raw, -math.inf) < HOLD
        count = self._counts.get(raw, 0.0) + (1 / UNDER_WAY if quick else 1.0)
        over = count - OFTEN
        seconds = min(HOLD * 2.0 ** min(over, 20.0), LONGEST_HOLD) if over > 0 else 0.0
        self._counts[raw] = count
        self._left[raw] = now + seconds
        return seconds
