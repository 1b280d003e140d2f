"""A connection of the maps as the engine and its listings see it, and an engine's as it goes to the maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import ASSURED
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.core.sync.policy import HZ, RETRIES, end_time
from pyvs.fastpath.entries import OffloadedConnection, client_key
from pyvs.fastpath.templates import Template, Templates

if TYPE_CHECKING:
    from pyvs.fastpath.clock import Jiffies
    from pyvs.fastpath.mirror import Place


class View(Connection):
    """A connection that lives in the maps, as it was a moment ago: to be looked at, and to be ended.

    What is written to it goes nowhere. Its end, by `expiry.delete`, is the connection's.
    """

    __slots__ = ("_control", "mapped", "offloaded", "place", "raw")

    offloaded: OffloadedConnection
    place: Place
    raw: bytes
    """Its key in the maps."""
    mapped: Templates | None
    """Where its template is found, when someone wants to look at it."""
    _control: Connection | None

    @property
    def control(self) -> Connection | None:
        """The template that it belongs to."""
        if self._control is None and self.mapped is not None and self.offloaded.template:
            self._control = self.mapped.handle(self.offloaded.template)
            self.mapped = None
        return self._control

    @control.setter
    def control(self, control: Connection | None) -> None:
        self._control, self.mapped = control, None


def fill(
    conn: Connection, offloaded: OffloadedConnection, place: Place, jiffies: Jiffies, now: float
) -> None:
    """Give a connection of the engine what the maps say."""
    conn.dest = place.dest
    conn.fwmark = place.service.fwmark
    conn.state = offloaded.state
    conn.old_state = offloaded.told_state
    conn.sync_endtime = end_time(now - jiffies.ago(offloaded.told, now)) | offloaded.told_retries
    conn.in_pkts = offloaded.packets
    conn.timeout = offloaded.timeout / jiffies.hz
    conn.expires = now - jiffies.ago(offloaded.seen, now) + conn.timeout
    flags = offloaded.forward
    if offloaded.inactive:
        flags |= ConnFlag.INACTIVE
    if offloaded.forward != Forward.MASQ and not offloaded.answered:
        flags |= ConnFlag.NOOUTPUT
    if offloaded.synced:
        flags |= ConnFlag.SYNC
    conn.flags = int(flags)


def engine_connection(kind: type[Connection], offloaded: OffloadedConnection, place: Place) -> Connection:
    """A connection of the same ends, otherwise empty."""
    dest = place.dest
    return kind(
        offloaded.af,
        offloaded.protocol,
        offloaded.caddr,
        offloaded.cport,
        offloaded.vaddr,
        offloaded.vport,
        Family(dest.af),
        offloaded.daddr,
        offloaded.dport,
        0,
    )


def view(offloaded: OffloadedConnection, place: Place, jiffies: Jiffies, now: float) -> View:
    """The view of a connection of the maps."""
    conn = engine_connection(View, offloaded, place)
    assert isinstance(conn, View)
    fill(conn, offloaded, place, jiffies, now)
    conn.flags |= int(ConnFlag.HASHED)
    conn.offloaded, conn.place, conn.raw = offloaded, place, client_key(offloaded)
    return conn


def complete(offloaded: OffloadedConnection, place: Place) -> None:
    """The server's address of one with a single entry, which does not hold it."""
    if offloaded.single:
        offloaded.daddr = place.dest.addr


def offloaded_connection(conn: Connection, number: int, jiffies: Jiffies) -> OffloadedConnection:
    """A connection of the engine as the maps are to have it; number: of its destination."""
    control = conn.control
    template = control.number if isinstance(control, Template) else 0
    return OffloadedConnection(
        protocol=int(conn.protocol),
        caddr=conn.caddr,
        cport=conn.cport,
        vaddr=conn.vaddr,
        vport=conn.vport,
        daddr=conn.daddr,
        dport=conn.dport,
        forward=conn.forward,
        state=int(conn.state),
        timeout=jiffies.length(conn.timeout),
        seen=jiffies.at(conn.expires - conn.timeout),
        dest=number,
        packets=conn.in_pkts,
        inactive=bool(conn.flags & ConnFlag.INACTIVE),
        controlled=conn.control is not None,
        template=template,
        to_assure=bool(template and conn.protocol == Proto.UDP and control and not control.state & ASSURED),
        answered=conn.forward != Forward.MASQ and not conn.flags & ConnFlag.NOOUTPUT,
        synced=bool(conn.flags & ConnFlag.SYNC),
        told=jiffies.at((int(conn.sync_endtime) & ~RETRIES) / HZ),
        told_state=int(conn.old_state),
        told_retries=int(conn.sync_endtime) & RETRIES,
    )
