"""A device that reads a capture file."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike, fspath
from typing import BinaryIO, Self

from pyvs.datapath.device import Frame
from pyvs.datapath.pcap import classic, ng
from pyvs.datapath.pcap.capture import CaptureError, Damaged, Interface


class PcapReader:
    """The frames of a capture file (pcap or pcapng), one after the other.

    A damaged file ends early: `problem` then says where and why, and what was read before stays good.
    Raises CaptureError when it can't be opened or is no capture.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = fspath(path)
        self.problem: str | None = None
        self.interfaces: list[Interface] = []
        """Those met so far; a classic file has one without a name."""
        try:
            self._file: BinaryIO = open(self.path, "rb")  # noqa: SIM115  closed by close()
        except OSError as error:
            raise CaptureError(f"{self.path}: can't be read: {error.strerror}") from None
        try:
            self._magic = self._file.read(4)
        except OSError as error:
            self._file.close()
            raise CaptureError(f"{self.path}: can't be read: {error.strerror}") from None
        if self._magic not in classic.MAGICS and self._magic != ng.MAGIC:
            self._file.close()
            found = f"begins with {self._magic.hex(' ')}" if self._magic else "is empty"
            raise CaptureError(f"{self.path}: no capture file, it {found}: expected pcap or pcapng")

    def receive(self) -> Iterator[Frame]:
        """The frames, once; ends at the end of the file or where it is damaged."""
        try:
            if self._magic == ng.MAGIC:
                yield from ng.NgReader(self._file, self.interfaces).read()
            else:
                yield from classic.read(self._file, self._magic, self.interfaces)
        except Damaged as damage:
            self.problem = f"{self.path}: damaged at offset {damage.offset}: {damage}"
        except OSError as error:
            self.problem = f"{self.path}: can't be read any further: {error.strerror}"

    def transmit(self, frame: Frame) -> None:
        """A file that is read takes no frames. Raises CaptureError."""
        raise CaptureError(f"{self.path}: is being read, frames can't be sent to it")

    def tell(self) -> int:
        """Bytes read so far, for progress bars."""
        return 0 if self._file.closed else self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
