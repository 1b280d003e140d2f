"""The kernel's routes, links and rules, asked by a few messages of our own over rtnetlink.

Only what the director needs: one route, all links, all rules, and to be told that something changed.
Kernel: `include/uapi/linux/rtnetlink.h`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from pyvs.core.errors import PyvsError

_NLMSG: Final = Struct("=IHHII")
_ATTRIBUTE: Final = Struct("=HH")
_RTMSG: Final = Struct("=BBBBBBBBI")
_IFINFO: Final = Struct("=BxHiII")
_TCMSG: Final = Struct("=BxxxiIII")
_U32: Final = Struct("=I")
_TIMEVAL: Final = Struct("@ll")

REQUEST: Final = 1
DUMP: Final = 0x300
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
GET_LINK: Final = 18
GET_ROUTE: Final = 26
GET_RULE: Final = 34
GET_FILTER: Final = 46
SOL_NETLINK: Final = 270
ADD_MEMBERSHIP: Final = 1
BUFFER: Final = 1 << 18
ONE: Final = 1 << 13
"""Bytes of a single answer, at most."""
PATIENCE: Final = 5
"""Seconds until the kernel must have answered."""

CHANGES: Final = (1, 5, 7, 8, 9, 11, 19, 32)
"""Groups that tell of links, addresses, routes, rules (IPv4 and IPv6) and next hops. Kernel: `RTNLGRP_*`."""

_DEFAULT_RULES: Final = frozenset({(0, 255), (32766, 254), (32767, 253)})
"""Priority and table of the rules that every host has."""


class RouteType(IntEnum):
    """Kernel: `RTN_*`."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


class _Rta(IntEnum):
    DST = 1
    SRC = 2
    IIF = 3
    OIF = 4
    GATEWAY = 5
    PRIORITY = 6
    PREFSRC = 7
    METRICS = 8
    TABLE = 15
    MARK = 16


_METRIC_MTU: Final = 2
_IFLA_NAME: Final = 3
_IFLA_MTU: Final = 4
_IFLA_QDISC: Final = 6
_IFLA_LINKINFO: Final = 18
_IFLA_LINK_NETNSID: Final = 37
_IFLA_INFO_KIND: Final = 1
_KIND: Final = 0x3FFF
"""Of an attribute's number: the rest are flags."""
IFF_UP: Final = 1
_NO_QUEUE: Final = b"noqueue\0"
_EGRESS: Final = 0xFFFFFFF3
"""Where clsact keeps its filters for what leaves. Kernel: `TC_H_CLSACT`, `TC_H_MIN_EGRESS`."""


@dataclass(slots=True, frozen=True)
class Link:
    """A network device."""

    index: int
    name: str
    mtu: int
    up: bool
    veth: bool = False
    """One end of a veth pair."""
    reaches_out: bool = False
    """One end of a veth pair whose other end is in another network namespace."""
    queues: bool = False
    """Packets that leave by it may wait: it has a queueing discipline."""


@dataclass(slots=True, frozen=True)
class FoundRoute:
    """What the kernel answers about one destination."""

    type: int
    device: int
    gateway: bytes | None
    source: bytes
    mtu: int
    """Of the route or path, 0 when only the device limits it."""


