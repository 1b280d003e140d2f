"""How a client reaches a director: directly in one process, here, or over a UNIX socket, in unix.py."""

from collections.abc import Callable, Iterator
from typing import Protocol

from pyvs.netlink.masquerade import read as read_masquerade
from pyvs.netlink.server import Server


class Transport(Protocol):
    """Carries requests to a director."""

    def netlink(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram; its answers, a datagram each. Raises ControlError when the director is away."""
        ...

    def post(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram now; its answers when they are read: to the end, and before anything but `post` is asked.

        So several requests are under way. Raises ControlError when the director is away.
        """
        ...

    def stream(self, request: bytes) -> Iterator[bytes]:
        """As `netlink`, each answer when it comes: for those that are long. Raises ControlError."""
        ...

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        ...

    def sysctl_names(self) -> list[str]:
        """The names of all sysctls net.ipv4.vs.NAME."""
        ...

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl. Raises ControlError ENOENT."""
        ...

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError ENOENT, EINVAL, EPERM."""
        ...

    def masquerade(self, text: str) -> None:
        """Ask something of masquerading. Raises ControlError."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class DirectTransport:
    """In memory, to a server in the same process; every request passes through the codec all the same.

    `clock` says the time at which a request is served.
    """

    def __init__(self, server: Server, clock: Callable[[], float], *, portid: int = 1) -> None:
        self._server = server
        self._clock = clock
        self._portid = portid

    def netlink(self, request: bytes) -> Iterator[bytes]:
        """Send a datagram; its answers, a datagram each."""
        return iter(
            self._server.serve(request, portid=self._portid, admin=True, now=self._clock(), extack=True)
        )

    def post(self, request: bytes) -> Iterator[bytes]:
        """The same."""
        return self.netlink(request)

    def stream(self, request: bytes) -> Iterator[bytes]:
        """The same, each answer when it is made."""
        return self._server.answers(request, portid=self._portid, admin=True, now=self._clock(), extack=True)

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        return self._server.control.proc(name, self._clock())

    def sysctl_names(self) -> list[str]:
        """The names of all sysctls net.ipv4.vs.NAME."""
        return self._server.control.sysctl_names()

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl. Raises ControlError ENOENT."""
        return self._server.control.sysctl_read(name)

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError ENOENT, EINVAL."""
        self._server.control.sysctl_write(name, text, self._clock())

    def masquerade(self, text: str) -> None:
        """Ask something of masquerading. Raises ControlError."""
        self._server.control.masquerade(read_masquerade(text), self._clock())

    def close(self) -> None:
        """Nothing to end."""
