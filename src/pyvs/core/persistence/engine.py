"""The interface of persistence engines: a name found in the packet decides. Kernel: `struct ip_vs_pe`."""

from typing import ClassVar

from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet


class PersistenceEngine:
    """Finds the name of a call in a packet; stateless, one object a process."""

    name: ClassVar[str]
    servers_begin: ClassVar[bool] = False
    """Servers may begin calls too: their packets of no connection are looked at. Kernel: it has `conn_out`."""

    def identify(self, packet: Packet, header: Header) -> bytes | None:
        """The name that decides (1 to 255 bytes), or None: then the packet is dropped. Kernel: `fill_param`."""
        raise NotImplementedError

    def show(self, data: bytes) -> bytes:
        """The name as /proc/net/ip_vs_conn shows it. Kernel: `show_pe_data`."""
        return data
