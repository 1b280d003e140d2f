"""How far both ends of a TCP connection are, and how both are told by RST that it is over.

A receiver takes a RST only with exactly the sequence number that it expects (RFC 5961). Of servers that drain, and of
services with RST at expiry, each packet's numbers are noted. Where none are known the end is asked by a SYN, which it
answers by an ACK with its numbers. For some seconds after the first RST each packet that comes is answered by another
one with the number that it names itself: so ends in the middle of a transfer learn it too.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from pyvs.core.command import Output
from pyvs.core.connections.binding import activity
from pyvs.core.connections.expiry import expire, put
from pyvs.core.flags import ConnFlag, Direction, Hook, PacketType, Proto
from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.segment import ACK, RST, SYN, segment
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.reasons import Reason
from pyvs.core.transmit import TRANSMITTERS
from pyvs.core.verdict import Action, Verdict, drop

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace

GRACE: Final = 10.0
"""Seconds for which packets of a connection that was reset are answered."""
OVER: Final = frozenset({TcpState.NONE, TcpState.TIME_WAIT, TcpState.CLOSE, TcpState.LISTEN})
"""States in which there is nobody to be told."""
_NUMBERS: Final = Struct("!II")
_FIN: Final = 0x01
_MASK: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000


class Watch:
    """The numbers of one connection, as its client sees them; None where not known."""

    __slots__ = ("client_ack", "client_next", "ending", "server_ack", "server_next")

    def __init__(self) -> None:
        self.client_next: int | None = None
        """What the server expects next, if nothing was lost on the way."""
        self.client_ack: int | None = None
        self.server_next: int | None = None
        """What the client expects next, if nothing was lost on the way."""
        self.server_ack: int | None = None
        self.ending = False
        """Both ends were told; whatever they still send is answered by a RST."""


def note(conn: Connection, data: bytes, header: Header, direction: int) -> None:
    """Remember the numbers of a packet: the client's as it sent it, the server's as the client will get it."""
    at = header.offset
    if conn.protocol != Proto.TCP or header.protocol != Proto.TCP or len(data) < at + 20:
        return
    watch = conn.watch
    if watch is None:
        watch = conn.watch = Watch()
    _, ack, flags, following = _numbers(data, header)
    if direction == Direction.INPUT:
        watch.client_next = _later(watch.client_next, following, flags)
        if flags & ACK:
            watch.client_ack = _later(watch.client_ack, ack, 0)
    else:
        watch.server_next = _later(watch.server_next, following, flags)
        if flags & ACK:
            watch.server_ack = _later(watch.server_ack, ack, 0)


def _numbers(data: bytes, header: Header) -> tuple[int, int, int, int]:
    """Sequence number, acknowledged number, flags, and the number that follows the packet's data."""
    at = header.offset
    seq, ack = _NUMBERS.unpack_from(data, at + 4)
    flags = data[at + 13]
    length = header.end - at - (data[at + 12] >> 4) * 4 + bool(flags & SYN) + (flags & _FIN)
    return seq, ack, flags, seq + max(length, 0) & _MASK


def _later(known: int | None, number: int, flags: int) -> int:
    """The later of two numbers; after a SYN they begin anew."""
    if known is None or flags & SYN or (number - known & _MASK) < _HALF:
        return number
    return known


# ---- the end ---------------------------------------------------------------


def can_be_told(conn: Connection) -> bool:
    """Whether there is someone to be told that it is over."""
    return (
        conn.protocol == Proto.TCP
        and conn.state not in OVER
        and not conn.flags & (ConnFlag.TEMPLATE | ConnFlag.NO_CPORT)
    )


def run_out(ns: Namespace, conn: Connection) -> None:
    """Its time is over: end it, by RST if its service wants that."""
    dest = conn.dest
    if (
        dest is not None
        and dest.terms is not None
        and dest.terms.resets
        and not conn.n_control
        and can_be_told(conn)
    ):
        reset(ns, conn)
    else:
        expire(ns, conn)


def reset(ns: Namespace, conn: Connection) -> None:
    """Tell both ends that it is over, and keep it for some seconds to answer what still comes."""
    watch = conn.watch
    if watch is None:
        watch = conn.watch = Watch()
    watch.ending = True
    conn.express = None
    activity(conn, False)
    conn.state = TcpState.CLOSE
    conn.timeout = GRACE
    put(ns, conn)
    if ns.sync.is_master:
        ns.sync.note_conn(conn)
    _tell(ns, conn, Direction.OUTPUT, watch.client_ack if watch.server_next is None else watch.server_next)
    _tell(ns, conn, Direction.INPUT, watch.server_ack if watch.client_next is None else watch.client_next)


def answer(ns: Namespace, conn: Connection, packet: Packet, header: Header, direction: int) -> Verdict:
    """A packet of a connection that was reset: its sender, and the other end, are told again."""
    data, at = packet.data, header.offset
    if header.protocol == Proto.TCP and not header.fragment_offset and len(data) >= at + 20:
        seq, ack, flags, _ = _numbers(data, header)
        if not flags & RST:
            back = Direction.OUTPUT if direction == Direction.INPUT else Direction.INPUT
            if flags & ACK:
                _tell(ns, conn, back, ack)
            _tell(ns, conn, direction, seq)
    return drop(Reason.RESET)


def _tell(ns: Namespace, conn: Connection, direction: int, seq: int | None) -> None:
    """Send a RST with this number to the server (INPUT) or client (OUTPUT); a SYN when the number isn't known."""
    flags = RST
    if seq is None:
        flags, seq = SYN, ns.random(_MASK)
    if direction == Direction.OUTPUT:
        data = segment(conn.af, conn.vaddr, conn.vport, conn.caddr, conn.cport, seq, flags)
        packet = Packet(data, type=PacketType.OUTGOING)
        packet.owned = packet.untracked = True
        ns.commands.append(Output(packet))
        return
    # As if the client had sent it: so it takes the way of all its packets, through a tunnel too.
    packet = Packet(
        segment(conn.af, conn.caddr, conn.cport, conn.vaddr, conn.vport, seq, flags), mark=conn.fwmark
    )
    header = parse(packet.data)
    before, ns.hook = (ns.hook, ns.header), Hook.LOCAL_IN
    ns.header = header
    verdict = TRANSMITTERS[conn.forward](ns, conn, packet, header)
    ns.hook, ns.header = before
    conn.express = None  # the transmitter may have let it board
    if verdict.action is Action.ACCEPT:  # the server is on this host
        packet.owned = True
        ns.commands.append(Output(packet))
