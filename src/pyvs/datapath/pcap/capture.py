"""What the two capture formats share: interfaces, damage, bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Final

from pyvs.core.errors import PyvsError

LONGEST: Final = 1 << 18
"""Longest frame that a capture may hold, as in libpcap: a greater length is damage, not a frame."""


class CaptureError(PyvsError):
    """A capture that can't be read or written: file, offset, what is wrong."""


@dataclass(slots=True)
class Interface:
    """An interface that a capture tells of."""

    name: str
    link: int
    """Link type of its frames."""
    snaplen: int = LONGEST
    addresses: list[tuple[bytes, int]] = field(default_factory=list)
    """Its IP addresses, packed, with the length of their prefix."""
    mac: bytes = b""
    ticks: int = 1_000_000
    """Units of its time stamps in a second."""
    epoch: int = 0
    """Seconds that are added to its time stamps."""

    def __str__(self) -> str:
        shown = ", ".join(str(ip_interface(pair)) for pair in self.addresses)
        return f"{self.name} ({shown})" if shown else self.name


class Damaged(Exception):
    """The bytes at an offset make no sense; the reader turns it into its `problem`."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
