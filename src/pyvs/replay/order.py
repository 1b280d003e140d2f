"""Frames in the order of their time.

What writes a capture of several interfaces takes some frames of one, then some of the next: answers can stand before
their questions. So frames wait a little, bounded, for those that were captured before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from pyvs.datapath.device import Device, Frame

WINDOW_NS: Final = 1_000_000_000
"""A frame waits until one comes that was captured so much later."""
MOST_FRAMES: Final = 4096
MOST_BYTES: Final = 16 << 20
"""What may wait at most, as frames and as their bytes."""


class InOrder:
    """A device whose frames come in the order of their time; those of one time as the device gave them.

    A frame that is later than the window allows comes when it is read.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.moved = 0
        """Frames that the device gave after later ones."""

    def receive(self) -> Iterator[Frame]:
        """All frames of the device."""
        waiting: list[tuple[int, int, Frame]] = []
        newest = size = 0
        for turn, frame in enumerate(self._device.receive()):
            time = frame.time_ns
            if time < newest:
                self.moved += 1
            else:
                newest = time
            heappush(waiting, (time, turn, frame))
            size += len(frame.data)
            while waiting and (
                newest - waiting[0][0] > WINDOW_NS or len(waiting) > MOST_FRAMES or size > MOST_BYTES
            ):
                _, _, first = heappop(waiting)
                size -= len(first.data)
                yield first
        while waiting:
            yield heappop(waiting)[2]

    def transmit(self, frame: Frame) -> None:
        """Hand a frame to the device."""
        self._device.transmit(frame)

    def close(self) -> None:
        """Close the device."""
        self._device.close()
