"""The blocks of pcapng that matter here, their numbers and options."""

from collections.abc import Iterator
from typing import Final

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OLD_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6

BYTE_ORDER: Final = 0x1A2B3C4D

# Options.
END: Final = 0
SECTION_APPLICATION: Final = 4
INTERFACE_NAME: Final = 2
INTERFACE_IPV4: Final = 4
INTERFACE_IPV6: Final = 5
INTERFACE_MAC: Final = 6
INTERFACE_RESOLUTION: Final = 9
INTERFACE_OFFSET: Final = 14
PACKET_FLAGS: Final = 2


def padded(length: int) -> int:
    """A length rounded up to whole 32-bit words."""
    return length + 3 & ~3


def options(body: bytes, offset: int, order: str) -> Iterator[tuple[int, bytes]]:
    """The options of a block from `offset` on; a broken list just ends.

    order: `little` or `big`.
    """
    little = order == "little"
    while offset + 4 <= len(body):
        a, b, c, d = body[offset : offset + 4]
        code, length = (a | b << 8, c | d << 8) if little else (a << 8 | b, c << 8 | d)
        offset += 4
        if code == END or offset + length > len(body):
            return
        yield code, body[offset : offset + length]
        offset += padded(length)


def option(code: int, value: bytes) -> bytes:
    """An option as bytes, little-endian."""
    head = code.to_bytes(2, "little") + len(value).to_bytes(2, "little")
    return head + value.ljust(padded(len(value)), b"\0")


def block(kind: int, body: bytes) -> bytes:
    """A whole block as bytes, little-endian; the body is filled up to whole words."""
    body = body.ljust(padded(len(body)), b"\0")
    length = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + length + body + length
