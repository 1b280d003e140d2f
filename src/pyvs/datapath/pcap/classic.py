"""Capture files of the classic format: one link type, micro- or nanoseconds, either byte order."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, Final

from pyvs.core.wording import counted
from pyvs.datapath.device import NANOSECONDS, Frame
from pyvs.datapath.pcap.capture import LONGEST, Damaged, Interface

MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order and nanoseconds in a unit of the lower half of the time, by the first four bytes."""

_HEADER: Final = "HHiIII"
_RECORD: Final = "IIII"
_WRITTEN: Final = Struct("<IIII")
_NANOSECOND_MAGIC: Final = 0xA1B23C4D


def read(file: BinaryIO, magic: bytes, interfaces: list[Interface]) -> Iterator[Frame]:
    """The frames of a file of which `magic` has been read. Raises Damaged."""
    order, scale = MAGICS[magic]
    header = Struct(order + _HEADER)
    raw = file.read(header.size)
    if len(raw) < header.size:
        raise Damaged(4, f"the file header ends after {4 + len(raw)} of {counted(4 + header.size, 'byte')}")
    major, minor, _zone, _sigfigs, snaplen, network = header.unpack(raw)
    if major != 2:
        raise Damaged(4, f"version {major}.{minor} is not known, expected 2.4")
    link = network & 0xFFFF
    interfaces.append(Interface("", link, snaplen))
    record = Struct(order + _RECORD)
    unpack, size, take = record.unpack, record.size, file.read
    offset = 24
    number = 0
    while True:
        raw = take(size)
        if len(raw) < size:
            if raw:
                raise Damaged(
                    offset,
                    f"the header of packet {number + 1} ends after {len(raw)} of {counted(size, 'byte')}",
                )
            return
        seconds, fraction, captured, length = unpack(raw)
        if captured > LONGEST:
            raise Damaged(
                offset,
                f"packet {number + 1} claims {counted(captured, 'byte')}, more than the {LONGEST} allowed",
            )
        data = take(captured)
        if len(data) < captured:
            raise Damaged(
                offset, f"packet {number + 1} ends after {len(data)} of {counted(captured, 'byte')}"
            )
        number += 1
        offset += size + captured
        time_ns = seconds * NANOSECONDS + fraction * scale
        yield Frame(data, time_ns=time_ns, link=link, length=max(length, captured), number=number)


class ClassicWriter:
    """Writes a nanosecond file in little-endian order."""

    def __init__(self, file: BinaryIO, link: int) -> None:
        self._file = file
        self.link = link
        file.write(Struct("<I" + _HEADER).pack(_NANOSECOND_MAGIC, 2, 4, 0, 0, LONGEST, link))

    def write(self, frame: Frame) -> None:
        """Append a frame; its interface and way can't be kept. Raises ValueError for another link type."""
        if frame.link != self.link:
            raise ValueError(f"the file is for link type {self.link}, the frame is of {frame.link}")
        seconds, fraction = divmod(frame.time_ns, NANOSECONDS)
        data = frame.data
        self._file.write(_WRITTEN.pack(seconds & 0xFFFFFFFF, fraction, len(data), frame.length) + data)
