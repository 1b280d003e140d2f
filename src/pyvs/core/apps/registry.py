"""The helpers of a namespace, by protocol and port: each binding is an incarnation. Kernel: ip_vs_app.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.apps.app import App
from pyvs.core.flags import Forward

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace


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
        """By protocol and port."""

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