class RtnetlinkError(PyvsError):
    """The kernel refused a question; `errno` says why."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"{what}: {os.strerror(number)}")
        self.errno = number


def attributes(data: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """The attributes of a message, from `at` on; what is cut off at the end is left out."""
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size or at + size > len(data):
            return
        yield kind & _KIND, data[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


class Questions:
    """A socket that asks one of the kernel's rooms that speak netlink."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._socket.bind((0, 0))
        # A limit of the kernel's: with one of Python's each call would wait by poll() first.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(PATIENCE, 0))
        self._sequence = 0

    def ask(self, kind: int, flags: int, body: bytes, what: str) -> Iterator[bytes]:
        """The answers' payloads. Raises RtnetlinkError."""
        self._sequence += 1
        room = BUFFER if flags & DUMP else ONE
        self._socket.send(
            _NLMSG.pack(_NLMSG.size + len(body), kind, REQUEST | flags, self._sequence, 0) + body
        )
        while True:
            data = self._socket.recv(room)
            at = 0
            while at + _NLMSG.size <= len(data):
                size, kind, _, sequence, _ = _NLMSG.unpack_from(data, at)
                payload = data[at + _NLMSG.size : at + size]
                at += (max(size, _NLMSG.size) + 3) & ~3
                if sequence != self._sequence:
                    continue  # a late answer to an earlier question
                if kind == NLMSG_ERROR:
                    number = -int.from_bytes(payload[:4], sys.byteorder, signed=True)
                    raise RtnetlinkError(number, what)
                if kind == NLMSG_DONE:
                    return
                yield payload
                if not flags & DUMP:
                    return

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Rtnetlink:
    """A socket that asks, and one that is told of changes."""

    def __init__(self) -> None:
        self._questions = Questions(socket.NETLINK_ROUTE)
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.bind((0, 0))  # one without an address is told nothing
        for group in CHANGES:
            with contextlib.suppress(OSError):  # a group that this kernel has not
                self._events.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
        self._events.setblocking(False)

    def fileno(self) -> int:
        """Readable when something has changed: then call `changed`."""
        return self._events.fileno()

    def changed(self) -> bool:
        """Whether anything has changed since the last call."""
        heard = False
        while True:
            try:
                self._events.recv(BUFFER)
            except BlockingIOError:
                return heard
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # too many changes to be told one by one
                    raise
            heard = True

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, device: int = 0
    ) -> FoundRoute:
        """The route of a packet sent from here. Raises RtnetlinkError (ENETUNREACH and others)."""
        family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
        bits = len(destination) * 8
        body = _RTMSG.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, 0)
        body += _attribute(_Rta.DST, destination)
        if source:
            body += _attribute(_Rta.SRC, source)
        if mark:
            body += _attribute(_Rta.MARK, _U32.pack(mark))
        if device:
            body += _attribute(_Rta.OIF, _U32.pack(device))
        for payload in self._questions.ask(GET_ROUTE, 0, body, "route"):
            return _read_route(payload)
        raise RtnetlinkError(errno.ENETUNREACH, "route")

    def links(self) -> list[Link]:
        """All devices."""
        return [
            _read_link(payload)
            for payload in self._questions.ask(GET_LINK, DUMP, _IFINFO.pack(0, 0, 0, 0, 0), "links")
        ]

    def link(self, index: int) -> Link:
        """One device as it is now. Raises RtnetlinkError (ENODEV)."""
        for payload in self._questions.ask(GET_LINK, 0, _IFINFO.pack(0, 0, index, 0, 0), "link"):
            return _read_link(payload)
        raise RtnetlinkError(errno.ENODEV, "link")

    def filters_leaving(self, index: int) -> bool:
        """Whether tc has filters of clsact for what leaves by a device. Raises RtnetlinkError."""
        body = _TCMSG.pack(0, index, 0, _EGRESS, 0)
        return len(list(self._questions.ask(GET_FILTER, DUMP, body, "filters"))) > 0

    def has_policy(self) -> bool:
        """Whether rules besides the usual three choose the table of routes (`ip rule`)."""
        for family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(RtnetlinkError):
                body = _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
                for payload in self._questions.ask(GET_RULE, DUMP, body, "rules"):
                    table = payload[4]
                    priority = 0
                    for kind, value in attributes(payload, _RTMSG.size):
                        if kind == _Rta.PRIORITY:
                            priority = _U32.unpack(value)[0]
                        elif kind == _Rta.TABLE:
                            table = _U32.unpack(value)[0]
                    if (priority, table) not in _DEFAULT_RULES:
                        return True
        return False

    def close(self) -> None:
        """Close both sockets."""
        self._questions.close()
        self._events.close()


def _read_link(payload: bytes) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(payload)
    name, mtu, veth, apart, queues = "", 0, False, False, False
    for kind, value in attributes(payload, _IFINFO.size):
        if kind == _IFLA_NAME:
            name = value.rstrip(b"\0").decode(errors="replace")
        elif kind == _IFLA_MTU:
            mtu = _U32.unpack(value)[0]
        elif kind == _IFLA_QDISC:
            queues = value != _NO_QUEUE
        elif kind == _IFLA_LINKINFO:
            veth = (_IFLA_INFO_KIND, b"veth\0") in attributes(value)
        elif kind == _IFLA_LINK_NETNSID:
            apart = True
    return Link(index, name, mtu, bool(flags & IFF_UP), veth, veth and apart, queues)


def _read_route(payload: bytes) -> FoundRoute:
    kind = payload[7]
    device, mtu = 0, 0
    gateway: bytes | None = None
    source = b""
    for number, value in attributes(payload, _RTMSG.size):
        if number == _Rta.OIF:
            device = _U32.unpack(value)[0]
        elif number == _Rta.GATEWAY:
            gateway = value
        elif number == _Rta.PREFSRC:
            source = value
        elif number == _Rta.METRICS:
            for metric, content in attributes(value):
                if metric == _METRIC_MTU:
                    mtu = _U32.unpack(content)[0]
    return FoundRoute(kind, device, gateway, source, mtu)
