"""Connections between the engine's form and that of the maps."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import OffloadedConnection, client_key
from pyvs.fastpath.mirror import Place
from pyvs.fastpath.views import View, engine_connection, fill, offloaded_connection, view
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import CLIENT, KEY, SERVERS, VIP, packed

NOW = 10_000.0
JIFFIES = Jiffies(250, 1_000_000, 0.0)


def place(number: int = 4) -> Place:
    engine = Engine(FixedEnvironment())
    engine.control.new_service(ServiceSpec(KEY, "rr"), 0.0)
    engine.control.new_dest(KEY, DestSpec(DestKey(SERVERS[0], 8080)), 0.0)
    service = next(iter(engine.ns.services))
    return Place(number, service.destinations[0], service)


def offloaded(
    forward: int = Forward.MASQ, *, inactive: bool = False, seen: float = NOW
) -> OffloadedConnection:
    return OffloadedConnection(
        Proto.TCP, packed(CLIENT), 40000, packed(VIP), 80, SERVERS[0], 8080, forward,
        TcpState.ESTABLISHED, JIFFIES.length(900.0), JIFFIES.at(seen), 4, 17, inactive,
    )  # fmt: skip


def test_a_view_shows_what_the_maps_say() -> None:
    there, one = place(), offloaded(seen=NOW - 60.0)
    shown = view(one, there, JIFFIES, NOW)
    assert isinstance(shown, View)
    assert (shown.af, shown.daf, shown.protocol) == (Family.INET, Family.INET, Proto.TCP)
    assert (shown.caddr, shown.cport, shown.vaddr, shown.vport) == (packed(CLIENT), 40000, packed(VIP), 80)
    assert (shown.daddr, shown.dport) == (SERVERS[0], 8080)
    assert (shown.dest, shown.state, shown.old_state, shown.in_pkts) == (
        there.dest,
        TcpState.ESTABLISHED,
        TcpState.NONE,
        17,
    )
    assert shown.timeout == 900.0
    assert shown.expires == pytest.approx(NOW + 840.0, abs=2 / JIFFIES.hz)
    assert (shown.offloaded, shown.place, shown.raw) == (one, there, client_key(one))
    assert shown.flags & ConnFlag.HASHED


@pytest.mark.parametrize("inactive", [False, True])
@pytest.mark.parametrize("forward", [Forward.MASQ, Forward.TUNNEL, Forward.DROUTE])
def test_flags(forward: Forward, inactive: bool) -> None:
    shown = view(offloaded(forward, inactive=inactive), place(), JIFFIES, NOW)
    assert shown.forward == forward
    assert bool(shown.flags & ConnFlag.INACTIVE) == inactive
    assert bool(shown.flags & ConnFlag.NOOUTPUT) == (forward != Forward.MASQ)


def test_a_service_by_mark_leaves_its_mark() -> None:
    there = place()
    there.service.fwmark = 7
    conn = engine_connection(Connection, offloaded(), there)
    assert (conn.fwmark, conn.dest) == (0, None)
    fill(conn, offloaded(), there, JIFFIES, NOW)
    assert (conn.fwmark, conn.dest) == (7, there.dest)


def test_what_was_seen_in_the_future_is_not_in_the_past() -> None:
    """A packet that the programs served while the engine looked at its clock."""
    shown = view(offloaded(seen=NOW + 0.5), place(), JIFFIES, NOW)
    assert shown.expires == pytest.approx(NOW + 900.5, abs=2 / JIFFIES.hz)


@given(
    forward=st.sampled_from((Forward.MASQ, Forward.TUNNEL, Forward.DROUTE)),
    state=st.sampled_from(TcpState),
    timeout=st.integers(1, 10_000),
    silent=st.integers(0, 10_000),
    told=st.integers(-1000, 1000),
    retries=st.integers(0, 3),
    synced=st.booleans(),
    packets=st.integers(0, 0xFFFFFFFF),
    inactive=st.booleans(),
    six=st.booleans(),
)
def test_there_and_back(
    forward: int,
    state: int,
    timeout: int,
    silent: int,
    told: int,
    retries: int,
    synced: bool,
    packets: int,
    inactive: bool,
    six: bool,
) -> None:
    ends = [bytes(range(start, start + (16 if six else 4))) for start in (1, 51, 101)]
    there = Place(
        9, cast("Destination", _Dest(Family.INET6 if six else Family.INET)), cast("Service", _Service())
    )
    one = OffloadedConnection(
        Proto.UDP, ends[0], 1, ends[1], 2, ends[2], 3, forward, state,
        JIFFIES.length(float(timeout)), JIFFIES.at(NOW - silent), 9, packets, inactive, synced=synced,
        told=JIFFIES.at(NOW + told), told_state=state, told_retries=retries,
    )  # fmt: skip
    conn = engine_connection(Connection, one, there)
    fill(conn, one, there, JIFFIES, NOW)
    back = offloaded_connection(conn, 9, JIFFIES)
    assert abs(back.seen - one.seen) <= 1
    back.seen = one.seen
    assert back == one


class _Dest:
    def __init__(self, af: Family) -> None:
        self.af = af


class _Service:
    fwmark = 0


def test_a_template_is_told_to_the_maps() -> None:
    there = place()
    conn = engine_connection(Connection, offloaded(), there)
    fill(conn, offloaded(), there, JIFFIES, NOW)
    assert not offloaded_connection(conn, 4, JIFFIES).controlled
    conn.control = engine_connection(Connection, offloaded(), there)
    assert offloaded_connection(conn, 4, JIFFIES).controlled
