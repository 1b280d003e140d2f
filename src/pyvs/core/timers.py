"""Time limits, in time that is handed in: a wheel of slots, looked at lazily.

A packet of a known connection only writes `conn.expires`; the connection stays in the slot where it was put
and is looked at again when that comes up. Only a limit that comes closer moves it. So a packet costs no timer
operation, and a million limits cost a list entry each.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, Protocol

RESOLUTION: Final = 100
"""Slots in a second: a slot is a tick of the recorded kernel."""
_TINY: Final = 1e-6
"""What a sum of times may be off; far less than a tick."""


class Timed(Protocol):
    """Something with a limit: when it `expires` and the `slot` in which it will be looked at (-1: none)."""

    expires: float
    slot: int


class Wheel:
    """Holds timed things by the slot in which they may expire."""

    __slots__ = ("_due", "_slots", "_stretch", "_stretch_slot")

    def __init__(self) -> None:
        self._slots: dict[int, list[Timed]] = {}
        self._due: list[int] = []
        """A heap of the slots that hold something."""
        self._stretch: list[Timed] = []
        """What is left of a slot that has come up but was not looked at in one go."""
        self._stretch_slot = -1

    def set(self, timed: Timed) -> None:
        """Watch `timed.expires`; to be called when a thing is new or its limit came closer."""
        slot = int(timed.expires * RESOLUTION - _TINY) + 1
        if timed.slot < 0 or slot < timed.slot:
            timed.slot = slot
            bucket = self._slots.get(slot)
            if bucket is None:
                self._slots[slot] = [timed]
                heappush(self._due, slot)
            else:
                bucket.append(timed)

    def next_slot_time(self) -> float | None:
        """When to call `due` next, or None when nothing is watched. Never more than a tick late."""
        if self._stretch:
            return 0.0
        return self._due[0] / RESOLUTION if self._due else None

    def due(self, now: float, limit: int) -> list[Timed]:
        """Things whose limit has passed, looking at no more than `limit`; they are no longer watched.

        There may be more: call again while `next_slot_time` is not later than now.
        """
        passed: list[Timed] = []
        current = now * RESOLUTION + _TINY
        while limit > 0:
            if not self._stretch:
                if not self._due or self._due[0] > current:
                    break
                slot = heappop(self._due)
                self._stretch = self._slots.pop(slot)
                self._stretch.reverse()
                self._stretch_slot = slot
            timed = self._stretch.pop()
            limit -= 1
            if timed.slot != self._stretch_slot:
                continue  # moved to an earlier slot, or no longer watched
            timed.slot = -1
            if timed.expires > now + _TINY:
                self.set(timed)
            else:
                passed.append(timed)
        return passed
