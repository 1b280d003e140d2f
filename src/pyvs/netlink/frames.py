"""What passes over the UNIX socket: frames, each one message of a SOCK_SEQPACKET socket.

    u8 kind, then the body

A request is one frame. Its answer is any number of frames NETLINK or TEXT, then END or REFUSED.

DATAGRAM and ECHO are for programs that believe that they have a netlink socket: what answers them is bare, without
kind and without END, so that such a program may read its socket itself.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import Final

from pyvs.core.errors import ControlError, Errno

LONGEST: Final = 65536
"""Bytes of a frame; longer ones are refused."""
_PART: Final = 32768
_ERRNO: Final = Struct("!I")


class Kind(IntEnum):
    """What a frame is. TEXT, END and REFUSED are answers, NETLINK is both, the others are requests."""

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
    DATAGRAM = 10
    """u32 portid of the requester (host byte order), a datagram of the family. The answers are bare datagrams."""
    ECHO = 11
    """A datagram that comes back, bare: how a shim puts something into its own socket."""
    SOCKOPT_SET = 12
    """u32 option (host byte order), then what setsockopt was given. See sockopt.py."""
    SOCKOPT_GET = 13
    """u32 option, u32 room for the answer (both host byte order), then what getsockopt was given."""
    SYSCTL_OPEN = 14
    """The name of a sysctl. After the END every message on this connection is a text for it, and is not answered."""


def frame(kind: Kind, body: bytes = b"") -> bytes:
    """A frame."""
    return bytes((kind,)) + body


def texts(text: Iterable[str]) -> Iterator[bytes]:
    """The frames of a text that comes in parts."""
    return parts(part.encode("utf-8", "surrogateescape") for part in text)


def parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The frames of an answer that comes in pieces; an empty one after each piece lets others have their turn."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= _PART:
            yield frame(Kind.TEXT, bytes(held[:_PART]))
            del held[:_PART]
        yield b""
    if held:
        yield frame(Kind.TEXT, bytes(held))


def refused(refusal: ControlError) -> bytes:
    """The frame of a refusal."""
    return frame(Kind.REFUSED, _ERRNO.pack(refusal.errno) + str(refusal).encode("utf-8", "replace")[:1024])


def read_refused(body: bytes) -> ControlError:
    """The refusal of a frame REFUSED."""
    if len(body) < _ERRNO.size:
        return ControlError(Errno.EINVAL, "the director's refusal is too short")
    (number,) = _ERRNO.unpack_from(body)
    return ControlError(Errno.known(number, Errno.EINVAL), body[_ERRNO.size :].decode("utf-8", "replace"))
