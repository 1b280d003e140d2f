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
_CONTROL_SPACE: Final = 128


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
        self._slots = slots
        self._capacity = capacity
        self._data = bytearray(capacity)
        self._names = bytearray(32 * slots)
        self._controls = bytearray(_CONTROL_SPACE * slots)
        self._vectors = bytearray(_VECTOR.size * slots)
        self._headers = bytearray(_HEADER.size * slots)
        self._data_at = _address(self._data)
        self._names_at = _address(self._names)
        self._controls_at = _address(self._controls)
        self._vectors_at = _address(self._vectors)
        self._headers_at = _address(self._headers)
        self._pack_vector = _VECTOR.pack_into
        self._pack_header = _HEADER.pack_into
        self._plain: list[int] = [0] * slots
        """Length of the name that slot i's header is made for; -1 when it carries control data."""
        self._used = 0
        self.count = 0
        """How many wait."""

    def fits(self, length: int) -> bool:
        """Whether one more of this length finds room before a `send`."""
        return self.count < self._slots and self._used + length <= self._capacity

    def put(self, data: bytes, name: bytes, control: bytes = b"") -> None:
        """Add a datagram for an address (a packed `sockaddr`); it must fit."""
        i, used, length = self.count, self._used, len(data)
        self._data[used : used + length] = data
        self._pack_vector(self._vectors, i * _VECTOR.size, self._data_at + used, length)
        size = len(name)
        at = i * 32
        self._names[at : at + size] = name
        if control or self._plain[i] != size:
            self._make_header(i, size, control)
        self._used = used + length
        self.count = i + 1

    def _make_header(self, i: int, name_size: int, control: bytes) -> None:
        place = 0
        if control:
            at = i * _CONTROL_SPACE
            self._controls[at : at + len(control)] = control
            place = self._controls_at + at
        self._pack_header(
            self._headers,
            i * _HEADER.size,
            self._names_at + i * 32,
            name_size,
            self._vectors_at + i * _VECTOR.size,
            1,
            place,
            len(control),
            0,
            0,
        )
        self._plain[i] = -1 if control else name_size

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
        self.count = self._used = 0
        return errors
