"""The engine's claims, without a kernel: when they come, when they go, and that nobody counts them."""

from __future__ import annotations

import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast

from pyvs.core.connections import expiry
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.services.destination import Destination
from pyvs.fastpath import returns
from pyvs.fastpath.claims import ALIVE, BEAT
from pyvs.fastpath.entries import OffloadedConnection, client_key, key, to_entries
from pyvs.fastpath.layout import CONN4, KEY6
from pyvs.fastpath.owner import in_maps
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.tables import CLAIMED, Status
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import ACK, CLIENT, NOW, SERVERS, SYN, VIP, Shared, packed
from pyvs.testing.wire import tcp


class Case:
    """A partner whose maps are in memory."""

    def __init__(self, *, new: bool = True) -> None:
        self.maps = MemoryFast()
        self.engine = Engine(FixedEnvironment([packed(VIP), packed("10.1.0.1")]), now=NOW)
        changes = MemoryChanges(self.maps)
        self.partner = Partner(self.maps, self.engine, changes, new=new)
        self.table = self.partner.table
        self.shared = Shared(self.engine, self.maps, changes, self.partner.mirror, self.table)
        self.shared.service()
        self.partner.changed()
        self.partner.before_packets(NOW)

    def arrive(self, port: int, flags: int = SYN, *, client: str = CLIENT) -> None:
        """A packet that came up, whose batch is not over."""
        self.engine.receive(Packet(tcp(client, VIP, port, 80, flags)), Hook.LOCAL_IN, NOW)
        self.engine.drain()

    def settle(self) -> None:
        self.partner.after_packets(NOW)

    def claimed(self) -> list[bytes]:
        held = self.maps.conns4.held
        return [raw for raw, value in held.items() if CONN4.unpack(value)["dest"] == CLAIMED]

    def counts(self) -> list[tuple[int, int]]:
        rows = [self.maps.destination(place.number) for place in self.partner.mirror.places.values()]
        return [(row["active"], row["inactive"]) for row in rows]


def raw_of(port: int, client: str = CLIENT) -> bytes:
    return key(6, packed(client), packed(VIP), port, 80)


def offloaded(port: int, number: int, seen: int) -> OffloadedConnection:
    return OffloadedConnection(
        6, packed(CLIENT), port, packed(VIP), 80, SERVERS[1], 8080, 0, 3, 100, seen, number, packets=1
    )


@pytest.fixture
def case() -> Case:
    return Case()


def test_what_the_engine_makes_is_claimed_until_it_is_handed_over(case: Case) -> None:
    case.arrive(40000)
    assert case.claimed() == [raw_of(40000)]
    assert list(case.maps.connections()) == []
    case.settle()
    assert case.claimed() == []
    assert [conn.cport for conn in case.maps.connections()] == [40000]
    assert len(case.table.claims) == 0


def test_what_comes_back_is_claimed_in_its_place(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returns, "OFTEN", 0)
    case.arrive(40000)
    case.settle()
    case.arrive(40000, ACK)
    case.settle()  # it is held
    assert list(case.maps.conns4.held) == [raw_of(40000)]
    assert case.claimed() == [raw_of(40000)]
    assert set(case.counts()) == {(0, 0)}
    assert [in_maps(conn) for conn in case.table] == [False]


def test_nobody_sees_a_claim(case: Case) -> None:
    case.arrive(40000, client="10.1.0.1")  # this host: it stays with the engine
    case.settle()
    raw = raw_of(40000, "10.1.0.1")
    assert case.claimed() == [raw]
    assert list(case.table.views()) == []
    assert list(case.maps.keys_of(range(10))) == []
    assert case.maps.find(raw) is None
    assert case.table.take_back(raw) is None
    assert case.claimed() == [raw]
    assert len(list(case.table)) == 1


def test_it_goes_with_the_connection(case: Case) -> None:
    case.arrive(40000, client="10.1.0.1")
    case.settle()
    (conn,) = case.table
    expiry.delete(case.engine.ns, conn)
    assert case.table.handover.due == 0.0
    case.settle()
    assert case.maps.conns4.held == {}
    assert len(case.table.claims) == 0


def test_it_stays_while_another_connection_has_the_key(case: Case) -> None:
    case.arrive(40000, client="10.1.0.1")
    (conn,) = case.table
    expiry.expire_now(case.engine.ns, conn)
    conn.state, conn.timeout = 7, 1.0
    newer = type(conn)(
        conn.af, conn.protocol, conn.caddr, conn.cport, conn.vaddr, conn.vport, conn.daf, conn.daddr, 81, 0
    )
    case.table.insert(newer)
    case.table.remove(conn)
    case.table.audit()
    assert case.claimed() == [raw_of(40000, "10.1.0.1")]
    case.table.remove(newer)
    case.table.audit()
    assert case.claimed() == []


