"""A connection has one owner, also while the engine holds it: an engine with programs beside it, and an engine alone.

Every packet goes to the programs first, and to the engine when it comes up. Connections are handed over now and then
only, and come back for long: in between the engine has them, and no packet may begin another one in the maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import MTU, Network
from tests.fastpath.twin import FIRST, UP, packed

from pyvs.core.connections.expiry import TICK
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.fastpath import owner, returns
from pyvs.fastpath.change import Changes
from pyvs.fastpath.claims import raw_key
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import key
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.layout import CONN4
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.tables import CLAIMED, Miss, Status
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]


@dataclass(frozen=True)
class Course:
    mode: Mode = "tc"
    six: bool = False
    forward: Forward = Forward.MASQ
    persist: int = 0
    servers: int = 3

    @property
    def vip(self) -> str:
        return "2001:db8:1::100" if self.six else "192.0.2.100"

    def client(self, number: int) -> str:
        return f"2001:db8:3::{number + 1:x}" if self.six else f"198.51.100.{number + 1}"

    def engine(self) -> Engine:
        """With a service of TCP and one of UDP, three servers each."""
        local = [packed(self.vip), packed("10.9.0.1"), packed("2001:db8:2::1")]
        engine = Engine(FixedEnvironment(local, {"pyvs0": MTU}))
        engine.ns.use_express = False
        family = Family.INET6 if self.six else Family.INET
        base = "2001:db8:2::1" if self.six else "10.9.0.1"
        for protocol, port in ((Proto.TCP, 80), (Proto.UDP, 53)):
            service = ServiceKey(family, protocol, packed(self.vip), port)
            flags = ServiceFlag.PERSISTENT if self.persist else 0
            netmask = 128 if self.six else 0xFFFFFFFF
            spec = ServiceSpec(service, "rr", flags=flags, timeout=self.persist, netmask=netmask)
            engine.control.new_service(spec, 0.0)
            for number in range(self.servers):
                dport = 8080 if self.forward == Forward.MASQ else port
                dest = DestKey(packed(f"{base}{number + 1}"), dport, family)
                engine.control.new_dest(service, DestSpec(dest, self.forward), 0.0)
        return engine


class Pair:
    """An engine with programs, and one alone."""

    def __init__(self, course: Course, network: Network, fast: FastPath) -> None:
        self.course = course
        self.network = network
        self.fast = fast
        fast.jiffies = Jiffies(fast.jiffies.hz, FIRST, -0.5 / fast.jiffies.hz)
        self.now = 1.0
        self.slow = False
        """What comes up waits until `catch_up`."""
        self.queue: list[tuple[bytes, int]] = []
        self.engine, self.alone = course.engine(), course.engine()
        self.changes = Changes(fast.loaded, None)
        self.partner = Partner(fast, self.engine, self.changes, new=True)
        self.table = self.partner.table
        self.tick()

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.fast.configure(now=self.fast.jiffies.at(self.now))
        for engine in (self.engine, self.alone):
            while engine.next_timeout() <= self.now:
                engine.handle_timeouts(engine.next_timeout())
            engine.handle_timeouts(self.now)
            engine.drain()
        for _ in range(2):  # what went while the first looked may have hidden others
            for ended in self.fast.sweep():
                self.table.note_ended(ended)
        self.table.audit()
        self.partner.before_verbs()

    def settle(self) -> None:
        """Hand over what may go."""
        self.partner.after_packets(self.now)

    def send(self, data: bytes, mark: int = 0) -> Miss | None:
        """A client's packet; why it came up, None: the programs had it."""
        kind = b"\x86\xdd" if self.course.six else b"\x08\0"
        frame = self.network.mac + b"\2\0\0\0\0\x77" + kind + data
        options = {"mark": mark} if self.course.mode == "tc" else {}
        before = self.fast.misses()
        outcome = self.fast.test_run(frame, self.network.ifindex, **options)
        after = self.fast.misses()
        missed = [miss for miss in Miss if after[miss] != before[miss]]
        self.partner.before_verbs()
        if outcome.verdict == UP[self.course.mode]:
            self.queue.append((data, mark))
        self.walk(self.alone, data, mark)
        if not self.slow:
            self.catch_up()
        return missed[0] if missed else None

    def catch_up(self) -> None:
        """The engine looks at what has come up."""
        for data, mark in self.queue:
            self.walk(self.engine, data, mark)
        self.queue.clear()
        newcomers = self.partner.newcomers
        assert newcomers is not None
        newcomers.settle()
        self.table.mapped.settle()

    def walk(self, engine: Engine, data: bytes, mark: int) -> None:
        engine.receive(Packet(data, iif="pyvs0", mark=mark), Hook.LOCAL_IN, self.now)
        engine.drain()

    @staticmethod
    def connections(engine: Engine) -> list[tuple[Any, ...]]:
        return sorted(
            (c.protocol, c.caddr, c.cport, c.vaddr, c.vport, c.daddr, c.dport, c.state, c.in_pkts)
            for c in engine.ns.connections
            if not c.template
        )

    @staticmethod
    def counts(engine: Engine) -> list[tuple[Any, ...]]:
        return [
            (dest.addr, dest.activeconns, dest.inactconns, dest.persistconns, dest.stats.live())
            for service in engine.ns.services
            for dest in service.destinations
        ]

    def compare(self) -> None:
        self.tick(TICK)
        assert self.connections(self.engine) == self.connections(self.alone)
        assert self.counts(self.engine) == self.counts(self.alone)
        ours = {raw_key(c) for c in self.engine.ns.connections if not c.template and not owner.in_maps(c)}
        assert self.claimed() <= ours  # nothing is left of what is over
        assert all(raw in self.claimed() for raw in ours)

    def claimed(self) -> set[bytes]:
        return {
            raw
            for table in (self.fast.conns4, self.fast.conns6)
            for raw, value in table.items()
            if table.values.unpack(value)["status"] & Status.CLAIMED
        }

    def close(self) -> None:
        self.changes.close()


