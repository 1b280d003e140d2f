"""The interface of persistence engines: a name found in the packet decides. Kernel: `struct ip_vs_pe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace


class PersistenceEngine:
    """Finds the name of a call in a packet; stateless, one object a process."""

    name: ClassVar[str]

    def identify(self, packet: Packet, header: Header) -> bytes | None:
        """The name that decides (1 to 255 bytes), or None: then the packet is dropped. Kernel: `fill_param`."""
        raise NotImplementedError

    def show(self, data: bytes) -> bytes:
        """The name as /proc/net/ip_vs_conn shows it. Kernel: `show_pe_data`."""
        return data

    def begin_from_server(self, ns: Namespace, packet: Packet, header: Header) -> Connection | None:
        """A connection begun by a server, from a packet of no connection. Kernel: `conn_out`."""
        return None
