"""Servers on this host: clients' packets go up, counted, followed and marked; what is answered is followed too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import MTU, Network
from tests.fastpath.twin import FIRST, UP, packed

from pyvs.core.connections.expiry import TICK
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.fastpath.answers import NAME
from pyvs.fastpath.build import program
from pyvs.fastpath.change import Changes
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.objects import LoadedObject
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.testrun import run_filter
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]
MARK = 0x4000_0000
HERE = {
    False: ("192.0.2.100", "10.9.0.1", "198.51.100.1"),
    True: ("2001:db8:1::100", "2001:db8:2::1", "2001:db8:3::1"),
}
PACKETS = st.tuples(
    st.sampled_from((True, True, True, False)),  # TCP
    st.booleans(),  # from the client
    st.sampled_from((40000, 40001)),
    st.sampled_from((0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00)),
    st.sampled_from((0, 10, 2000)),  # data
    st.sampled_from((0, 0, 0, 1, 70)),  # seconds that pass before
)


@dataclass(frozen=True)
class Course:
    """A service of two servers, both this host."""

    six: bool = False
    forward: Forward = Forward.DROUTE
    new: bool = True


COURSES = {
    "direct": Course(),
    "direct6": Course(six=True),
    "tunnel": Course(forward=Forward.TUNNEL),
    "local-node": Course(forward=Forward.LOCALNODE),
    "handed-over": Course(new=False),
    "handed-over6": Course(six=True, new=False),
}


class Hosts:
    """Two directors that serve themselves, one of which has the programs before it."""

    def __init__(self, course: Course, network: Network, fast: FastPath, answers: int) -> None:
        self.course, self.network, self.fast, self.answers = course, network, fast, answers
        self.vip, self.own, self.client = HERE[course.six]
        fast.jiffies = Jiffies(fast.jiffies.hz, FIRST, 0.0)
        self.now = 1.0
        self.alone, self.engine = self.made(), self.made()
        self.changes = Changes(fast.loaded, None)
        self.partner = Partner(fast, self.engine, self.changes, new=course.new)
        self.partner.mirror.answers, self.partner.mirror.own_mark = True, MARK
        self.partner.renew()
        assert self.partner.mirror.some_here
        self.served = self.answered = 0
        self.tick(0.0)

    def made(self) -> Engine:
        engine = Engine(FixedEnvironment([packed(self.vip), packed(self.own)], {"pyvs0": MTU}))
        family = Family.INET6 if self.course.six else Family.INET
        for protocol, port in ((Proto.TCP, 80), (Proto.UDP, 53)):
            key = ServiceKey(family, protocol, packed(self.vip), port)
            netmask = 128 if self.course.six else 0xFFFFFFFF
            engine.control.new_service(ServiceSpec(key, "rr", netmask=netmask), 0.0)
            for address in (self.vip, self.own):
                spec = DestSpec(DestKey(packed(address), port, family), self.course.forward, 1)
                engine.control.new_dest(key, spec, 0.0)
        return engine

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.fast.configure(now=self.fast.jiffies.at(self.now))
        for engine in (self.alone, self.engine):
            engine.handle_timeouts(self.now)
            engine.drain()
        for _ in range(2):
            for ended in self.fast.sweep():
                self.partner.table.note_ended(ended)

    def send(self, data: bytes, inward: bool) -> None:
        kind = b"\x86\xdd" if self.course.six else b"\x08\0"
        frame = self.network.mac + b"\2\0\0\0\0\x77" + kind + data
        hook = Hook.LOCAL_IN if inward else Hook.LOCAL_OUT
        before = self.fast.misses()
        if inward:
            outcome = self.fast.test_run(frame, self.network.ifindex)
            assert (outcome.verdict, outcome.frame) == (UP["tc"], frame)
            taken = self.fast.misses() == before
            assert outcome.mark == (MARK if taken else 0)
            self.served += taken
        else:
            taken = bool(run_filter(self.answers, frame))
            self.answered += taken
        if not taken:
            self.partner.before_packets(self.now)
            self.engine.receive(Packet(data, iif="pyvs0" if inward else ""), hook, self.now)
            self.engine.drain()
            self.partner.after_packets(self.now)
        packet = Packet(data, iif="pyvs0" if inward else "")
        verdict = self.alone.receive(packet, hook, self.now)
        self.alone.drain()
        assert packet.data == data
        if taken:
            assert verdict.action is Action.ACCEPT
            assert packet.owned
            assert verdict.reason is not Reason.NO_CONNECTION
        self.tick(2 * TICK)  # what a new connection takes the place of ends with the engine's next tick
        self.compare()

    def rows(self, engine: Engine) -> list[tuple[Any, ...]]:
        engine.ns.now = self.now
        return sorted(
            (
                c.protocol, c.cport, c.daddr, c.forward, c.state, c.in_pkts, c.timeout, round(c.expires, 2),
                c.flags & (ConnFlag.INACTIVE | ConnFlag.NOOUTPUT),
            )
            for c in engine.ns.connections
        )  # fmt: skip

    def compare(self) -> None:
        assert self.rows(self.engine) == self.rows(self.alone)
        self.partner.mirror.pull()
        ours, theirs = (
            [
                (dest.activeconns, dest.inactconns, dest.stats.live())
                for service in engine.ns.services
                for dest in service.destinations
            ]
            for engine in (self.engine, self.alone)
        )
        assert ours == theirs


@pytest.fixture
def hosts(network: Network, load: Load) -> Iterator[Callable[[Course], Hosts]]:
    fast = load("tc")
    answers = LoadedObject(program(NAME), shared=fast.loaded.maps)
    made: list[Hosts] = []

    def make(course: Course) -> Hosts:
        while made:
            made.pop().changes.close()
        made.append(Hosts(course, network, load("tc"), answers.program(NAME)))
        return made[-1]

    yield make
    for pair in made:
        pair.changes.close()
    fast.configure(now=0, own_mark=0)
    answers.close()


def packet_of(hosts: Hosts, fields: tuple[Any, ...]) -> tuple[bytes, bool]:
    is_tcp, inward, port, flags, size, _ = fields
    service, data = 80 if is_tcp else 53, bytes(size)
    src, dst = (hosts.client, hosts.vip) if inward else (hosts.vip, hosts.client)
    sport, dport = (port, service) if inward else (service, port)
    made = tcp(src, dst, sport, dport, flags, data=data) if is_tcp else udp(src, dst, sport, dport, data)
    return made, inward


@pytest.mark.parametrize("name", COURSES)
def test_this_host_serves(name: str, hosts: Callable[[Course], Hosts]) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(PACKETS, max_size=40))
    def agree(walk: list[tuple[Any, ...]]) -> None:
        pair = hosts(COURSES[name])
        for fields in walk:
            pair.tick(float(fields[-1]))
            pair.send(*packet_of(pair, fields))

    agree()


def test_nothing_of_an_established_connection_is_queued(hosts: Callable[[Course], Hosts]) -> None:
    pair = hosts(COURSES["direct"])
    for flags, inward in (
        (0x02, True),
        (0x12, False),
        (0x10, True),
        (0x18, True),
        (0x18, False),
        (0x11, True),
    ):
        pair.send(*packet_of(pair, (True, inward, 40000, flags, 10, 0)))
    assert (pair.served, pair.answered) == (4, 2)
    assert pair.partner.table.came_back == 0
    assert Path(pair.fast.loaded.path).exists()


def test_by_xdp_the_engine_has_them(network: Network, load: Load) -> None:
    """XDP can't mark packets."""
    fast = load("xdp")
    pair = Hosts(COURSES["handed-over"], network, fast, 0)
    try:
        frame = network.mac + bytes(6) + b"\x08\0" + tcp(pair.client, pair.vip, 40000, 80, 0x10)
        pair.partner.before_packets(pair.now)
        pair.engine.receive(
            Packet(tcp(pair.client, pair.vip, 40000, 80, 0x02), iif="pyvs0"), Hook.LOCAL_IN, pair.now
        )
        pair.partner.after_packets(pair.now)
        assert len(list(fast.connections())) == 1
        outcome = fast.test_run(frame, network.ifindex)
        assert (outcome.verdict, outcome.frame) == (UP["xdp"], frame)
    finally:
        pair.changes.close()
        fast.configure(now=0, own_mark=0)
