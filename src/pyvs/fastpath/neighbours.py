"""The kernel tells of neighbours that have another link-layer address, or none any more. Kernel: `RTNLGRP_NEIGH`."""

from __future__ import annotations

import contextlib
import errno
import socket
from struct import Struct
from typing import Final

_HEADER: Final = Struct("=IHHII")
_NDMSG: Final = Struct("=BxxxiHBB")
_ATTRIBUTE: Final = Struct("=HH")
_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_GROUP: Final = 3
_NEW, _DELETED = 28, 29
_DST, _LLADDR = 1, 2
_FAILED: Final = 0x20
KNOWN_MOST: Final = 65_536


class Neighbours:
    """A socket that hears of neighbours."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))  # one without an address is told nothing
        with contextlib.suppress(OSError):
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        self._socket.setblocking(False)
        self._known: dict[tuple[int, bytes], bytes] = {}

    def fileno(self) -> int:
        """Readable when something has changed: then call `changed`."""
        return self._socket.fileno()

    def changed(self) -> bool:
        """Whether a neighbour that was known has another address now, or none."""
        changed = False
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return changed
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._known.clear()
                changed = True
                continue
            changed |= self.read(data)

    def read(self, data: bytes) -> bool:
        """Take note of messages; whether a known neighbour is another one now."""
        changed = False
        at = 0
        while at + _HEADER.size + _NDMSG.size <= len(data):
            size, kind, _, _, _ = _HEADER.unpack_from(data, at)
            if size < _HEADER.size:
                break
            if kind in (_NEW, _DELETED):
                changed |= self._note(kind, data[at + _HEADER.size : at + size])
            at += (size + 3) & ~3
        return changed

    def _note(self, kind: int, body: bytes) -> bool:
        if len(body) < _NDMSG.size:
            return False
        _, ifindex, state, _, _ = _NDMSG.unpack_from(body)
        address = lladdr = b""
        at = _NDMSG.size
        while at + _ATTRIBUTE.size <= len(body):
            size, name = _ATTRIBUTE.unpack_from(body, at)
            if size < _ATTRIBUTE.size:
                break
            value = body[at + _ATTRIBUTE.size : at + size]
            if name == _DST:
                address = value
            elif name == _LLADDR:
                lladdr = value
            at += (size + 3) & ~3
        if kind == _DELETED or state & _FAILED:
            lladdr = b""
        elif not lladdr:
            return False
        before = self._known.get((ifindex, address))
        if lladdr:
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            self._known[ifindex, address] = lladdr
        else:
            self._known.pop((ifindex, address), None)
        return before is not None and before != lladdr

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
