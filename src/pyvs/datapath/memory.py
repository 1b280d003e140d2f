"""A device in memory: a list of frames that arrive, a list of frames that were sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyvs.datapath.device import Frame


class MemoryDevice:
    """For tests and for programs that bring packets of their own."""

    def __init__(self, arriving: Iterable[Frame] = ()) -> None:
        self.arriving: list[Frame] = list(arriving)
        """Not yet received."""
        self.sent: list[Frame] = []

    def receive(self) -> Iterator[Frame]:
        """The frames of `arriving`, which are taken away; more may be added meanwhile."""
        while self.arriving:
            yield self.arriving.pop(0)

    def transmit(self, frame: Frame) -> None:
        """Keep a frame in `sent`."""
        self.sent.append(frame)

    def close(self) -> None:
        """Nothing is held."""
