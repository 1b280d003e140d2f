"""How packets leave: raw sockets whose packets bring their own IP header, with a mark of ours.

The kernel looks up the route, asks the neighbour and takes the packet through OUTPUT and POSTROUTING. The address
given to the socket decides the next hop, the one in the header stays: so direct routing leaves this way too
(the kernel's own IPVS asks for routes with the same flag, FLOWI_FLAG_KNOWN_NH), and neither a packet socket nor
a neighbour table is needed. Kernel: `raw_send_hdrinc`, `rawv6_send_hdrinc`, `ip_finish_output2`.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from dataclasses import dataclass
from struct import Struct, pack
from typing import Final

from pyvs.core.environment import Route
from pyvs.core.errors import PyvsError
from pyvs.core.packet.fragments import cut
from pyvs.core.packet.header import DF
from pyvs.core.packet.packet import Packet
from pyvs.datapath.mmsg import Outbox

SO_SNDBUFFORCE: Final = 32
IP_PKTINFO: Final = 8
IPV6_PKTINFO: Final = 50
IPV6_HDRINCL: Final = 36
SOCKETS_MAX: Final = 64
"""Marks that have a socket of their own at once."""
WAYS_MAX: Final = 65_536
LONGEST: Final = 65535

_NAME4: Final = Struct("=HH4s8x")
_NAME6: Final = Struct("=HHI16sI")
_CONTROL: Final = Struct("@Nii")
_LINK_LOCAL: Final = b"\xfe\x80"


class SenderError(PyvsError):
    """Raw sockets can't be had, in a sentence with its remedy."""


@dataclass(slots=True)
class _Door:
    """A raw socket and what waits to be sent by it."""

    socket: socket.socket
    outbox: Outbox


class Sender:
    """Collects packets and sends them by `flush`."""

    def __init__(self, own_mark: int) -> None:
        """own_mark: bits that all our packets have in their mark, besides their own. Raises SenderError."""
        self.own_mark = own_mark
        self.errors: Counter[int] = Counter()
        """How often the kernel refused a packet, by errno."""
        self.too_long = 0
        """Packets that fitted no route and were not to be cut."""
        self.sent = 0
        self._doors: dict[tuple[int, int], _Door] = {}
        self._ways: dict[bytes | tuple[bytes, int], tuple[Outbox, bytes]] = {}
        """Next hop, with the mark if there is one -> where its packets are collected, and its packed address."""
        self._ident = 1
        self._door(socket.AF_INET, 0)

    def _door(self, family: int, mark: int) -> _Door:
        door = self._doors.get((family, mark))
        if door is None:
            if len(self._doors) >= SOCKETS_MAX:
                self.flush()
                self.close()
            door = _Door(self._open(family, mark | self.own_mark), Outbox())
            self._doors[family, mark] = door
        return door

    def _open(self, family: int, mark: int) -> socket.socket:
        try:
            raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
            if family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            raw.setblocking(False)
        except PermissionError as error:
            raise SenderError(
                "packets can't be sent with headers of their own: this program lacks CAP_NET_RAW and CAP_NET_ADMIN; "
                "run it as root, or in a user and network namespace of its own (unshare -Urn)"
            ) from error
        try:
            raw.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        except PermissionError:  # in a user namespace: up to net.core.wmem_max
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        return raw

    def transmit(self, packet: Packet, route: Route, destination: bytes) -> None:
        """Send a forwarded packet towards an address, cut if it is too long and may be cut."""
        data = packet.data
        if len(data) <= route.mtu and not packet.fragment_size:
            mark = packet.mark
            way = self._ways.get((destination, mark) if mark else destination)
            if way is None or not way[0].put(data, way[1]):
                self._put(data, destination, mark, route.device)
            return
        for piece in self._cut(packet, route.mtu):
            self._put(piece, destination, packet.mark, route.device)

    def _cut(self, packet: Packet, mtu: int) -> list[bytes]:
        data = packet.data
        if data[0] >> 4 == 4:
            if len(data) > mtu and (data[6] << 8 | data[7]) & DF and not packet.ignore_df:
                self.too_long += 1
                return []
            if data[4:6] == b"\0\0":  # the kernel would give each piece a number of its own
                self._ident = self._ident % 0xFFFF + 1
                packet.data = data[:4] + self._ident.to_bytes(2, "big") + data[6:]
        elif len(data) > mtu and not packet.fragment_size and not packet.ignore_df:
            self.too_long += 1
            return []
        self._ident = (self._ident * 69069 + 1) & 0xFFFFFFFF
        return cut(packet, mtu, self._ident)

    def output(self, data: bytes, mark: int = 0) -> None:
        """Send a packet as the host's own stack would, to the address in its header."""
        self._put(data, data[16:20] if data[0] >> 4 == 4 else data[24:40], mark, "")

    def reinject(self, packet: Packet, mtu: int) -> None:
        """Send a packet by the route that its own source address and mark lead to, cut if it is longer than `mtu`."""
        pieces = [packet.data]
        if len(packet.data) > mtu or packet.fragment_size:
            pieces = self._cut(packet, mtu)
        for data in pieces:
            if data[0] >> 4 == 4:
                info = pack("=i4s4s", 0, data[12:16], b"\0\0\0\0")
                control = _CONTROL.pack(_CONTROL.size + len(info), socket.IPPROTO_IP, IP_PKTINFO) + info
                self._put(data, data[16:20], packet.mark, "", control)
            else:
                info = pack("=16si", data[8:24], 0)
                control = _CONTROL.pack(_CONTROL.size + len(info), socket.IPPROTO_IPV6, IPV6_PKTINFO) + info
                self._put(data, data[24:40], packet.mark, "", control)

    def _put(self, data: bytes, destination: bytes, mark: int, device: str, control: bytes = b"") -> None:
        door, name = self._way(destination, mark, device)
        if len(data) > LONGEST:
            self.too_long += 1
        elif not door.outbox.put(data, name, control):
            self._send(door)
            door.outbox.put(data, name, control)

    def _way(self, destination: bytes, mark: int, device: str) -> tuple[_Door, bytes]:
        """The socket and the packed address for a next hop; remembered where the device makes no difference."""
        if len(destination) == 4:
            door = self._door(socket.AF_INET, mark)
            name = _NAME4.pack(socket.AF_INET, 0, destination)
        else:
            door = self._door(socket.AF_INET6, mark)
            scope = 0
            if destination[:2] == _LINK_LOCAL:
                with contextlib.suppress(OSError):
                    scope = socket.if_nametoindex(device)
            name = _NAME6.pack(socket.AF_INET6, 0, 0, destination, scope)
            if scope:
                return door, name
        if len(self._ways) >= WAYS_MAX:
            self._ways.clear()
        self._ways[(destination, mark) if mark else destination] = door.outbox, name
        return door, name

    def _send(self, door: _Door) -> None:
        count = door.outbox.count
        errors = door.outbox.send(door.socket.fileno())
        if errors:
            self.errors.update(errors)
            count -= sum(errors.values())
        self.sent += count

    def flush(self) -> None:
        """Hand all that waits to the kernel. A packet that it refuses is lost, as on a wire, and counted."""
        for door in self._doors.values():
            if door.outbox.count:
                self._send(door)

    def close(self) -> None:
        """Close the sockets; what waits is lost."""
        for door in self._doors.values():
            door.socket.close()
        self._doors.clear()
        self._ways.clear()