def test_programs_begin_nothing_while_the_engine_chooses_a_server(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    (service,) = case.engine.ns.services
    assert service.scheduler is not None
    claimed: list[list[bytes]] = []
    pick = service.scheduler.pick

    def pick_slowly(request: Request) -> Destination | None:
        claimed.append(case.claimed())
        return pick(request)

    monkeypatch.setattr(service.scheduler, "pick", pick_slowly)
    case.arrive(40000)
    assert claimed == [[raw_of(40000)]]


def test_what_begins_no_connection_is_claimed_until_the_packet_is_dealt_with(case: Case) -> None:
    case.arrive(40000, ACK)
    assert case.claimed() == [raw_of(40000)]
    case.settle()
    assert case.claimed() == []
    assert len(case.table.claims) == 0


def test_one_that_begins_between_two_looks_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    get, looks = case.maps.conns4.get, 0

    def late(raw: bytes) -> bytes | None:
        nonlocal looks
        looks += 1
        if looks == 2:
            case.maps.insert(offloaded(40000, 1, case.maps.jiffies.at(NOW)))
        return get(raw)

    monkeypatch.setattr(case.maps.conns4, "get", late)
    case.arrive(40000)
    (conn,) = case.table
    assert (conn.daddr, conn.in_pkts) == (SERVERS[1], 2)


def test_services_are_offered_after_what_the_engine_has_of_them_is_claimed(case: Case) -> None:
    case.engine.control.sysctl_write("conntrack", "1", NOW)
    case.partner.renew()
    assert list(case.maps.services) == []
    case.arrive(40000, client="10.1.0.1")
    case.settle()
    assert case.claimed() == []
    case.engine.control.sysctl_write("conntrack", "0", NOW)
    case.partner.renew()
    assert len(list(case.maps.services)) == 1
    assert case.claimed() == [raw_of(40000, "10.1.0.1")]


def test_without_new_connections_by_the_programs_there_are_none() -> None:
    case = Case(new=False)
    case.arrive(40000, client="10.1.0.1")
    case.settle()
    assert case.maps.conns4.held == {}
    assert case.maps.setting("claimant") == 0


@pytest.mark.parametrize("over", [False, True])
def test_one_that_the_programs_have_begun_meanwhile_ends(case: Case, over: bool) -> None:
    place = case.partner.mirror.by_number[1]
    find = case.table.find_in
    case.table.find_in = lambda protocol, key: None  # type: ignore[method-assign]
    seen = case.maps.jiffies.at(NOW - 10.0 * over)
    for raw, value in to_entries(offloaded(40000, place.number, seen)):
        case.maps.conns4.put(raw, value)
    case.maps.count(place.number, inactive=1)
    case.arrive(40000)
    case.table.find_in = find  # type: ignore[method-assign]
    assert case.claimed() == [raw_of(40000)]
    assert len(list(case.table)) == 2 - over
    case.engine.handle_timeouts(NOW + 1.0)
    case.table.handover.settle(NOW + 1.0)
    (conn,) = case.maps.connections()
    assert client_key(conn) == raw_of(40000)
    case.partner.mirror.pull()
    assert sum(active + inactive for active, inactive in case.counts()) == 1
    dests = case.shared.dest(0), case.shared.dest(1)
    assert sum(dest.activeconns + dest.inactconns for dest in dests) == 1


def test_those_of_an_engine_before_are_replaced(case: Case) -> None:
    raw = raw_of(40000)
    case.maps.conns4.put(raw, CONN4.pack(status=Status.CLAIMED, dest=CLAIMED, told=1))
    case.arrive(40000)
    assert CONN4.unpack(case.maps.conns4.held[raw])["told"] == case.maps.setting("claimant") != 1


def test_without_room_programs_look_elsewhere(case: Case) -> None:
    case.maps.conns4.room = 0
    case.arrive(40000)
    case.settle()
    assert list(case.maps.unplaced.held) == [raw_of(40000).ljust(KEY6.size, b"\0")]
    assert case.maps.setting("unplaced") == 1
    case.table.audit()
    assert case.maps.setting("unplaced") == 1
    case.maps.conns4.room = 1
    case.table.audit()
    assert case.claimed() == [raw_of(40000)]
    assert (case.maps.setting("unplaced"), case.maps.unplaced.held) == (0, {})


def test_a_claim_stays_when_its_connection_finds_no_room(case: Case) -> None:
    case.maps.conns4.room = 1  # NAT takes two
    case.arrive(40000)
    case.settle()
    assert case.claimed() == [raw_of(40000)]
    assert set(case.counts()) == {(0, 0)}


def test_without_any_room_it_is_left_without_a_claim(case: Case) -> None:
    case.maps.conns4.room = case.maps.unplaced.room = 0
    case.arrive(40000)
    (conn,) = case.table
    assert len(case.table.claims) == 0
    expiry.delete(case.engine.ns, conn)
    assert case.maps.setting("unplaced") == 0


def test_an_engine_shows_that_it_is_alive(case: Case) -> None:
    def until() -> int:
        return int(case.maps.setting("claims_until"))

    assert until() == case.maps.jiffies.at(NOW + ALIVE)
    case.partner.before_packets(NOW + BEAT / 2)
    assert until() == case.maps.jiffies.at(NOW + ALIVE)
    case.partner.before_packets(NOW + BEAT)
    assert until() == case.maps.jiffies.at(NOW + BEAT + ALIVE)


def test_an_engine_that_ends_gives_all_of_them_up(case: Case) -> None:
    case.arrive(40000, client="10.1.0.1")
    case.table.claims.begin(None, NOW)
    assert case.maps.setting("claimant") == 0
    assert len(case.table.claims) == 0


def test_an_entry_of_another_is_not_deleted_for_a_claim(case: Case) -> None:
    """Programs begin anew when the engine has not been heard of for long."""
    case.arrive(40000)
    for raw, value in to_entries(offloaded(40000, 1, 1)):
        case.maps.conns4.put(raw, value)
    for conn in list(case.table):
        if not in_maps(conn):
            expiry.delete(case.engine.ns, conn)
    assert [conn.cport for conn in case.maps.connections()] == [40000]
