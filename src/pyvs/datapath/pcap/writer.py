"""A device that writes a capture file."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO, Final, Self

from pyvs.datapath.device import Frame
from pyvs.datapath.link import ETHERNET
from pyvs.datapath.pcap.capture import CaptureError, Interface
from pyvs.datapath.pcap.classic import ClassicWriter
from pyvs.datapath.pcap.ng import NgWriter

CLASSIC_SUFFIXES: Final = frozenset({".pcap", ".cap", ".dmp"})


class PcapWriter:
    """Writes frames to a file: classic if its name ends in .pcap, .cap or .dmp, else pcapng.

    Raises CaptureError when the file can't be written.
    """

    def __init__(self, path: str | PathLike[str], *, link: int = ETHERNET.number) -> None:
        self.path = fspath(path)
        try:
            self._file: BinaryIO = open(self.path, "wb")  # noqa: SIM115  closed by close()
        except OSError as error:
            raise CaptureError(f"{self.path}: can't be written: {error.strerror}") from None
        self._ng: NgWriter | None = None
        self._classic: ClassicWriter | None = None
        if self.is_classic(self.path):
            self._classic = ClassicWriter(self._file, link)
        else:
            self._ng = NgWriter(self._file)

    @staticmethod
    def is_classic(path: str | PathLike[str]) -> bool:
        """Whether a file of this name gets the classic format, which has one link type and no interfaces."""
        return Path(path).suffix.lower() in CLASSIC_SUFFIXES

    def describe(self, interface: Interface) -> None:
        """Tell of an interface before its first frame, where the format can."""
        if self._ng is not None:
            self._ng.describe(interface)

    def receive(self) -> Iterator[Frame]:
        """Nothing comes from a file that is written."""
        return iter(())

    def transmit(self, frame: Frame) -> None:
        """Append a frame. Raises CaptureError."""
        try:
            if self._ng is not None:
                self._ng.write(frame)
            elif self._classic is not None:
                self._classic.write(frame)
        except OSError as error:
            raise CaptureError(f"{self.path}: can't be written: {error.strerror}") from None
        except ValueError as error:
            raise CaptureError(f"{self.path}: {error}: name the file .pcapng to keep both") from None

    def close(self) -> None:
        """Write out and close the file. Raises CaptureError."""
        try:
            self._file.close()
        except OSError as error:
            raise CaptureError(f"{self.path}: can't be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
