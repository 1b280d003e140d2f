"""AH and ESP: they belong to the UDP connection between the ISAKMP ports of both ends. Kernel: ip_vs_proto_ah_esp.c.

They begin nothing, change no state and, by NAT, only their addresses are rewritten. Over IPv6, AH is no transport
but an extension header: what it protects counts (core/packet/header.py).
"""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Direction, Proto
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.protocol import Protocol

ISAKMP: Final = (500).to_bytes(2, "big")


class _IpSec(Protocol):
    state_names = ()
    default_timeouts = ()
    has_ports = False
    reassemble = False

    def ports(self, data: bytes, header: Header) -> tuple[int, int]:
        """None: 0 and 0."""
        return 0, 0

    def find_in(self, data: bytes, header: Header) -> Connection | None:
        """Kernel: `ah_esp_conn_in_get`."""
        return self.ns.connections.find_in(Proto.UDP, _key(header))

    def find_out(self, data: bytes, header: Header) -> Connection | None:
        """Kernel: `ah_esp_conn_out_get`."""
        return self.ns.connections.find_out(Proto.UDP, _key(header))

    def opens(self, packet: Packet, header: Header) -> bool:
        """Never. Kernel: `ah_esp_conn_schedule`."""
        return False

    def transition(self, conn: Connection, direction: Direction, data: bytes, header: Header) -> None:
        """None: the connection's timer begins anew with the timeout it has."""

    def rewrite(
        self, packet: Packet, header: Header, conn: Connection, direction: Direction, *, payload_changed: bool
    ) -> bytes:
        """It stays as it is: AH's signature over the addresses breaks, as in the kernel."""
        return packet.data[header.offset :]


class Ah(_IpSec):
    """The authentication header."""

    name = "AH"
    number = Proto.AH


class Esp(_IpSec):
    """Encapsulating security payload."""

    name = "ESP"
    number = Proto.ESP


def _key(header: Header) -> bytes:
    ends = header.dst + header.src if header.inverse else header.src + header.dst
    return ends + ISAKMP + ISAKMP
