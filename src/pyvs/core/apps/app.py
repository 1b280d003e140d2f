"""The interface of helpers: they see the data of bound connections, may change it and expect others.

Kernel: `struct ip_vs_app`. A helper may be bound to several ports: each is an incarnation of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace


class App:
    """One helper. `ports` are where it listens unless the administrator says otherwise."""

    name: ClassVar[str]
    protocol: ClassVar[int]
    ports: ClassVar[tuple[int, ...]]

    def bound(self, ns: Namespace, conn: Connection) -> None:
        """A connection was bound to the helper. Kernel: `init_conn`."""

    def unbound(self, ns: Namespace, conn: Connection) -> None:
        """A bound connection is over. Kernel: `done_conn`."""

    def outgoing(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        """Look at a packet from the server, before its addresses are changed.

        Returns by how many bytes the data grew (`packet.data` holds the new bytes, its IP length and
        transport checksum are set right by the caller), 0 if nothing changed, None: drop it. Kernel: `pkt_out`.
        """
        return 0

    def incoming(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        """Look at a packet from the client, likewise. Kernel: `pkt_in`."""
        return 0
