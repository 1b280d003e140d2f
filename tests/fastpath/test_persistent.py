"""Templates: clients stay with their server in the programs as in the engine, for as long, and by the same rules."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import Network
from tests.fastpath.test_schedulers import command
from tests.fastpath.twin import Course, Twins, packed

from pyvs.core.flags import Forward
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.tables import Miss
from pyvs.testing.wire import tcp, udp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]
PACKETS = st.tuples(
    st.just("packet"),
    st.booleans(),  # of TCP
    st.sampled_from((True, True, True, False)),  # from the client
    st.integers(0, 4),  # client
    st.integers(40000, 40001),
    st.sampled_from((0x02, 0x02, 0x02, 0x10, 0x10, 0x12, 0x11, 0x04)),
    st.sampled_from((80, 80, 53, 8081)),  # to port, where all are served
)
VERBS = st.tuples(
    st.sampled_from(("weight", "remove", "add", "threshold")), st.integers(0, 2), st.integers(0, 2)
)
PAUSES = st.tuples(st.just("pause"), st.sampled_from((0.25, 0.25, 0.25, 11.25, 48.25, 70.25, 320.25)))
WALK = st.lists(st.one_of(*[PACKETS] * 8, VERBS, PAUSES), max_size=60)
PERSIST = 47
COURSES: dict[str, Course] = {
    "usual": Course(persist=PERSIST),
    "other-port": Course(persist=PERSIST, dport=8080, scheduler="wlc", u_threshold=2),
    "masked": Course(persist=PERSIST, netmask=0xFFFFFFFC, scheduler="lc"),
    "all-ports": Course(persist=PERSIST, all_ports=True, dport=0),
    "all-ports-one": Course(persist=PERSIST, all_ports=True, dport=8080, scheduler="sh"),
    "direct": Course(persist=PERSIST, forward=Forward.DROUTE),
    "ip6": Course(persist=PERSIST, six=True, netmask=126, dport=8080),
    "all-ports6": Course(persist=PERSIST, six=True, all_ports=True, dport=0, forward=Forward.DROUTE),
    "strict": Course(persist=PERSIST, sysctl={"expire_nodest_conn": "1", "expire_quiescent_template": "1"}),
    "quiescent": Course(persist=PERSIST, all_ports=True, dport=0, sysctl={"expire_quiescent_template": "1"}),
    "sloppy": Course(persist=PERSIST, sysctl={"sloppy_tcp": "1", "conn_reuse_mode": "0"}),
}
EXPECTED = (Miss.NOT_AN_OPENER, Miss.NO_SERVER, Miss.SERVER_GONE, Miss.NO_SERVICE)


def send(twins: Twins, of_tcp: bool, inward: bool, client: int, port: int, flags: int, to: int) -> None:
    course = twins.course
    if not course.all_ports:
        to = 80 if of_tcp else 53
    ends = (course.client(client), course.vip, port, to)
    if not inward:
        if course.forward != Forward.MASQ:
            return  # they do not come by here
        known = (packed(course.client(client)), port, to)
        conns = list(twins.engine.ns.connections)
        found = next((c for c in conns if (c.caddr, c.cport, c.vport) == known and not c.template), None)
        if found is None:
            return
        ends = (str(ip_address(found.daddr)), course.client(client), found.dport, port)
    packet = tcp(*ends, flags) if of_tcp else udp(*ends, b"d")
    twins.send(packet, inward=inward, excuse=EXPECTED.__contains__)


@pytest.mark.parametrize("mode", ["tc", "xdp"])
@pytest.mark.parametrize("name", COURSES)
def test_programs_and_engine_agree(name: str, mode: Mode, network: Network, load: Load) -> None:
    course = Course(**{**vars(COURSES[name]), "mode": mode})

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WALK)
    def agree(walk: list[tuple[Any, ...]]) -> None:
        twins = Twins(course, network, load(mode))
        for what, *values in walk:
            twins.tick(values[0] if what == "pause" else 0.0)
            assume(not twins.tied)
            if what == "packet":
                send(twins, *values)
                twins.tick(0.03)  # what is to end at once does so at the next tick
            elif what != "pause":
                command(twins, what, *values)
                twins.tick(0.03)
            twins.compare()

    agree()
