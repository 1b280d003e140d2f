"""Capture files of the format pcapng: several interfaces, names, directions, any resolution of time."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, Final, Literal

from pyvs.core.wording import counted
from pyvs.datapath.device import NANOSECONDS, Frame, Way
from pyvs.datapath.pcap import blocks
from pyvs.datapath.pcap.capture import LONGEST, Damaged, Interface

MAGIC: Final = blocks.SECTION.to_bytes(4, "big")
_LONGEST_BLOCK: Final = 1 << 24
_WAYS: Final = {1: Way.IN, 2: Way.OUT}
_ENHANCED_LITTLE: Final = Struct("<IIIIIII")


class NgReader:
    """Reads the blocks of a file from its beginning."""

    def __init__(self, file: BinaryIO, interfaces: list[Interface]) -> None:
        self._file = file
        self._all = interfaces
        self._section: list[Interface] = []
        self._order: Literal["little", "big"] = "little"
        self._enhanced = Struct("<IIIII")
        self._offset = 0
        self._number = 0

    def read(self) -> Iterator[Frame]:
        """The frames of a file of which the first four bytes have been read. Raises Damaged."""
        kind, body = self._section_header()
        while True:
            if kind == blocks.ENHANCED_PACKET:
                yield self._enhanced_packet(body)
            elif kind == blocks.INTERFACE:
                self._interface(body)
            elif kind == blocks.SIMPLE_PACKET:
                yield self._simple_packet(body)
            elif kind == blocks.OLD_PACKET:
                yield self._old_packet(body)
            self._offset += len(body) + 12
            following = self._next_block()
            if following is None:
                return
            kind, body = following

    # ---- blocks ------------------------------------------------------------

    def _next_block(self) -> tuple[int, bytes] | None:
        kind = self._file.read(4)
        if not kind:
            return None
        if kind == MAGIC:
            return self._section_header()
        raw = kind + self._file.read(4)
        if len(raw) < 8:
            raise Damaged(self._offset, f"a block ends after {counted(len(raw), 'byte')}")
        return int.from_bytes(kind, self._order), self._rest(int.from_bytes(raw[4:], self._order), b"")

    def _section_header(self) -> tuple[int, bytes]:
        raw = self._file.read(8)
        if len(raw) < 8:
            raise Damaged(self._offset, f"the section header ends after {counted(4 + len(raw), 'byte')}")
        if int.from_bytes(raw[4:], "little") == blocks.BYTE_ORDER:
            self._order = "little"
        elif int.from_bytes(raw[4:], "big") == blocks.BYTE_ORDER:
            self._order = "big"
        else:
            raise Damaged(self._offset, f"the section header has no byte-order mark but {raw[4:].hex()}")
        self._enhanced = Struct(("<" if self._order == "little" else ">") + "IIIII")
        self._section = []
        body = self._rest(int.from_bytes(raw[:4], self._order), raw[4:])
        if len(body) < 16:
            raise Damaged(
                self._offset, f"the section header is {counted(len(body) + 12, 'byte')} long, shorter than 28"
            )
        major = int.from_bytes(body[4:6], self._order)
        if major != 1:
            raise Damaged(self._offset, f"version {major} of pcapng is not known, expected 1")
        return blocks.SECTION, body

    def _rest(self, length: int, begun: bytes) -> bytes:
        if length < 12 or length % 4 or length > _LONGEST_BLOCK:
            raise Damaged(self._offset, f"a block of {counted(length, 'byte')} can't be")
        rest = length - 8 - len(begun)
        body = begun + self._file.read(rest)
        if len(body) < length - 8:
            raise Damaged(self._offset, f"a block ends after {len(body) + 8} of {counted(length, 'byte')}")
        if int.from_bytes(body[-4:], self._order) != length:
            raise Damaged(self._offset, f"the two lengths of a block differ ({length} at its beginning)")
        return body[:-4]

    # ---- interfaces --------------------------------------------------------

    def _interface(self, body: bytes) -> None:
        if len(body) < 8:
            raise Damaged(self._offset, "an interface block is too short")
        new = Interface(
            "", int.from_bytes(body[:2], self._order), int.from_bytes(body[4:8], self._order) or LONGEST
        )
        for code, value in blocks.options(body, 8, self._order):
            if code == blocks.INTERFACE_NAME:
                new.name = value.rstrip(b"\0").decode("utf-8", "replace")
            elif code == blocks.INTERFACE_IPV4 and len(value) == 8:
                new.addresses.append((value[:4], int.from_bytes(value[4:], "big").bit_count()))
            elif code == blocks.INTERFACE_IPV6 and len(value) == 17 and value[16] <= 128:
                new.addresses.append((value[:16], value[16]))
            elif code == blocks.INTERFACE_MAC and len(value) == 6:
                new.mac = value
            elif code == blocks.INTERFACE_RESOLUTION and value:
                power = value[0] & 0x7F
                if power > 63:
                    raise Damaged(self._offset, f"time stamps in units of {value[0]:#x} can't be")
                new.ticks = 1 << power if value[0] & 0x80 else 10**power
            elif code == blocks.INTERFACE_OFFSET and len(value) == 8:
                new.epoch = int.from_bytes(value, self._order, signed=True)
        new.name = new.name or f"if{len(self._section)}"
        self._section.append(new)
        self._all.append(new)

    def _interface_of(self, index: int) -> Interface:
        try:
            return self._section[index]
        except IndexError:
            message = f"packet {self._number + 1} is of interface {index}, which the file does not describe"
            raise Damaged(self._offset, message) from None

    # ---- packets -----------------------------------------------------------

    def _enhanced_packet(self, body: bytes) -> Frame:
        if len(body) < 20:
            raise Damaged(self._offset, f"the block of packet {self._number + 1} is too short")
        index, high, low, captured, length = self._enhanced.unpack_from(body)
        return self._packet(body, 20, self._interface_of(index), high << 32 | low, captured, length)

    def _old_packet(self, body: bytes) -> Frame:
        if len(body) < 20:
            raise Damaged(self._offset, f"the block of packet {self._number + 1} is too short")
        _first, high, low, captured, length = self._enhanced.unpack_from(body)
        index = int.from_bytes(body[:2], self._order)
        return self._packet(body, 20, self._interface_of(index), high << 32 | low, captured, length)

    def _simple_packet(self, body: bytes) -> Frame:
        if len(body) < 4:
            raise Damaged(self._offset, f"the block of packet {self._number + 1} is too short")
        interface = self._interface_of(0)
        length = int.from_bytes(body[:4], self._order)
        return self._packet(body, 4, interface, 0, min(length, interface.snaplen, len(body) - 4), length)

    def _packet(
        self, body: bytes, start: int, interface: Interface, stamp: int, captured: int, length: int
    ) -> Frame:
        if captured > LONGEST or start + captured > len(body):
            message = f"packet {self._number + 1} claims {counted(captured, 'byte')}, its block has {len(body) - start}"
            raise Damaged(self._offset, message)
        self._number += 1
        way = Way.UNKNOWN
        if start + blocks.padded(captured) < len(body):
            for code, value in blocks.options(body, start + blocks.padded(captured), self._order):
                if code == blocks.PACKET_FLAGS and len(value) == 4:
                    way = _WAYS.get(int.from_bytes(value, self._order) & 3, Way.UNKNOWN)
        return Frame(
            body[start : start + captured],
            time_ns=interface.epoch * NANOSECONDS + stamp * NANOSECONDS // interface.ticks,
            interface=interface.name,
            way=way,
            link=interface.link,
            length=max(length, captured),
            number=self._number,
        )


class NgWriter:
    """Writes one section in little-endian order with time stamps in nanoseconds."""

    def __init__(self, file: BinaryIO, application: str = "pyvs") -> None:
        self._file = file
        self._interfaces: dict[tuple[str, int], int] = {}
        head = blocks.BYTE_ORDER.to_bytes(4, "little") + b"\1\0\0\0" + b"\xff" * 8
        name = blocks.option(blocks.SECTION_APPLICATION, application.encode())
        file.write(blocks.block(blocks.SECTION, head + name + blocks.option(blocks.END, b"")))

    def describe(self, interface: Interface) -> int:
        """Write an interface's block, once for each name and link type; its index."""
        known = self._interfaces.get((interface.name, interface.link))
        if known is not None:
            return known
        body = interface.link.to_bytes(2, "little") + b"\0\0" + LONGEST.to_bytes(4, "little")
        if interface.name:
            body += blocks.option(blocks.INTERFACE_NAME, interface.name.encode())
        for address, prefix in interface.addresses:
            if len(address) == 4:
                mask = (0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF).to_bytes(4, "big")
                body += blocks.option(blocks.INTERFACE_IPV4, address + mask)
            else:
                body += blocks.option(blocks.INTERFACE_IPV6, address + bytes([prefix]))
        if interface.mac:
            body += blocks.option(blocks.INTERFACE_MAC, interface.mac)
        body += blocks.option(blocks.INTERFACE_RESOLUTION, b"\x09") + blocks.option(blocks.END, b"")
        self._file.write(blocks.block(blocks.INTERFACE, body))
        index = self._interfaces[interface.name, interface.link] = len(self._interfaces)
        return index

    def write(self, frame: Frame) -> None:
        """Append a frame, after a block about its interface when that is new."""
        index = self._interfaces.get((frame.interface, frame.link))
        if index is None:
            index = self.describe(Interface(frame.interface, frame.link))
        data = frame.data
        stored = data.ljust(blocks.padded(len(data)), b"\0")
        if frame.way is not Way.UNKNOWN:
            flags = frame.way.value.to_bytes(4, "little")
            stored += blocks.option(blocks.PACKET_FLAGS, flags) + blocks.option(blocks.END, b"")
        total = len(stored) + 32
        high, low = frame.time_ns >> 32 & 0xFFFFFFFF, frame.time_ns & 0xFFFFFFFF
        head = _ENHANCED_LITTLE.pack(blocks.ENHANCED_PACKET, total, index, high, low, len(data), frame.length)
        self._file.write(head + stored + total.to_bytes(4, "little"))
