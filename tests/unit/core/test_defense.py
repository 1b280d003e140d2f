import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core import defense
from pyvs.core.flags import Direction
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.protocol import Protocol
from pyvs.testing.environment import FixedEnvironment


class Secured(Protocol):
    """Remembers which tables were chosen."""

    number = 6
    default_timeouts = ()
    state_names = ()

    def __init__(self, ns: Namespace) -> None:
        super().__init__(ns)
        self.chosen: list[bool] = []

    def set_timeouts(self, secure: bool) -> None:
        self.chosen.append(secure)

    def opens(self, packet: Packet, header: Header) -> bool:
        return False

    def transition(self, conn: object, direction: Direction, data: bytes, header: Header) -> None: ...


@pytest.fixture
def environment() -> FixedEnvironment:
    return FixedEnvironment()


@pytest.fixture
def ns(environment: FixedEnvironment) -> Namespace:
    return Namespace(environment)


def taken(ns: Namespace, packets: int) -> list[int]:
    """Which of so many packets are dropped, counted from 1."""
    return [number for number in range(1, packets + 1) if defense.todrop(ns)]


def test_off(ns: Namespace) -> None:
    defense.update(ns)
    assert taken(ns, 50) == []


def test_always(ns: Namespace) -> None:
    """Recorded with am_droprate 3 (drop-packet): the first, and then each third."""
    ns.sysctl.am_droprate = 3
    ns.sysctl.drop_packet = 3
    defense.update(ns)
    assert taken(ns, 10) == [1, 4, 7, 10]


def test_rate_follows_the_memory(ns: Namespace, environment: FixedEnvironment) -> None:
    ns.sysctl.drop_packet = 1
    defense.update(ns)
    assert (ns.sysctl.drop_packet, ns.defense.drop_rate) == (1, 0)
    for pages, rate in ((1023, 1024), (768, 4), (512, 2), (100, 1), (0, 1)):
        environment.pages = pages
        defense.update(ns)
        assert (ns.sysctl.drop_packet, ns.defense.drop_rate) == (2, rate)
    environment.pages = 512
    defense.update(ns)
    assert taken(ns, 6) == [2, 4, 6]
    environment.pages = 1024
    defense.update(ns)
    assert (ns.sysctl.drop_packet, ns.defense.drop_rate) == (1, 0)


def test_secure_tables_change_only_when_the_level_does(ns: Namespace, environment: FixedEnvironment) -> None:
    ns.protocols[6] = tcp = Secured(ns)
    for level, pages, chosen in (
        (0, 0, []),
        (1, 5000, []),
        (1, 0, [True]),
        (2, 0, [True]),
        (2, 5000, [True, False]),
        (3, 5000, [True, False, True]),
        (3, 0, [True, False, True]),
        (0, 0, [True, False, True, False]),
    ):
        ns.sysctl.secure_tcp = level
        environment.pages = pages
        defense.update(ns)
        assert tcp.chosen == chosen


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(-5, 3000), st.integers(-1, 3000))
def test_any_levels_settle(entry: int, packet: int, secure: int, pages: int, threshold: int) -> None:
    ns = Namespace(FixedEnvironment(pages=pages))
    sysctl = ns.sysctl
    sysctl.drop_entry, sysctl.drop_packet, sysctl.secure_tcp, sysctl.amemthresh = (
        entry,
        packet,
        secure,
        threshold,
    )
    defense.update(ns)
    short = pages < threshold
    for before, after in (
        (entry, sysctl.drop_entry),
        (packet, sysctl.drop_packet),
        (secure, sysctl.secure_tcp),
    ):
        assert after == (before if before in (0, 3) else 1 + short)
    assert ns.defense.drop_entries == (sysctl.drop_entry >= 2)
    assert ns.defense.secure == (sysctl.secure_tcp >= 2)
