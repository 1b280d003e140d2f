"""The way to a kernel that has IPVS: a generic-netlink socket, and its files in /proc."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final

from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.attributes import MessageType
from pyvs.netlink.codec import messages

NETLINK_GENERIC: Final = 16
SOL_NETLINK: Final = 270
NETLINK_EXT_ACK: Final = 11
ROOM: Final = 1 << 16
TIMEOUT: Final = 10.0
_SEQUENCE: Final = Struct("=I")


def kernel_socket() -> socket.socket:
    """A socket to the kernel's families; with sentences in its refusals. Raises OSError."""
    door = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_GENERIC)
    try:
        door.bind((0, 0))
        door.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        door.settimeout(TIMEOUT)
    except OSError:
        door.close()
        raise
    return door


class KernelTransport:
    """Carries requests to the kernel; opens its socket at the first."""

    def __init__(
        self, opening: Callable[[], socket.socket] = kernel_socket, root: Path = Path("/proc")
    ) -> None:
        self._opening = opening
        self._root = root
        self._socket: socket.socket | None = None

    def netlink(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram; its answers, a datagram each. Raises ControlError."""
        return iter(list(self.stream(request)))

    def post(self, request: bytes) -> Iterator[bytes]:
        """The same."""
        return self.netlink(request)

    def stream(self, request: bytes) -> Iterator[bytes]:
        """The same, each answer when it comes: up to the acknowledgement, or the end of the dump."""
        (seq,) = _SEQUENCE.unpack_from(request, 8)
        try:
            if self._socket is None:
                self._socket = self._opening()
            self._socket.send(request)
            while True:
                datagram = self._socket.recv(ROOM)
                if not datagram:
                    raise ConnectionResetError
                yield datagram
                if any(
                    message.seq == seq and message.type in (MessageType.DONE, MessageType.ERROR)
                    for message in messages(datagram)
                ):
                    return
        except OSError as error:
            self.close()
            raise ControlError(
                Errno.known(error.errno, Errno.EINTR),
                f"the kernel can't be asked by netlink: {error.strerror or 'it gave no answer'}",
            ) from None

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        return self._read(self._root / "net" / name)

    def sysctl_names(self) -> list[str]:
        """The names of all sysctls net.ipv4.vs.NAME."""
        try:
            return sorted(each.name for each in (self._root / "sys/net/ipv4/vs").iterdir())
        except OSError:
            return []

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl. Raises ControlError ENOENT."""
        return self._read(self._root / "sys/net/ipv4/vs" / name).rstrip("\n")

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError ENOENT, EINVAL, EPERM."""
        path = self._root / "sys/net/ipv4/vs" / name
        try:
            with path.open("r+") as file:
                file.write(text)
        except OSError as error:
            raise _refusal(error, path) from None

    def masquerade(self, text: str) -> None:
        """The kernel has no such thing. Raises ControlError(EOPNOTSUPP)."""
        raise ControlError(Errno.EOPNOTSUPP, "the kernel has no masquerading by pyvs: start `pyvs run`")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text()
        except OSError as error:
            raise _refusal(error, path) from None


def _refusal(error: OSError, path: Path) -> ControlError:
    return ControlError(Errno.known(error.errno, Errno.EINVAL), f"{path}: {error.strerror}")
