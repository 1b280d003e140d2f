"""The fast path's life beside an engine: maps in memory, links and neighbours are stand-ins, time is handed in."""

from __future__ import annotations

import errno
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast

from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook, Proto, SyncState
from pyvs.core.packet.packet import Packet
from pyvs.daemon import fast as room
from pyvs.daemon.fast import PATIENCE, SECOND, Fast
from pyvs.daemon.log import Log
from pyvs.datapath.rtnetlink import Link
from pyvs.fastpath import pins
from pyvs.fastpath.entries import OffloadedConnection, client_key
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.layout import OWNER
from pyvs.fastpath.owner import SharedTable
from pyvs.fastpath.sweep import Ended
from pyvs.fastpath.tables import Selector
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import CLIENT, KEY, NOW, SERVERS, SYN, VIP, packed
from pyvs.testing.wire import tcp

MAC = b"\2\0\0\0\0\1"


class Host(FixedEnvironment):
    """With devices, of which those with a number below 100 are Ethernet."""

    def __init__(self) -> None:
        super().__init__([packed(VIP), packed("10.1.0.1")])
        self.names = {1: "lo", 2: "eth0", 3: "eth1"}
        self.there = [2, 3]

    def links(self) -> list[Link]:
        return [
            Link(101, "lo", 65536, True),
            *(Link(index, f"eth{index - 2}", 1500, True) for index in self.there),
        ]


class FakeLinks:
    """Notes what is attached. refuses: numbers of devices that take no program."""

    def __init__(self, mode: str, program: int, folder: Path) -> None:
        self.made = mode, program, folder
        self.attached: dict[int, str] = {}
        self.refuses: set[int] = set()
        self.attempts: list[int] = []
        self.detached = 0
        self.fails = False

    def attach(self, ifindex: int) -> str:
        self.attempts.append(ifindex)
        if ifindex in self.refuses:
            raise OSError(errno.EOPNOTSUPP, "it takes no program")
        self.attached[ifindex] = "tcx"
        return "tcx"

    def forget(self, ifindex: int) -> None:
        del self.attached[ifindex]

    def detach(self) -> None:
        if self.fails:
            raise OSError(errno.EPERM, "not permitted")
        self.detached += 1
        self.attached.clear()


class FakeNeighbours:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.news = False
        self.closed = False

    def changed(self) -> bool:
        return self.news

    def close(self) -> None:
        self.closed = True


