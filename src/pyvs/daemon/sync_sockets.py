"""The sockets of synchronisation: multicast UDP, one for each port and role.

Kernel: `make_send_sock`, `make_receive_sock`.

    sockets = SyncSockets(engine, log, clock)
    sockets.open(spec)                      # of a role that runs, with everything filled in
    loop.watch(sockets, sockets.on_readable)
    sockets.send(multicast)

One descriptor to wait for: an epoll descriptor with the sockets that receive, and those that were full.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import select
import socket
from collections.abc import Callable
from struct import Struct
from typing import Final

from pyvs.core.command import Command, Multicast
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.daemon.log import Log

DATAGRAMS: Final = 32
"""Messages of one port that are taken in before packets have their turn again."""
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})
_REQUEST4: Final = Struct("=4s4si")
"""Group, local address, number of the device. `struct ip_mreqn`."""
_REQUEST6: Final = Struct("=16sI")
_SO_BINDTODEVICE: Final = 25
_IP_MTU_DISCOVER, _PMTUDISC_DONT = 10, 0
_SIOCGIFADDR: Final = 0x8915
_IFREQ: Final = 40


class SyncSockets:
    """What the roles of synchronisation send and receive by."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        clock: Callable[[], float],
        perform: Callable[[list[Command], float], None] | None = None,
    ) -> None:
        """`perform` does what the engine asks for after messages came in or sockets took some again."""
        self._engine = engine
        self._log = log
        self._clock = clock
        self.perform = perform
        self._epoll = select.epoll()
        self._sockets: dict[SyncState, list[socket.socket]] = {}
        self._receiving: dict[int, tuple[socket.socket, int]] = {}
        """Descriptor -> socket, and the longest message it takes."""
        self._full: dict[int, int] = {}
        """Descriptor -> channel, of those that take no more for now."""
        self._told: set[int] = set()

    def fileno(self) -> int:
        """Readable when `on_readable` should be called."""
        return self._epoll.fileno()

    # ---- roles -------------------------------------------------------------

    def open(self, spec: DaemonSpec) -> None:
        """Make the sockets of a role that was started. Raises ControlError with the system's errno."""
        made: list[socket.socket] = []
        size = self._engine.ns.sysctl.sync_sock_size
        try:
            for channel in range(self._engine.ns.sync.channels):
                make = _sender if spec.state == SyncState.MASTER else _receiver
                made.append(make(spec, spec.port + channel, size))
        except OSError as problem:
            for door in made:
                door.close()
            raise ControlError(
                Errno.known(problem.errno, Errno.EINVAL),
                f"no socket for synchronisation on {spec.ifn} could be made: {problem.strerror or problem}",
            ) from None
        self._sockets[spec.state] = made
        self._told.clear()
        if spec.state == SyncState.BACKUP:
            for door in made:
                self._receiving[door.fileno()] = (door, spec.maxlen)
                self._epoll.register(door, select.EPOLLIN)

    def shut(self, role: SyncState) -> None:
        """Close the sockets of a role. Harmless when it has none."""
        for door in self._sockets.pop(role, []):
            descriptor = door.fileno()
            self._full.pop(descriptor, None)
            self._receiving.pop(descriptor, None)
            with contextlib.suppress(OSError):
                self._epoll.unregister(descriptor)
            door.close()

    def close(self) -> None:
        """Close everything."""
        for role in list(self._sockets):
            self.shut(role)
        self._epoll.close()

    # ---- messages ----------------------------------------------------------

    def send(self, command: Multicast) -> None:
        """Send a message. One that a full socket does not take is lost; the next ones wait in the engine."""
        doors = self._sockets.get(command.role, [])
        if command.channel >= len(doors):
            return
        door = doors[command.channel]
        try:
            door.send(command.message, socket.MSG_DONTWAIT)
        except OSError as problem:
            if problem.errno in _FULL:
                self._stop(door, command.channel)
            elif problem.errno not in self._told:
                self._told.add(problem.errno or 0)
                self._log.warning(
                    f"a synchronisation message could not be sent: {problem.strerror or problem}"
                )

    def _stop(self, door: socket.socket, channel: int) -> None:
        descriptor = door.fileno()
        if descriptor not in self._full:
            self._full[descriptor] = channel
            self._epoll.register(descriptor, select.EPOLLOUT)
            self._engine.ns.sync.set_writable(channel, False, self._clock())

    def on_readable(self) -> None:
        """Take messages in, and go on with sockets that were full."""
        now = self._clock()
        for descriptor, _ in self._epoll.poll(0):
            if descriptor in self._full:
                self._epoll.unregister(descriptor)
                self._engine.ns.sync.set_writable(self._full.pop(descriptor), True, now)
            elif descriptor in self._receiving:
                self._receive(*self._receiving[descriptor], now)
        commands = self._engine.drain()
        if commands and self.perform is not None:
            self.perform(commands, now)

    def _receive(self, door: socket.socket, longest: int, now: float) -> None:
        for _ in range(DATAGRAMS):
            try:
                message, source = door.recvfrom(longest, socket.MSG_DONTWAIT)
            except OSError:
                return
            family = door.family
            self._engine.receive_sync(message, socket.inet_pton(family, source[0].partition("%")[0]), now)


def _open(spec: DaemonSpec) -> socket.socket:
    family = socket.AF_INET if len(spec.group) == 4 else socket.AF_INET6
    return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _address(spec: DaemonSpec, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if len(spec.group) == 4:
        return socket.inet_ntop(socket.AF_INET, spec.group), port
    return socket.inet_ntop(socket.AF_INET6, spec.group), port, 0, socket.if_nametoindex(spec.ifn)


def _sender(spec: DaemonSpec, port: int, size: int) -> socket.socket:
    """A socket that sends to the group by the device, not to this host. Raises OSError."""
    index = socket.if_nametoindex(spec.ifn)
    door = _open(spec)
    try:
        if size > 0:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        if door.family == socket.AF_INET:
            door.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _REQUEST4.pack(bytes(4), bytes(4), index)
            )
            door.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            door.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, spec.ttl)
            door.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
            door.bind((_own_address(door, spec.ifn), 0))
        else:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, spec.ttl)
        door.connect(_address(spec, port))
    except BaseException:
        door.close()
        raise
    return door


def _receiver(spec: DaemonSpec, port: int, size: int) -> socket.socket:
    """A socket that receives what comes for the group by the device. Raises OSError."""
    index = socket.if_nametoindex(spec.ifn)
    door = _open(spec)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if size > 0:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        door.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, spec.ifn.encode() + b"\0")
        door.bind(_address(spec, port))
        if door.family == socket.AF_INET:
            request = _REQUEST4.pack(spec.group, bytes(4), index)
            door.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        else:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, _REQUEST6.pack(spec.group, index))
    except BaseException:
        door.close()
        raise
    return door


def _own_address(door: socket.socket, device: str) -> str:
    """The device's first IPv4 address, or any when it has none. Kernel: `bind_mcastif_addr`."""
    request = device.encode()[:15].ljust(_IFREQ, b"\0")
    try:
        return socket.inet_ntoa(fcntl.ioctl(door.fileno(), _SIOCGIFADDR, request)[20:24])
    except OSError:
        return "0.0.0.0"
