"""The director's end of the UNIX socket.

    door = ControlSocket(path, server, clock)
    loop.watch(door, door.on_readable)

One descriptor to wait for, for reading only: an epoll descriptor that holds the listening socket and the clients.
A client's next request is not read before the answer to its last one has gone, so each costs one answer at most.
"""

import contextlib
import os
import select
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final

from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.netlink import sockopt
from pyvs.netlink.frames import LONGEST, Kind, frame, parts, refused, texts
from pyvs.netlink.masquerade import read as read_masquerade
from pyvs.netlink.server import Server
from pyvs.netlink.unix import address_of, usual_path

CLIENTS_MAX: Final = 512
"""When one more comes, the one that has been silent for longest is hung up on, those who may not administer first."""
_CREDENTIALS: Final = Struct("=iII")
_TURN: Final = 0.001
"""Seconds for which one client's answer is made and sent before others, packets among them, have their turn."""
_JOIN: Final = 0.001
_JOIN_BYTES: Final = 24_576
_TRUNCATED: Final = int(socket.MSG_TRUNC)
_NUMBER: Final = Struct("=I")
_DATAGRAM: Final = bytes((Kind.DATAGRAM,))
_ECHO: Final = bytes((Kind.ECHO,))
_BARE: Final = 1 + _NUMBER.size
"""Where a bare datagram begins: after its kind and the requester's portid."""
_TWO_NUMBERS: Final = Struct("=II")


def may_administer(uid: int) -> bool:
    """Whether a peer of this user may change things: root of this user namespace, and who runs the director."""
    return uid in (0, os.geteuid())