COURSES: dict[str, Course] = {
    "nat": Course(),
    "nat6": Course(six=True),
    "direct": Course(forward=Forward.DROUTE),
    "persistent": Course(persist=360_000),
    "xdp": Course("xdp"),
    "xdp-direct6": Course("xdp", six=True, forward=Forward.DROUTE),
}
PACKETS = st.tuples(
    st.sampled_from(("tcp", "udp", "udp")),
    st.integers(0, 1),  # which client
    st.sampled_from((40000, 40001)),
    st.sampled_from((0x02, 0x02, 0x10, 0x11, 0x04)),
    st.sampled_from((0, 100, 1340, 1361)),  # data
    st.sampled_from((0, 0, 7)),  # mark
    st.sampled_from((True, True, False)),  # UDP checksum
    st.sampled_from((0.0, 0.0, 0.5, 11.0, 70.0)),  # time that passes before
    st.booleans(),  # it is settled afterwards
)
WALK = st.lists(PACKETS, max_size=40)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come back is held at once, and for long."""
    monkeypatch.setattr(returns, "OFTEN", 0)
    monkeypatch.setattr(returns, "HOLD", 5.0)


def packet_of(course: Course, fields: tuple[Any, ...]) -> bytes:
    kind, client, port, flags, size, _, checked, _, _ = fields
    src, data = course.client(client), b"d" * size
    if kind == "tcp":
        return tcp(src, course.vip, port, 80, flags, data=data)
    return udp(src, course.vip, port, 53, data, check=checked, df=False)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("name", COURSES)
def test_it_is_as_with_the_engine_alone(name: str, network: Network, load: Load) -> None:
    course = COURSES[name]

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WALK)
    def agree(walk: list[tuple[Any, ...]]) -> None:
        pair = Pair(course, network, load(course.mode))
        try:
            for fields in walk:
                pair.tick(fields[-2])
                pair.send(packet_of(course, fields), fields[5] if course.mode == "tc" else 0)
                if fields[-1]:
                    pair.settle()
                pair.compare()
        finally:
            pair.close()

    agree()


DATAGRAMS = st.tuples(
    st.sampled_from((40000, 40001)),
    st.sampled_from((100, 1340, 1390)),
    st.booleans(),  # has a checksum
    st.booleans(),  # the engine looks only later
)


@pytest.mark.parametrize("persist", [0, 360_000])
def test_while_the_engine_is_slow_no_connection_begins_twice(
    persist: int, network: Network, load: Load
) -> None:
    course = Course(persist=persist, servers=1)  # whose turn it is depends on who comes first

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(DATAGRAMS, max_size=12))
    def agree(walk: list[tuple[int, int, bool, bool]]) -> None:
        pair = Pair(course, network, load(course.mode))
        try:
            for port, size, checked, pair.slow in walk:
                pair.send(udp(course.client(0), course.vip, port, 53, b"d" * size, check=checked, df=False))
                if not pair.slow:
                    pair.settle()
            pair.catch_up()
            pair.compare()
        finally:
            pair.close()

    agree()


@pytest.fixture
def pair(network: Network, load: Load) -> Iterator[Pair]:
    made = Pair(Course(), network, load("tc"))
    yield made
    made.close()


def datagram(port: int = 40000, size: int = 10) -> bytes:
    return udp(Course().client(0), Course().vip, port, 53, b"d" * size, df=False)


def raw_of(port: int = 40000) -> bytes:
    course = Course()
    return key(Proto.UDP, packed(course.client(0)), packed(course.vip), port, 53)


def test_what_a_large_datagram_began_is_not_begun_again(pair: Pair) -> None:
    assert pair.send(datagram(size=1390)) is Miss.TOO_BIG
    assert pair.send(datagram()) is Miss.CLAIMED
    pair.settle()
    assert pair.send(datagram()) is None
    pair.compare()


def test_what_waited_for_the_engine_joins_what_programs_began(pair: Pair) -> None:
    pair.slow = True
    assert pair.send(datagram(size=1390)) is Miss.TOO_BIG
    assert pair.send(datagram()) is None
    pair.catch_up()
    pair.compare()


@pytest.mark.usefixtures("held")
def test_what_came_back_is_claimed_as_long_as_it_is_held(pair: Pair) -> None:
    assert pair.send(datagram()) is None
    assert pair.send(datagram(size=1390)) is Miss.TOO_BIG
    pair.settle()
    assert pair.claimed() == {raw_of()}
    assert pair.send(datagram()) is Miss.CLAIMED
    pair.compare()
    pair.tick(30.0)
    pair.settle()
    assert pair.claimed() == set()
    assert pair.send(datagram()) is None
    pair.compare()


def test_claims_of_an_engine_that_is_gone_do_not_count(pair: Pair) -> None:
    pair.send(datagram(size=1390))
    pair.now += 4.9  # it was not heard of for so long
    pair.fast.configure(now=pair.fast.jiffies.at(pair.now))
    assert pair.send(datagram()) is Miss.CLAIMED
    pair.fast.configure(claims_until=pair.fast.jiffies.at(pair.now - 1.0))
    before = pair.fast.misses()
    frame = pair.network.mac + b"\2\0\0\0\0\x77\x08\0" + datagram()
    assert pair.fast.test_run(frame, pair.network.ifindex).verdict == 7
    assert pair.fast.misses() == before
    (conn,) = pair.fast.connections()
    assert (conn.cport, conn.packets) == (40000, 1)


def test_the_sweep_takes_those_of_another_engine_and_counts_nothing(pair: Pair) -> None:
    pair.send(datagram(size=1390))
    pair.send(datagram(40001))
    pair.settle()
    place = pair.table.mirror.by_number[0]
    counts = [pair.fast.destination(number) for number in range(4)]
    for told in (1, pair.fast.settings.at(0)["claimant"]):
        pair.fast.conns4.put(
            raw_of(40000 + told % 1000 + 10), CONN4.pack(status=Status.CLAIMED, dest=CLAIMED, told=told)
        )
    assert len(pair.claimed()) == 2
    ended = [one for stretch in pair.fast.sweep() for one in stretch]
    assert ended == []
    assert len(pair.claimed()) == 1
    assert [pair.fast.destination(number) for number in range(4)] == counts
    assert place.dest.activeconns == 0


def fill(fast: FastPath) -> list[bytes]:
    """Claims until there is no room."""
    filled: list[bytes] = []
    for number in range(1 << 12):
        raw = key(Proto.TCP, bytes((9, 9, number >> 8, number & 255)), b"\1\1\1\1", 1, 1)
        value = CONN4.pack(status=Status.CLAIMED, dest=CLAIMED, told=fast.settings.at(0)["claimant"])
        try:
            fast.conns4.put(raw, value)
        except OSError:
            return filled
        filled.append(raw)
    raise AssertionError("the table is never full")


def test_in_a_full_table_packets_of_the_engines_go_up_and_others_are_dropped(pair: Pair) -> None:
    filled = fill(pair.fast)
    assert pair.send(datagram(size=1390)) is Miss.TOO_BIG
    pair.settle()
    assert pair.send(datagram()) is Miss.CLAIMED
    assert pair.send(datagram()) is Miss.CLAIMED
    frame = pair.network.mac + b"\2\0\0\0\0\x77\x08\0" + datagram(40001)
    assert pair.fast.test_run(frame, pair.network.ifindex).verdict == 2
    for raw in filled:
        pair.fast.conns4.delete(raw)
    pair.table.audit()
    assert pair.claimed() == {raw_of()}
    assert pair.fast.settings.at(0)["unplaced"] == 0
    assert pair.send(datagram()) is Miss.CLAIMED
    pair.compare()