class Case:
    """A fast path, and all that stands around it."""

    def __init__(self, folder: Path, maps: MemoryFast, *, new: bool = False) -> None:
        self.now = NOW
        self.host = Host()
        self.engine = Engine(self.host, now=NOW)
        self.written = io.StringIO()
        self.maps = maps
        self.folder = folder
        self.fast = Fast(
            maps, folder, self.engine, cast("Any", self.host), Log(self.written), lambda: self.now, new=new
        )
        self.links = cast("FakeLinks", self.fast.links)
        self.neighbours = cast("FakeNeighbours", self.fast.neighbours)
        self.changes = cast("MemoryChanges", self.fast._changes)

    @property
    def log(self) -> str:
        return self.written.getvalue()

    def service(self, scheduler: str = "rr") -> None:
        self.engine.control.new_service(ServiceSpec(KEY, scheduler), self.now)
        for addr in SERVERS:
            self.engine.control.new_dest(KEY, DestSpec(DestKey(addr, 8080)), self.now)
        self.fast.changed()

    def packet(self, port: int, flags: int = SYN) -> None:
        self.fast.before_packets(self.now)
        self.engine.receive(Packet(tcp(CLIENT, VIP, port, 80, flags)), Hook.LOCAL_IN, self.now)
        self.engine.drain()
        self.fast.after_packets(self.now)

    def in_maps(self) -> list[int]:
        """Ports of the clients whose connections are in the maps."""
        return sorted(conn.cport for conn in self.maps.connections())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of pins; nothing of the kernel is reached."""
    monkeypatch.setattr(room, "Links", FakeLinks)
    monkeypatch.setattr(room, "Neighbours", FakeNeighbours)
    kept: dict[int, MemoryChanges] = {}

    def changes(loaded: Any, _: Path) -> MemoryChanges:
        return kept.setdefault(id(loaded), MemoryChanges(MAPS[id(loaded)]))

    monkeypatch.setattr(room, "Changes", changes)
    monkeypatch.setattr(room, "ethernet_address", lambda name: MAC if name.startswith("eth") else None)
    place = tmp_path / "cookie" / "layout"
    (place / "links").mkdir(parents=True)
    (place / "conns4").touch()
    return place


MAPS: dict[int, MemoryFast] = {}
"""By what stands for their object file."""


@pytest.fixture
def maps() -> Iterator[MemoryFast]:
    made = MemoryFast()
    MAPS[id(made.object)] = made
    yield made
    MAPS.clear()


@pytest.fixture
def case(folder: Path, maps: MemoryFast) -> Case:
    return Case(folder, maps)


# ---- the beginning -------------------------------------------------------------------


def opened(choice: room.Choice, engine: Engine) -> tuple[Fast | None, str]:
    written = io.StringIO()
    fast = Fast.open(choice, engine, cast("Any", Host()), Log(written), lambda: NOW)
    return fast, written.getvalue()


@pytest.mark.parametrize(("choice", "mode"), [("auto", "tc"), ("tc", "tc"), ("xdp", "xdp")])
def test_open(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch, choice: room.Choice, mode: str
) -> None:
    asked: list[tuple[str, Path]] = []

    def load(mode: str, **options: Path) -> MemoryFast:
        asked.append((mode, options["pins"]))
        return maps

    monkeypatch.setattr(FastPath, "open", load)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    engine = Engine(Host(), now=NOW)
    fast, log = opened(choice, engine)
    assert fast is not None
    assert asked == [(mode, folder)]
    assert isinstance(engine.ns.connections, SharedTable)
    assert log == ""


def test_off_is_off() -> None:
    engine = Engine(Host(), now=NOW)
    before = engine.ns.connections
    assert opened("off", engine) == (None, "")
    assert engine.ns.connections is before


def test_where_there_is_none_the_log_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> Path:
        raise FastPathUnavailable("the moon is full")

    monkeypatch.setattr(pins, "prepare", prepare)
    engine = Engine(Host(), now=NOW)
    before = engine.ns.connections
    fast, log = opened("auto", engine)
    assert fast is None
    assert log.endswith("the fast path is off, the engine serves alone: the moon is full\n")
    assert engine.ns.connections is before


def test_what_was_loaded_is_let_go_when_the_rest_fails(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(FastPath, "open", lambda mode, pins: maps)
    monkeypatch.setattr(pins, "prepare", lambda: folder)
    monkeypatch.setattr(room, "Changes", changes)
    fast, log = opened("tc", Engine(Host(), now=NOW))
    assert fast is None
    assert "no memory" in log
    assert maps.object.closed


def test_start_attaches_to_what_is_ethernet(case: Case) -> None:
    case.fast.start()
    assert case.links.made == ("tc", case.maps.program, case.folder / "links")
    assert case.links.attached == {2: "tcx", 3: "tcx"}
    assert case.maps.devices == {2: MAC, 3: MAC}
    assert "the fast path is on by tcx at eth0, eth1\n" in case.log


def test_a_device_that_takes_no_program(case: Case) -> None:
    case.links.refuses = {3}
    case.fast.start()
    assert "the fast path is not at eth1: " in case.log
    assert "on by tcx at eth0\n" in case.log


def test_no_device_at_all(case: Case) -> None:
    case.host.there = []
    case.fast.start()
    assert "the fast path is at no device" in case.log


# ---- packets and verbs ---------------------------------------------------------------


def test_what_packets_make_goes_to_the_maps(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.packet(40001)
    assert case.in_maps() == [40000, 40001]
    dests = next(iter(case.engine.ns.services)).destinations
    assert [dest.inactconns + dest.activeconns for dest in dests] == [1, 1]


def test_a_change_is_written_before_the_next_packet(case: Case) -> None:
    case.service()
    assert case.maps.destination(0)["af"] == 0
    assert case.fast.due == 0.0
    case.fast.before_packets(case.now)
    assert case.maps.destination(0)["port"] == (8080).to_bytes(2, "big")
    assert case.fast.due > 0.0


def test_counts_are_read_before_packets_but_not_all_the_time(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.service()
    case.fast.before_packets(case.now)
    reads: list[float] = []
    times = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(times)))
    monkeypatch.setattr(case.fast.mirror, "pull_counts", lambda: reads.append(case.now))
    case.fast._counts_at = 0.0
    for _ in range(30):  # a read takes a second here, so the next one comes 20 later
        case.fast.before_packets(case.now)
        case.now += 1.0
    assert reads == [NOW, NOW + room.SHARE]


def test_listings_see_what_the_programs_did(case: Case) -> None:
    case.service()
    case.fast.before_packets(case.now)
    case.maps.count(0, active=2, inpkts=10, inbytes=900)
    case.fast.before_verbs()
    dest = case.fast.mirror.by_number[0].dest
    assert (dest.activeconns, dest.stats.inpkts, case.engine.ns.stats.inbytes) == (2, 10, 900)


def test_connections_come_back_when_the_fast_path_must_rest(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.engine.control.new_daemon(DaemonSpec(SyncState.MASTER, "eth0", 1), case.now)
    case.fast.changed()
    case.fast.before_verbs()
    assert case.in_maps() == []
    assert [conn.cport for conn in case.engine.ns.connections] == [40000]
    assert "the fast path rests: synchronisation: the master" in case.log
    case.packet(40001)
    assert case.in_maps() == []
    case.engine.control.del_daemon(SyncState.MASTER, case.now)
    case.fast.changed()
    case.fast.tick(case.now)
    assert "the fast path serves again" in case.log
    assert case.log.count("the fast path rests") == 1


def test_new_connections_by_the_programs(folder: Path, maps: MemoryFast) -> None:
    case = Case(folder, maps, new=True)
    case.service()
    case.fast.before_packets(case.now)
    ((name, row),) = list(maps.services)
    assert name == (Proto.TCP, packed(VIP), 80)
    assert (row["selector"], row["size"]) == (Selector.CURSOR, 2)
    assert maps.setting("new") == 1
    case.packet(40000)  # the engine took a turn, and the programs go on after it
    (slots,) = [row for _, row in maps.services]
    first = maps.slots.at(slots["base"])["number"]
    dest = case.fast.mirror.by_number[first].dest
    assert (dest.activeconns, dest.inactconns) == (0, 0)


def test_without_that_the_programs_schedule_nothing(case: Case) -> None:
    case.service()
    case.fast.before_packets(case.now)
    assert list(case.maps.services) == []
    assert case.maps.setting("new") == 0


# ---- the host --------------------------------------------------------------------------


def test_devices_that_come_and_go(case: Case) -> None:
    case.host.there = [2]
    case.fast.start()
    before = case.maps.setting("generation")
    case.host.there = [3]
    case.fast.host_changed()
    assert case.links.attached == {3: "tcx"}
    assert case.links.attempts == [2, 3]
    assert case.maps.setting("generation") == before + 1
    assert case.fast.due == 0.0


def test_next_hops_are_looked_up_anew_when_a_neighbour_moves(case: Case) -> None:
    before = case.maps.setting("generation")
    case.fast.look_at_neighbours()
    assert case.maps.setting("generation") == before
    case.neighbours.news = True
    case.fast.look_at_neighbours()
    assert case.maps.setting("generation") == before + 1


# ---- time ------------------------------------------------------------------------------


def test_each_second_the_counters_come_in(case: Case) -> None:
    case.service()
    case.fast.tick(case.now)
    case.maps.count(0, conns=1)
    case.fast.tick(case.now + SECOND / 2)
    assert case.engine.ns.stats.conns == 0
    case.fast.tick(case.now + SECOND)
    assert case.engine.ns.stats.conns == 1


def test_rates_are_reckoned_from_counters_of_now(case: Case) -> None:
    case.service()
    case.fast.tick(case.now)
    case.maps.count(0, conns=1)
    case.engine.ns.next_estimate = case.now + SECOND / 4
    case.fast.tick(case.now + SECOND / 2)
    assert case.engine.ns.stats.conns == 1


def test_a_sweep_goes_on_from_stretch_to_stretch(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.packet(40001)
    gone = list(case.maps.connections())
    case.maps.to_end = [[ended(gone[0])], [ended(gone[1])]]
    for done in (1, 2):
        case.fast.tick(case.now)
        assert case.fast.table.ended == done
        assert case.fast.due == 0.0
    case.fast.tick(case.now)
    assert case.fast.due > case.now
    case.maps.to_end = [[ended(gone[0])]]
    case.fast.tick(case.now + SECOND / 2)
    assert case.fast.table.ended == 2
    case.fast.tick(case.now + SECOND)
    assert case.fast.table.ended == 3


def ended(conn: OffloadedConnection) -> Ended:
    return Ended(client_key(conn), conn.state, conn.dest, conn.packets)


def test_empty_maps_are_not_swept(case: Case) -> None:
    case.service()
    conn = OffloadedConnection(
        Proto.TCP, packed(CLIENT), 1, packed(VIP), 80, SERVERS[0], 8080, 0, 1, 10
    )  # fmt: skip
    case.maps.to_end = [[ended(conn)]]
    case.fast.tick(case.now + SECOND)
    assert case.fast.table.ended == 0


def test_servers_that_no_rule_names_are_given_up_after_a_while(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Case(folder, maps)
    before.service()
    before.fast.tick(before.now)
    before.maps.count(0, active=5)
    after = Case(folder, maps)
    assert after.fast.taken_over == 2
    after.fast.start()
    assert "are taken over" in after.log
    after.fast.tick(NOW + PATIENCE - 1.0)
    assert len(after.fast.mirror.waiting) == 2
    assert maps.destination(0)["flags"] == 1
    after.fast.tick(NOW + PATIENCE)
    assert after.fast.mirror.waiting == {}
    row = maps.destination(0)
    assert (row["flags"], row["active"]) == (0, 5)
    assert "had 2 servers that no rule names now" in after.log


def test_servers_that_rules_name_are_taken_over(folder: Path, maps: MemoryFast) -> None:
    before = Case(folder, maps)
    before.service()
    before.packet(40000)
    before.fast.close(keep=True)
    after = Case(folder, maps)
    after.service()
    after.fast.start()
    assert "; 1 connections of the director before are taken over" in after.log
    assert [conn.cport for conn in after.engine.ns.connections] == [40000]


# ---- the end ---------------------------------------------------------------------------


def test_the_end_leaves_nothing(case: Case) -> None:
    case.fast.start()
    case.fast.close(keep=False)
    assert case.links.detached == 1
    assert not case.folder.exists()
    assert not case.folder.parent.exists()
    assert case.neighbours.closed
    assert case.changes.closed
    assert case.maps.object.closed


def test_another_versions_folder_stays(case: Case) -> None:
    (case.folder.parent / "layout-0").mkdir()
    case.fast.close(keep=False)
    assert not case.folder.exists()
    assert (case.folder.parent / "layout-0").exists()


def test_what_is_kept_has_the_engines_share_of_counters(case: Case) -> None:
    case.service()
    case.fast.start()
    case.packet(40000)
    case.fast.close(keep=True)
    assert case.links.detached == 0
    assert (case.folder / "conns4").exists()
    shares = [OWNER.unpack(raw)["stats_inpkts"] for raw in case.changes.owners.held]
    assert sum(shares) == 1
    assert case.changes.closed
    assert case.maps.object.closed


def test_an_end_that_fails_is_told_and_goes_on(case: Case) -> None:
    case.links.fails = True
    case.fast.close(keep=False)
    assert "the fast path is still in the kernel" in case.log
    assert "`pyvs detach`" in case.log
    assert case.maps.object.closed
