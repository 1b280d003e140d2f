"""What passes over the UNIX socket: frames, each one message of a SOCK_SEQPACKET socket.

    u8 kind, then the body

A request is one frame. Its answer is any number of frames NETLINK or TEXT, then END or REFUSED.
"""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import Final

from pyvs.core.errors import ControlError, Errno

LONGEST: Final = 65536
"""Bytes of a frame; longer ones are refused."""
_PART: Final = 32768
_ERRNO: Final = Struct("!I")


class Kind(IntEnum):
    """What a frame is. The first five and MASQUERADE are requests, too."""

    NETLINK = 1
    """A datagram of the family "IPVS"."""
    PROC = 2
    """The name of a file of /proc/net."""
    SYSCTL_NAMES = 3
    SYSCTL_READ = 4
    """The name of a sysctl."""
    SYSCTL_WRITE = 5
    """The name of a sysctl, a zero byte, the text."""
    TEXT = 6
    """A part of the text asked for."""
    END = 7
    REFUSED = 8
    """u32 errno (network byte order), then a sentence."""
    MASQUERADE = 9
    """A request to masquerading, as words; see masquerade.py."""


def frame(kind: Kind, body: bytes = b"") -> bytes:
    """A frame."""
    return bytes((kind,)) + body


def texts(text: str) -> Iterator[bytes]:
    """The frames of a text."""
    data = text.encode("utf-8", "surrogateescape")
    for at in range(0, len(data), _PART):
        yield frame(Kind.TEXT, data[at : at + _PART])


def refused(refusal: ControlError) -> bytes:
    """The frame of a refusal."""
    return frame(Kind.REFUSED, _ERRNO.pack(refusal.errno) + str(refusal).encode("utf-8", "replace")[:1024])


def read_refused(body: bytes) -> ControlError:
    """The refusal of a frame REFUSED."""
    if len(body) < _ERRNO.size:
        return ControlError(Errno.EINVAL, "the director's refusal is too short")
    (number,) = _ERRNO.unpack_from(body)
    errno = Errno(number) if number in Errno.__members__.values() else Errno.EINVAL
    return ControlError(errno, body[_ERRNO.size :].decode("utf-8", "replace"))