class _Client:
    """One connected client."""

    def __init__(self, door: socket.socket, portid: int, *, admin: bool) -> None:
        self.socket = door
        self.portid = portid
        self.admin = admin
        self.answer: Iterator[bytes] = iter(())
        self.answering = False
        """The answer has not gone to its end."""
        self.frame: bytes | None = None
        """The next of the answer, if it could not be sent yet."""
        self.sysctl: str | None = None
        """What is written into by all that comes."""
        self.events = select.EPOLLIN
        """What is waited for."""
        self.held = False
        """The answer is there and has to wait."""
        self.put_off = False
        """Its next request has to wait."""

    def send(self, hold: Callable[[], bool]) -> bool:
        """Send what there is; False while something is left. Raises OSError when the client has gone."""
        end = time.monotonic() + _TURN
        while True:
            if self.frame is None:
                self.frame = next(self.answer, None)
                if self.frame is None:
                    self.answering = False
                    return True
            if not self.frame:
                self.frame = None
                if time.monotonic() > end:
                    return False
                continue
            if hold():
                self.held = True
                return False
            try:
                self.socket.send(self.frame, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            self.frame = None
            if time.monotonic() > end:
                return False


class ControlSocket:
    """Where clients reach a server. Never raises after it has been opened."""

    def __init__(
        self,
        path: str | Path,
        server: Server,
        clock: Callable[[], float],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Listen; `tell` is given a sentence when something goes wrong that must not.

        Raises PyvsError when another director has the socket, or it can't be made.
        """
        self._path = path
        self._server = server
        self._clock = clock
        self._tell = tell or (lambda sentence: None)
        self._clients: dict[int, _Client] = {}
        self._next_portid = 0
        server.control.rested = self._admit
        self.hold: Callable[[], bool] = lambda: False
        """Whether answers have to wait until what was changed stands; `resume` ends that."""
        self._listener = _listen(path)
        self._identity = _identity(path)
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when something is to be done."""
        return self._epoll.fileno()

    def descriptors(self) -> list[int]:
        """What becomes readable when something is to be done: `fileno` alone."""
        return [self.fileno()]

    def serve(self, descriptor: int) -> None:
        """Do what is to be done."""
        self.on_readable()

    def on_readable(self) -> None:
        """Do what is to be done, one request a client, without waiting."""
        ready = [descriptor for descriptor, _ in self._epoll.poll(0)]
        for descriptor in ready:
            client = self._clients.get(descriptor)
            if client is not None:
                self._attend(descriptor, client)
        if self._listener.fileno() in ready:  # after those who have hung up: they leave room
            self._accept()

    def resume(self) -> None:
        """Give the answers that were held."""
        for descriptor, client in list(self._clients.items()):
            if client.held:
                client.held = False
                self._attend(descriptor, client)

    def _admit(self) -> None:
        """Take the requests that were put off."""
        for descriptor, client in list(self._clients.items()):
            if client.put_off:
                client.put_off = False
                client.events = select.EPOLLIN
                self._epoll.modify(descriptor, select.EPOLLIN)

    def close(self) -> None:
        """Hang up on all and remove the socket's file, if it is still ours."""
        for descriptor in list(self._clients):
            self._drop(descriptor)
        self._epoll.close()
        self._listener.close()
        if self._identity is not None and _identity(self._path) == self._identity:
            with contextlib.suppress(OSError):
                Path(self._path).unlink()

    def _accept(self) -> None:
        try:
            door, _ = self._listener.accept()
        except OSError:
            return
        door.setblocking(False)
        credentials = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(credentials)
        admin = may_administer(uid)
        if len(self._clients) >= CLIENTS_MAX and not self._make_room(admin=admin):
            door.close()
            return
        self._next_portid = self._next_portid % 0x7FFFFFFF + 1
        self._clients[door.fileno()] = _Client(door, self._next_portid, admin=admin)
        self._epoll.register(door, select.EPOLLIN)

    def _make_room(self, *, admin: bool) -> bool:
        """Hang up on who was silent for longest; on who may administer only for another who may."""
        victim = next((each for each, client in self._clients.items() if not client.admin), None)
        if victim is None and admin:
            victim = next(iter(self._clients))
        if victim is None:
            return False
        self._drop(victim)
        return True

    def _attend(self, descriptor: int, client: _Client) -> None:
        """Take the request, unless an answer is still on its way, and send what can be sent."""
        self._clients[descriptor] = self._clients.pop(descriptor)  # silent for the shortest time
        try:
            waiting = client.answering and not client.send(self.hold)
            if not waiting:
                client.put_off = self._server.control.busy
                request = None if client.put_off else self._receive(client)
                if request is not None:
                    client.answer = self._answer(client, request)
                    client.answering = True
                    waiting = not client.send(self.hold)
            still = client.held or client.put_off
            events = 0 if still else select.EPOLLOUT if waiting else select.EPOLLIN
            if events != client.events:
                client.events = events
                self._epoll.modify(descriptor, events)
        except OSError:
            self._drop(descriptor)
        except Exception as fault:
            # The director must live whatever a command has hit: this client is told by the hang-up.
            self._tell(f"control: a request failed, its client is hung up on: {fault!r}")
            self._drop(descriptor)

    def _receive(self, client: _Client) -> bytes | None:
        """The next request, if it has come. Raises ConnectionError at its end."""
        try:
            data, _, flags, _ = client.socket.recvmsg(LONGEST)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError
        if flags & _TRUNCATED:
            return b""
        return data

    def _answer(self, client: _Client, request: bytes) -> Iterator[bytes]:
        """The frames that answer a request."""
        if client.sysctl is not None:
            with contextlib.suppress(ControlError):
                text = request.decode("utf-8", "surrogateescape")
                self._server.control.sysctl_write(client.sysctl, text, self._clock())
            return iter(())
        if request[:1] == _DATAGRAM:
            if len(request) < _BARE:
                return iter(())
            (portid,) = _NUMBER.unpack_from(request, 1)
            return self._server.answers(
                request[_BARE:], portid=portid, admin=client.admin, now=self._clock(), extack=False
            )
        if request[:1] == _ECHO:
            return iter((request[1:],) if len(request) > 1 else ())
        return self._framed(client, request)

    def _framed(self, client: _Client, request: bytes) -> Iterator[bytes]:
        try:
            yield from self._frames(client, request)
        except ControlError as refusal:
            yield refused(refusal)
        else:
            yield frame(Kind.END)

    def _frames(self, client: _Client, request: bytes) -> Iterator[bytes]:
        if not request:
            raise ControlError(Errno.EMSGSIZE, f"a request has at most {LONGEST} bytes")
        kind, body = request[0], request[1:]
        control, now = self._server.control, self._clock()
        if kind == Kind.NETLINK:
            datagrams = self._server.answers(
                body, portid=client.portid, admin=client.admin, now=now, extack=True
            )
            for together in _joined(datagrams):
                yield frame(Kind.NETLINK, together) if together else b""
            return
        text = body.decode("utf-8", "surrogateescape")
        if kind == Kind.PROC:
            yield from texts(control.proc_parts(text, now))
        elif kind == Kind.SYSCTL_NAMES:
            yield from texts(("\n".join(control.sysctl_names()),))
        elif kind == Kind.SYSCTL_READ:
            yield from texts((control.sysctl_read(text),))
        elif kind == Kind.SYSCTL_OPEN:
            if not client.admin:
                raise ControlError(Errno.EPERM, "only root may set a sysctl")
            control.sysctl_read(text)
            client.sysctl = text
        elif kind == Kind.SYSCTL_WRITE:
            if not client.admin:
                raise ControlError(Errno.EPERM, "only root may set a sysctl")
            name, _, value = text.partition("\0")
            control.sysctl_write(name, value, now)
        elif kind == Kind.MASQUERADE:
            if not client.admin:
                raise ControlError(Errno.EPERM, "only root may change masquerading")
            control.masquerade(read_masquerade(text), now)
        elif kind == Kind.SOCKOPT_SET:
            if len(body) < _NUMBER.size:
                raise ControlError(Errno.EINVAL, "a request for an option names none")
            (option,) = _NUMBER.unpack_from(body)
            for _ in sockopt.set_option(control, option, body[_NUMBER.size :], admin=client.admin, now=now):
                yield b""
        elif kind == Kind.SOCKOPT_GET:
            if len(body) < _TWO_NUMBERS.size:
                raise ControlError(Errno.EINVAL, "a request for an option names none")
            option, room = _TWO_NUMBERS.unpack_from(body)
            data = body[_TWO_NUMBERS.size :]
            yield from parts(sockopt.get_option(control, option, data, room, admin=client.admin))
        else:
            raise ControlError(Errno.EOPNOTSUPP, f"there is no request of kind {kind}")

    def _drop(self, descriptor: int) -> None:
        client = self._clients.pop(descriptor)
        with contextlib.suppress(OSError):
            self._epoll.unregister(descriptor)
        client.socket.close()


def _joined(datagrams: Iterator[bytes]) -> Iterator[bytes]:
    """Several datagrams in one, as far as they are there within a millisecond: our own clients take that."""
    held = bytearray()
    end = time.monotonic() + _JOIN
    for datagram in datagrams:
        held += datagram
        held += bytes(-len(datagram) % 4)
        if len(held) > _JOIN_BYTES or time.monotonic() > end:
            yield bytes(held)
            held.clear()
            end = time.monotonic() + _JOIN
    if held:
        yield bytes(held)


def _listen(path: str | Path) -> socket.socket:
    """A listening socket that only its owner may connect to. Raises PyvsError."""
    text = os.fspath(path)
    address = address_of(path)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.setblocking(False)
    try:
        if not text.startswith("@"):
            Path(text).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _remove_stale(text)
        before = os.umask(0o177)
        try:
            door.bind(address)
        finally:
            os.umask(before)
        door.listen(CLIENTS_MAX)
    except PyvsError:
        door.close()
        raise
    except OSError as problem:
        door.close()
        raise PyvsError(
            f"cannot make the control socket {text}: {problem.strerror or problem}; "
            "run as root, end the other director, or choose another path by --socket"
        ) from None
    return door


def _remove_stale(path: str) -> None:
    """Remove the socket of a director that did not end cleanly. Raises PyvsError if one is alive."""
    try:
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass
    place = "runs in this network namespace" if os.fspath(path) == usual_path() else "listens there"
    raise PyvsError(f"another director {place} ({path}): end it first")


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and inode of the socket's file."""
    try:
        status = Path(path).lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
