"""The kernel tells of neighbours that have another link-layer address, or none any more. Kernel: `RTNLGRP_NEIGH`.

One that has not been heard of for long grows stale, and the kernel asks for it again when it has a packet for it. It
does not see packets of the fast path, so it is told which stale ones are in use: a server with another address is
found then, and clients of one that is gone get the ICMP error.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from itertools import islice
from struct import Struct
from typing import Final

_HEADER: Final = Struct("=IHHII")
_NDMSG: Final = Struct("=BxxxiHBB")
_ATTRIBUTE: Final = Struct("=HH")
_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_GROUP: Final = 3
_NEW, _DELETED, _GET = 28, 29, 30
_REQUEST, _DUMP = 0x001, 0x300
_DST, _LLADDR = 1, 2
_STALE, _FAILED = 0x04, 0x20
_USE: Final = 0x01
_LLADDR_SIZE: Final = 6
LOOKED_AT: Final = 500
"""Stale neighbours that are looked at in one go."""
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
        self._stale: dict[tuple[int, bytes], bytes] = {}
        """Their link-layer addresses."""
        self._send(_GET, _DUMP, 0, 0, 0)

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
                self._stale.clear()
                self._send(_GET, _DUMP, 0, 0, 0)
                changed = True
                continue
            changed |= self.read(data)

    def use(self, used: Callable[[int, bytes], bool]) -> None:
        """Let the kernel ask again for stale neighbours that are in use. Kernel: `neigh_event_send`.

        used: whether packets go by a device (its number) to a link-layer address.
        """
        for name in list(islice(self._stale, LOOKED_AT)):
            ifindex, address = name
            lladdr = self._stale.pop(name)
            if used(ifindex, lladdr):
                family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
                attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), _DST) + address
                self._send(_NEW, 0, family, ifindex, _USE, attribute)
            else:
                self._stale[name] = lladdr

    def _send(self, kind: int, how: int, family: int, ifindex: int, flags: int, more: bytes = b"") -> None:
        body = _NDMSG.pack(family, ifindex, 0, flags, 0) + more
        with contextlib.suppress(OSError):
            self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | how, 0, 0) + body)

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
        name = ifindex, address
        self._stale.pop(name, None)
        if lladdr and state & _STALE and len(lladdr) == _LLADDR_SIZE and len(self._stale) < KNOWN_MOST:
            self._stale[name] = lladdr
        before = self._known.get(name)
        if lladdr:
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            self._known[name] = lladdr
        else:
            self._known.pop(name, None)
        return before is not None and before != lladdr

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
