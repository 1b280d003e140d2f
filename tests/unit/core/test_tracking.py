from __future__ import annotations

from collections.abc import Callable

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.tracking import Tracking
from pyvs.testing.environment import FixedEnvironment


def test_a_host_without_tracking_knows_and_changes_nothing(make: Callable[..., Connection]) -> None:
    tracking, packet, conn = Tracking(), Packet(b"data"), make()
    assert not tracking.uses_old(packet)
    tracking.update(packet, conn, True)
    tracking.forget(conn)
    assert (packet.data, packet.conntrack, packet.untracked) == (b"data", None, False)


def test_the_hosts_own_is_used_where_it_has_one() -> None:
    environment = FixedEnvironment()
    assert type(Namespace(environment).tracking) is Tracking
    own = Tracking()
    environment.tracking = own  # type: ignore[attr-defined]
    assert Namespace(environment).tracking is own
