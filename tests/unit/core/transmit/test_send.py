from __future__ import annotations

from collections.abc import Callable

from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.environment import Route
from pyvs.core.flags import ConnFlag
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.tracking import Tracking
from pyvs.core.transmit.send import mark_owned, send_or_continue
from pyvs.core.verdict import accept, stolen

Make = Callable[..., Connection]


def test_a_packet_for_another_host_is_sent_by_us(ns: Namespace, make: Make) -> None:
    packet, route = Packet(b"data"), Route(False, "eth1", b"")
    assert send_or_continue(ns, make(), packet, route, b"dest") is stolen(Reason.FORWARDED)
    assert ns.commands == [Transmit(packet, route, b"dest")]
    assert packet.owned


def test_a_packet_for_this_host_goes_on(ns: Namespace, make: Make) -> None:
    packet = Packet(b"data")
    assert send_or_continue(ns, make(), packet, Route(True, "lo", b""), b"d") is accept(Reason.LOCAL_NODE)
    assert ns.commands == []
    assert packet.owned


def test_connection_tracking_sees_it_only_if_the_connection_wants_that(ns: Namespace, make: Make) -> None:
    told: list[tuple[Packet, Connection, bool]] = []

    class Recorder(Tracking):
        def update(self, packet: Packet, conn: Connection, inward: bool) -> None:
            told.append((packet, conn, inward))

    ns.tracking = Recorder()
    conn, packet = make(), Packet(b"data")
    packet.conntrack = "an entry"
    mark_owned(ns, conn, packet, inward=True)
    assert (packet.untracked, packet.conntrack, told) == (True, None, [])
    conn.flags |= ConnFlag.NFCT
    tracked = Packet(b"data")
    tracked.conntrack = "an entry"
    mark_owned(ns, conn, tracked, inward=False)
    assert (tracked.untracked, tracked.conntrack, tracked.owned) == (False, "an entry", True)
    assert told == [(tracked, conn, False)]
