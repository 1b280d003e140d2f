"""Which connections drop_entry ends: each kind, looked at often enough to be found."""

import pytest

from pyvs.core import drop_entry
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import control_add, put
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Proto, ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.testing.environment import FixedEnvironment

TCP, UDP, SCTP = Proto.TCP, Proto.UDP, Proto.SCTP
VIP, SERVER = bytes((192, 0, 2, 100)), bytes((10, 1, 0, 11))


@pytest.fixture
def ns() -> Namespace:
    return Engine(FixedEnvironment(), now=1000.0).ns


def connection(
    ns: Namespace,
    protocol: int,
    state: int = 0,
    *,
    in_pkts: int = 1,
    quiet: float = 61.0,
    flags: int = 0,
    cport: int = 40001,
) -> Connection:
    """One whose last packet came `quiet` seconds ago."""
    caddr = bytes((198, 51, 100, 7))
    conn = Connection(Family.INET, protocol, caddr, cport, VIP, 80, Family.INET, SERVER, 80, flags)
    conn.state, conn.in_pkts, conn.timeout = state, in_pkts, 900.0
    ns.connections.insert(conn)
    put(ns, conn)
    conn.expires -= quiet
    return conn


def look(ns: Namespace, times: int = 600) -> None:
    """Look at a 32nd so often that all were seen at least once."""
    for _ in range(times):
        list(drop_entry.run(ns))


def lives(conn: Connection) -> bool:
    return bool(conn.flags & ConnFlag.HASHED)


@pytest.mark.parametrize(
    ("protocol", "state", "ends"),
    [
        *((TCP, state, state in (3, 10)) for state in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
        *((SCTP, state, state in (1, 2)) for state in (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13)),
    ],
)
def test_half_open_ones_end_at_once(ns: Namespace, protocol: int, state: int, ends: bool) -> None:
    conn = connection(ns, protocol, state, in_pkts=100, quiet=0)
    look(ns)
    assert lives(conn) is not ends


@pytest.mark.parametrize(("protocol", "state"), [(TCP, 1), (SCTP, 8), (UDP, 0), (Proto.ESP, 0)])
@pytest.mark.parametrize(
    ("in_pkts", "quiet", "ends"),
    [(1, 61, True), (8, 61, True), (9, 61, False), (0, 61, False), (1, 59, False)],
)
def test_others_need_a_quiet_minute_and_few_packets(
    ns: Namespace, protocol: int, state: int, in_pkts: int, quiet: float, ends: bool
) -> None:
    conn = connection(ns, protocol, state, in_pkts=in_pkts, quiet=quiet)
    look(ns)
    assert lives(conn) is not ends


def test_of_those_with_n_packets_each_nth_is_dropped(ns: Namespace) -> None:
    """All with as many packets share a counter, which begins at 0: the first goes, two stay, one goes."""
    ended = []
    for port in range(1, 8):
        conn = connection(ns, UDP, in_pkts=3, cport=port)
        turns = ns.defense.turns[3]
        while lives(conn) and ns.defense.turns[3] == turns:
            list(drop_entry.run(ns))
        ended.append(not lives(conn))
        ns.connections.remove(conn)
    assert ended == [True, False, False, True, False, False, True]


def test_templates(ns: Namespace) -> None:
    template = int(ConnFlag.TEMPLATE)
    plain, assured = connection(ns, TCP, 0, flags=template), connection(ns, TCP, 1, flags=template, cport=0)
    look(ns)
    assert (lives(plain), lives(assured)) == (False, True)


def test_template_of_a_one_packet_service_is_judged_like_udp(ns: Namespace) -> None:
    service = Service(Family.INET, UDP, VIP, 80, 0)
    service.flags = int(ServiceFlag.ONEPACKET)
    dest = Destination(Family.INET, SERVER, 80, service)
    conns = []
    for state, in_pkts in ((0, 20), (1, 1)):
        conn = connection(ns, UDP, state, in_pkts=in_pkts, flags=int(ConnFlag.TEMPLATE), cport=in_pkts)
        conn.dest = dest
        dest.refcnt += 1
        conns.append(conn)
    look(ns)
    assert [lives(conn) for conn in conns] == [True, False]


def test_what_controls_others_stays_until_they_end(ns: Namespace) -> None:
    template = connection(ns, TCP, 0, flags=int(ConnFlag.TEMPLATE), cport=0)
    child = connection(ns, TCP, 1, in_pkts=100)
    control_add(child, template)
    look(ns)
    assert lives(template)
    assert lives(child)
    child.state = 3
    look(ns)
    assert not lives(child)
    assert not lives(template)


def test_a_run_looks_at_a_small_part(ns: Namespace) -> None:
    conns = [connection(ns, TCP, 3, cport=port) for port in range(1, 3201)]
    list(drop_entry.run(ns))
    ended = sum(not lives(conn) for conn in conns)
    assert 20 < ended < 250  # 100 of 3200, more or less
