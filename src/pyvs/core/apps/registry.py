"""The helpers of a namespace, by protocol and port: each binding is an incarnation. Kernel: ip_vs_app.c.

ns.apps.register(Ftp())                     at its own ports
ns.apps.register(Ftp(), (21, 2121))         or at others
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pyvs.core.apps.app import App
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Forward

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace

MOST_PORTS: Final = 8
"""Of one helper. Kernel: IP_VS_APP_MAX_PORTS."""
LAST_PORT: Final = 0xFFFF


class Incarnation:
    """A helper at one port."""

    __slots__ = ("app", "port", "usecnt")

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.port = port
        self.usecnt = 0
        """Connections bound to it."""


class AppRegistry:
    """Which helper looks at which port."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        self.incarnations: dict[tuple[int, int], Incarnation] = {}
        """By protocol and port, in the kernel's order: what came last is first, a helper's last port too."""

    def register(self, app: App, ports: Sequence[int] | None = None) -> None:
        """Let a helper look at ports; None: its own.

        Raises ControlError, and nothing is changed: EEXIST when one is taken, EINVAL for none, too many or
        impossible ports, EOPNOTSUPP for a protocol without ports. Kernel: `register_ip_vs_app_inc`.
        """
        wanted = tuple(app.ports if ports is None else ports)
        protocol = self.ns.protocols.get(app.protocol)
        if protocol is None or not protocol.has_ports:
            raise ControlError(
                Errno.EOPNOTSUPP, f"helper {app.name}: protocol {app.protocol} has no ports here"
            )
        if not 1 <= len(wanted) <= MOST_PORTS:
            raise ControlError(
                Errno.EINVAL, f"helper {app.name}: {len(wanted)} ports: give 1 to {MOST_PORTS}"
            )
        for number, port in enumerate(wanted):
            if not 1 <= port <= LAST_PORT:
                raise ControlError(Errno.EINVAL, f"helper {app.name}: port {port}: give 1 to {LAST_PORT}")
            if (app.protocol, port) in self.incarnations or port in wanted[:number]:
                raise ControlError(
                    Errno.EEXIST, f"helper {app.name}: another helper has {protocol.name} port {port}"
                )
        new = {(app.protocol, port): Incarnation(app, port) for port in reversed(wanted)}
        self.incarnations = {**new, **self.incarnations}

    def unregister(self, app: App) -> None:
        """Take a helper away. Raises ControlError: EBUSY while connections are bound to it, ENOENT.

        Kernel: `unregister_ip_vs_app`, which a module in use does not reach.
        """
        mine = [key for key, incarnation in self.incarnations.items() if incarnation.app is app]
        if not mine:
            raise ControlError(Errno.ENOENT, f"helper {app.name} is not registered")
        if any(self.incarnations[key].usecnt for key in mine):
            raise ControlError(
                Errno.EBUSY, f"helper {app.name} serves connections; wait until they have ended"
            )
        for key in mine:
            del self.incarnations[key]

    def bind(self, conn: Connection) -> None:
        """Give a new NAT connection its helper, if its virtual port has one. Kernel: `ip_vs_bind_app`."""
        if not self.incarnations or conn.forward != Forward.MASQ:
            return
        incarnation = self.incarnations.get((conn.protocol, conn.vport))
        if incarnation is not None:
            incarnation.usecnt += 1
            conn.app = incarnation.app
            incarnation.app.bound(self.ns, conn)

    def unbind(self, conn: Connection) -> None:
        """The connection is over. Kernel: `ip_vs_unbind_app`."""
        if conn.app is None:
            return
        conn.app.unbound(self.ns, conn)
        incarnation = self.incarnations.get((conn.protocol, conn.vport))
        if incarnation is not None:
            incarnation.usecnt -= 1
        conn.app = None


def ports_of(text: str) -> tuple[int, ...]:
    """Ports written with commas, as the kernel's module takes them: `21,2121`. Raises ControlError: EINVAL."""
    ports = []
    for word in text.split(","):
        if not (word.isascii() and word.isdigit() and 1 <= int(word[:6]) <= LAST_PORT):
            raise ControlError(Errno.EINVAL, f"ports {text!r}: {word!r} is no port: give numbers with commas")
        ports.append(int(word))
    if len(ports) > MOST_PORTS:
        raise ControlError(Errno.EINVAL, f"ports {text!r}: {len(ports)} of them: give {MOST_PORTS} at most")
    return tuple(ports)
