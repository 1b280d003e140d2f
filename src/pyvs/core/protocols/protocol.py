"""The interface of transport protocols. Kernel: `struct ip_vs_protocol` and `struct ip_vs_proto_data`.

One object a namespace and protocol: it owns the timeouts and the helpers bound to its ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final

from pyvs.core.flags import Direction
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace

_PORTS: Final = Struct("!HH")


class Protocol:
    """What the walk asks of TCP, UDP, SCTP, AH and ESP."""

    name: ClassVar[str]
    number: ClassVar[int]
    state_names: ClassVar[Sequence[str]]
    """By state number, as listings print them."""
    default_timeouts: ClassVar[Sequence[float]]
    """Seconds, by state number."""
    has_ports: ClassVar[bool] = True
    reassemble: ClassVar[bool] = True
    """Fragments are put together before it looks at them. Kernel: not `dont_defrag`."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        self.timeouts: list[float] = list(self.default_timeouts)

    # ---- finding -----------------------------------------------------------

    def ports(self, data: bytes, header: Header) -> tuple[int, int]:
        """Source and destination port. Raises Malformed when they are cut off."""
        at = header.offset
        if len(data) < at + 4:
            raise Malformed(Reason.TRUNCATED)
        source, destination = _PORTS.unpack_from(data, at)
        return source, destination

    def find_in(self, data: bytes, header: Header) -> Connection | None:
        """The connection of a packet from the client (or, inverse, to it). Kernel: `conn_in_get`."""
        return self.ns.connections.find_in(self.number, _key(data, header))

    def find_out(self, data: bytes, header: Header) -> Connection | None:
        """The connection of a packet from the server (or, inverse, to it). Kernel: `conn_out_get`."""
        return self.ns.connections.find_out(self.number, _key(data, header))

    # ---- beginning ---------------------------------------------------------

    def opens(self, packet: Packet, header: Header) -> bool:
        """Whether a packet of no connection may begin one. Raises Malformed: it is dropped. Kernel: `conn_schedule`."""
        raise NotImplementedError

    def is_new(self, data: bytes, header: Header) -> bool:
        """Whether a packet of a known connection asks for a new one. Kernel: `is_new_conn`."""
        return False

    def may_reuse(self, conn: Connection) -> bool:
        """Whether a connection is over enough to be replaced by a new one. Kernel: `is_new_conn_expected`."""
        return False

    # ---- going on ----------------------------------------------------------

    def transition(self, conn: Connection, direction: Direction, data: bytes, header: Header) -> None:
        """Set the state and timeout that follow from a packet. Kernel: `state_transition`."""
        raise NotImplementedError

    def timeout_of(self, conn: Connection, state: int) -> float:
        """Seconds of silence that a connection survives in a state: its service may have chosen."""
        dest = conn.dest
        if dest is None or dest.terms is None:
            return self.timeouts[state]
        return dest.terms.timeouts[self.number][state]

    def state_name(self, state: int) -> str:
        """The name that listings print. Kernel: `state_name`."""
        return self.state_names[state] if 0 <= state < len(self.state_names) else "ERR!"

    def set_timeouts(self, secure: bool) -> None:
        """Choose between the usual tables and those of secure_tcp. Kernel: `timeout_change`."""

    def sync_states(self) -> frozenset[int] | None:
        """States in which connections are synchronised, or None for all. Kernel: `ip_vs_sync_conn_needed`."""
        return None

    # ---- rewriting ---------------------------------------------------------

    def checksum_ok(self, packet: Packet, header: Header) -> bool:
        """Whether the transport checksum is right. Kernel: `csum_check`."""
        return True

    def rewrite(
        self, packet: Packet, header: Header, conn: Connection, direction: Direction, *, payload_changed: bool
    ) -> bytes:
        """The transport part (from `header.offset` on) with the other end's port and its checksum set right.

        INPUT: destination becomes the server (dport); OUTPUT: source becomes the virtual service (vport).
        The addresses in the IP header are still the old ones. Kernel: `dnat_handler`, `snat_handler`.
        """
        raise NotImplementedError


def _key(data: bytes, header: Header) -> bytes:
    """Source, destination, source port, destination port as they stand in the packet; swapped if inverse."""
    at = header.offset
    if header.inverse:
        return header.dst + header.src + data[at + 2 : at + 4] + data[at : at + 2]
    if not header.key:
        header.key = header.src + header.dst + data[at : at + 4]
    return header.key
