"""Many datagrams by one system call: recvmmsg and sendmmsg of the C library, which Python does not offer.

The structures lie in bytearrays that are filled by `struct`, so that a packet costs no ctypes object.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from struct import Struct, calcsize
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_recvmmsg: Final = _libc.recvmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_recvmmsg.restype = ctypes.c_int
_sendmmsg: Final = _libc.sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
_sendmmsg.restype = ctypes.c_int

_HEADER: Final = Struct("@PIPNPNi0PI0P")
"""`struct mmsghdr`: name, its length, vector, its length, control, its length, flags, bytes received or sent."""
_LENGTH_AT: Final = calcsize("@PIPNPNi0P")
_VECTOR: Final = Struct("@PN")
"""`struct iovec`: where and how long."""
_VECTOR_LENGTH_AT: Final = calcsize("@P0N")
_LENGTH: Final = Struct("@N")
_NAME_SPACE: Final = 32
_CONTROL_SPACE: Final = 128
_UNMADE: Final = b"?"
"""No name is this."""
SMALL: Final = 2048
"""Bytes that every slot of an Outbox has of its own."""


def _address(buffer: bytearray) -> int:
    """Where a bytearray lies. It must not change its length afterwards."""
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


class Inbox:
    """Receives up to `slots` datagrams of up to `size` bytes at once."""

    def __init__(self, slots: int, size: int) -> None:
        self.slots = slots
        self.size = size
        self.buffer = bytearray(slots * size)
        """Datagram i begins at i * size."""
        self._vectors = bytearray(_VECTOR.size * slots)
        self._headers = bytearray(_HEADER.size * slots)
        data, vectors = _address(self.buffer), _address(self._vectors)
        for i in range(slots):
            _VECTOR.pack_into(self._vectors, i * _VECTOR.size, data + i * size, size)
            place = vectors + i * _VECTOR.size
            _HEADER.pack_into(self._headers, i * _HEADER.size, 0, 0, place, 1, 0, 0, 0, 0)
        self._where = _address(self._headers)
        tail = _HEADER.size - _LENGTH_AT - 4
        self._lengths = Struct(f"={f'{_LENGTH_AT}xI{tail}x' * slots}")

    def receive(self, descriptor: int) -> tuple[int, tuple[int, ...]]:
        """How many datagrams have come (0: none waits) and, from the first on, their lengths.

        Raises OSError, such as ENOBUFS when a netlink socket has lost some.
        """
        count = _recvmmsg(descriptor, self._where, self.slots, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in {errno.EAGAIN, errno.EINTR}:
                return 0, ()
            raise OSError(number, os.strerror(number))
        return count, self._lengths.unpack(self._headers)


class Outbox:
    """Collects datagrams for one socket and sends them at once."""

    def __init__(self, slots: int = 128, capacity: int = 1 << 18) -> None:
        """slots: datagrams at once; capacity: bytes for those of more than SMALL bytes."""
        self.count = 0
        """How many wait."""
        self._slots = slots
        self._data = bytearray(slots * SMALL)
        self._large = bytearray(capacity)
        self._large_used = 0
        self._names = bytearray(_NAME_SPACE * slots)
        self._controls = bytearray(_CONTROL_SPACE * slots)
        self._vectors = bytearray(_VECTOR.size * slots)
        self._headers = bytearray(_HEADER.size * slots)
        self._data_at = _address(self._data)
        self._large_at = _address(self._large)
        self._names_at = _address(self._names)
        self._controls_at = _address(self._controls)
        self._vectors_at = _address(self._vectors)
        self._headers_at = _address(self._headers)
        self._pack_length = _LENGTH.pack_into
        self._named: list[bytes] = [_UNMADE] * slots
        """The name in slot i, whose header and vector are those of a small datagram without control data."""

    def put(self, data: bytes, name: bytes, control: bytes = b"") -> bool:
        """Add a datagram for an address (a packed `sockaddr`), or say that there is no room before a `send`."""
        i = self.count
        length = len(data)
        if i == self._slots:
            return False
        if length > SMALL or control:
            return self._put_large(data, name, control)
        if self._named[i] != name:
            self._make(i, name, self._data_at + i * SMALL, length, b"")
            self._named[i] = name
        else:
            self._pack_length(self._vectors, i * _VECTOR.size + _VECTOR_LENGTH_AT, length)
        at = i * SMALL
        self._data[at : at + length] = data
        self.count = i + 1
        return True

    def _put_large(self, data: bytes, name: bytes, control: bytes) -> bool:
        i, used, length = self.count, self._large_used, len(data)
        if used + length > len(self._large):
            return False
        self._large[used : used + length] = data
        self._make(i, name, self._large_at + used, length, control)
        self._named[i] = _UNMADE
        self._large_used = used + length
        self.count = i + 1
        return True

    def _make(self, i: int, name: bytes, where: int, length: int, control: bytes) -> None:
        """Write name, vector and header of a slot."""
        at = i * _NAME_SPACE
        self._names[at : at + len(name)] = name
        _VECTOR.pack_into(self._vectors, i * _VECTOR.size, where, length)
        place = 0
        if control:
            at = i * _CONTROL_SPACE
            self._controls[at : at + len(control)] = control
            place = self._controls_at + at
        _HEADER.pack_into(
            self._headers,
            i * _HEADER.size,
            self._names_at + i * _NAME_SPACE,
            len(name),
            self._vectors_at + i * _VECTOR.size,
            1,
            place,
            len(control),
            0,
            0,
        )

    def send(self, descriptor: int) -> dict[int, int]:
        """Send what waits; one that the kernel refuses is left out. How often each errno came."""
        errors: dict[int, int] = {}
        first, left = 0, self.count
        while left:
            sent = _sendmmsg(descriptor, self._headers_at + first * _HEADER.size, left, socket.MSG_DONTWAIT)
            if sent < 0:
                number = ctypes.get_errno()
                if number == errno.EINTR:
                    continue
                errors[number] = errors.get(number, 0) + 1
                sent = 1
            first += sent
            left -= sent
        self.count = self._large_used = 0
        return errors
