"""Devices: where packets come from and where they go. Times are nanoseconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, Protocol

NANOSECONDS: Final = 1_000_000_000


class Way(Enum):
    """Which way a frame crossed its interface, as seen from the host; the value is pcapng's."""

    UNKNOWN = 0
    IN = 1
    OUT = 2


class Frame:
    """One frame with its link-layer header, and what is known of its passage."""

    __slots__ = ("data", "interface", "length", "link", "number", "time_ns", "way")

    def __init__(
        self,
        data: bytes,
        *,
        time_ns: int = 0,
        interface: str = "",
        way: Way = Way.UNKNOWN,
        link: int = 1,
        length: int | None = None,
        number: int = 0,
    ) -> None:
        self.data = data
        self.time_ns = time_ns
        """Nanoseconds since the epoch."""
        self.interface = interface
        """Name of the interface; empty when it is not known."""
        self.way = way
        self.link = link
        """Link type, as capture files number them: see `pyvs.datapath.link`."""
        self.length = len(data) if length is None else length
        """Bytes it had on the wire; `data` is shorter when the capture cut it."""
        self.number = number
        """Counts the frames of its device from 1; 0 when it is not from one."""

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        return self.time_ns / NANOSECONDS

    @property
    def missing(self) -> int:
        """Bytes that the capture cut off."""
        return max(0, self.length - len(self.data))

    def copy(self, data: bytes | None = None) -> Frame:
        """The same passage of other bytes (or of the same)."""
        return Frame(
            self.data if data is None else data,
            time_ns=self.time_ns,
            interface=self.interface,
            way=self.way,
            link=self.link,
            length=self.length if data is None else len(data),
            number=self.number,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # two equal frames are still two frames

    def __repr__(self) -> str:
        where = f"{self.interface or '?'} {self.way.name}"
        return f"<Frame {self.number} {where} t={self.time:.6f} {len(self.data)}/{self.length} bytes>"


class Device(Protocol):
    """The interface of everything that frames come from and go to."""

    def receive(self) -> Iterator[Frame]:
        """The frames that have arrived, in their order."""
        ...

    def transmit(self, frame: Frame) -> None:
        """Send a frame."""
        ...

    def close(self) -> None:
        """Let go of what the device holds."""
        ...
