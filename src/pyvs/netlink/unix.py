"""The client's end of the UNIX socket, and where that socket is."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Final

from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.frames import LONGEST, Kind, frame, read_refused

FOLDER: Final = "/run/pyvs"
VARIABLE: Final = "PYVS_SOCKET"
_TIMEVAL: Final = Struct("@ll")
TIMEOUT: Final = 30.0
"""Seconds until a director that doesn't answer is given up."""


def socket_path() -> str:
    """The socket of this network namespace's director, or what PYVS_SOCKET says."""
    return os.environ.get(VARIABLE) or usual_path()


def usual_path() -> str:
    """The socket of this network namespace's director, if nobody names another."""
    return f"{FOLDER}/{Path('/proc/self/ns/net').stat().st_ino}.sock"


def address_of(path: str | Path) -> str | bytes:
    """The address to bind or connect to: `@name` is in the network namespace's abstract names."""
    text = os.fspath(path)
    return b"\0" + text[1:].encode() if text.startswith("@") else text


class UnixTransport:
    """Carries requests over a UNIX socket; connects at the first. After a failure it connects anew."""

    def __init__(self, path: str | Path, timeout: float = TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Reach the director. Raises ControlError: ENOPROTOOPT when there is none, EPERM when it may not be."""
        if self._socket is not None:
            return
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # While the director is busy, connect waits for it only on a socket that blocks.
        seconds = int(self._timeout)
        wait = _TIMEVAL.pack(seconds, int((self._timeout - seconds) * 1e6))
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
            door.connect(address_of(self._path))
            door.settimeout(self._timeout)
        except (FileNotFoundError, ConnectionRefusedError):
            door.close()
            path = os.fspath(self._path)
            nobody = f"no director runs in this network namespace ({path}): start one with `pyvs run`"
            if path != usual_path():
                nobody = (
                    f"no director listens at {path}: name the socket of one that runs, or start one with "
                    f"`pyvs run --socket {path}`"
                )
            raise ControlError(Errno.ENOPROTOOPT, nobody) from None
        except OSError as problem:
            door.close()
            reason = f"{os.fspath(self._path)}: {problem.strerror or problem}"
            if isinstance(problem, PermissionError):
                raise ControlError(Errno.EPERM, f"only root may ask the director here ({reason})") from None
            raise ControlError(Errno.EINVAL, reason) from None
        self._socket = door

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def netlink(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram; its answers, a datagram each. Raises ControlError when the director is away."""
        return iter([body for kind, body in self._ask(Kind.NETLINK, request) if kind == Kind.NETLINK])

    def post(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram now; its answers when they are read: to the end, and before anything but `post` is asked."""
        return (body for kind, body in self._read(self._send(Kind.NETLINK, request)) if kind == Kind.NETLINK)

    def stream(self, request: bytes) -> Iterator[bytes]:
        """The same, each answer when it comes; who does not read to the end is hung up on."""
        ended = False
        try:
            for kind, body in self._answers(Kind.NETLINK, request):
                if kind == Kind.NETLINK:
                    yield body
            ended = True
        except ControlError:
            ended = True
            raise
        finally:
            if not ended:
                self.close()

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        return self._text(Kind.PROC, name)

    def sysctl_names(self) -> list[str]:
        """The names of all sysctls net.ipv4.vs.NAME."""
        return self._text(Kind.SYSCTL_NAMES, "").split()

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl. Raises ControlError ENOENT."""
        return self._text(Kind.SYSCTL_READ, name)

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError ENOENT, EINVAL, EPERM."""
        self._text(Kind.SYSCTL_WRITE, f"{name}\0{text}")

    def masquerade(self, text: str) -> None:
        """Ask something of masquerading. Raises ControlError."""
        self._text(Kind.MASQUERADE, text)

    def _text(self, kind: Kind, body: str) -> str:
        data = body.encode("utf-8", "surrogateescape")
        parts = [part for what, part in self._ask(kind, data) if what == Kind.TEXT]
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def _ask(self, kind: Kind, body: bytes) -> list[tuple[int, bytes]]:
        """Send a frame; the frames of its answer up to the end."""
        return list(self._answers(kind, body))

    def _answers(self, kind: Kind, body: bytes) -> Iterator[tuple[int, bytes]]:
        yield from self._read(self._send(kind, body))

    def _send(self, kind: Kind, body: bytes) -> socket.socket:
        """Where the answer comes from."""
        if len(body) >= LONGEST:
            raise ControlError(Errno.EMSGSIZE, f"the request has {len(body)} bytes: at most {LONGEST - 1}")
        self.connect()
        assert self._socket is not None
        with self._asking():
            self._socket.send(frame(kind, body))
            return self._socket

    def _read(self, door: socket.socket) -> Iterator[tuple[int, bytes]]:
        """The frames of an answer up to its end."""
        while True:
            with self._asking():
                data = door.recv(LONGEST)
                if not data:
                    raise ConnectionError("the director has hung up")
            if data[0] == Kind.REFUSED:
                raise read_refused(data[1:])
            if data[0] == Kind.END:
                return
            yield data[0], data[1:]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What goes wrong ends the connection, and is told as a refusal."""
        try:
            yield
        except TimeoutError:
            self.close()
            raise ControlError(
                Errno.EINTR, f"the director gave no answer within {self._timeout:g} s"
            ) from None
        except OSError as problem:
            self.close()
            reason = problem.strerror or problem
            raise ControlError(Errno.EINTR, f"lost the director while it was asked: {reason}") from None
