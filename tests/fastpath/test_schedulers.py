"""New connections go to the servers that the engine would choose, while servers come, go, fill up and rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import Network
from tests.fastpath.twin import Course, Twins, packed

from pyvs.core.control.specs import DestKey, DestSpec
from pyvs.core.errors import ControlError
from pyvs.core.flags import SCHED_SH_FALLBACK, SCHED_SH_PORT, Forward, Proto
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.tables import Miss
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root

SCHEDULERS = (
    "rr",
    "wrr",
    "lc",
    "wlc",
    "sed",
    "nq",
    "fo",
    "ovf",
    "sh",
    "dh",
    "mh",
    "sh-port",
    "mh-port",
    "sh-fallback",
    "mh-fallback",
    "mh-port-fallback",
)
PACKETS = st.tuples(
    st.just("packet"),
    st.integers(0, 5),  # client
    st.integers(40000, 40003),
    st.sampled_from((0x02, 0x02, 0x02, 0x10, 0x04, 0x11)),
)
VERBS = st.tuples(
    st.sampled_from(("weight", "remove", "add", "threshold")), st.integers(0, 3), st.integers(0, 3)
)
PAUSES = st.tuples(st.just("pause"), st.sampled_from((0.5, 11.0, 61.0)))
WALK = st.lists(st.one_of(PACKETS, PACKETS, PACKETS, PACKETS, VERBS, PAUSES), max_size=60)


def command(twins: Twins, verb: str, index: int, value: int) -> None:
    course = twins.course
    key = twins.service_key(Proto.TCP, 80)
    dest = DestKey(packed(course.servers[index]), course.dport)
    control = twins.engine.control
    limit = value if verb == "threshold" else 0
    spec = DestSpec(dest, Forward.MASQ, value if verb == "weight" else 1, u_threshold=limit)

    def apply() -> None:
        try:
            if verb == "remove":
                control.del_dest(key, dest, twins.now)
            elif verb == "add":
                control.new_dest(key, spec, twins.now)
            else:
                control.set_dest(key, spec, twins.now)
        except ControlError:
            pass

    twins.change(apply)


@pytest.mark.parametrize("six", [False, True], ids=["ip4", "ip6"])
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(
    "sysctl", [{}, {"expire_nodest_conn": "1", "conn_reuse_mode": "0"}], ids=["usual", "other"]
)
def test_order_of_servers(
    name: str, six: bool, sysctl: dict[str, str], network: Network, load: Callable[[Mode], FastPath]
) -> None:
    scheduler, *words = name.split("-")
    flags = sum({"port": SCHED_SH_PORT, "fallback": SCHED_SH_FALLBACK}[word] for word in words)
    mode: Mode = "xdp" if six else "tc"
    course = Course(mode, six, scheduler=scheduler, flags=flags, weights=(3, 1, 2, 2), sysctl=sysctl)

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WALK)
    @example([("packet", 0, 40000, 0x02), ("weight", 3, 0), ("packet", 0, 40000, 0x02)])
    def agree(walk: list[tuple[Any, ...]]) -> None:
        twins = Twins(course, network, load(mode))
        for what, *values in walk:
            twins.tick(values[0] if what == "pause" else 0.0)
            if what == "packet":
                client, port, tcp_flags = values
                packet = tcp(course.client(client), course.vip, port, 80, tcp_flags)
                expected = (Miss.NOT_AN_OPENER, Miss.NO_SERVER, Miss.SERVER_GONE)
                twins.send(packet, inward=True, excuse=expected.__contains__)
            elif what != "pause":
                command(twins, what, *values)
                twins.tick(0.02)
            twins.compare()

    agree()


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_a_server_that_rests_has_others_take_its_clients(
    scheduler: str, network: Network, load: Callable[[Mode], FastPath]
) -> None:
    course = Course(scheduler=scheduler, flags=SCHED_SH_FALLBACK, weights=(1, 1, 1))
    twins = Twins(course, network, load("tc"))
    command(twins, "weight", 0, 0)
    command(twins, "weight", 1, 0)
    for client in range(16):
        packet = tcp(course.client(client), course.vip, 40000, 80, 0x02)
        assert twins.send(packet, inward=True, excuse=lambda _: False) is None
    twins.compare()
    assert {conn.daddr for conn in twins.fast.connections()} == {packed(course.servers[2])}
    command(twins, "weight", 2, 0)
    packet = tcp(course.client(16), course.vip, 40000, 80, 0x02)
    assert twins.send(packet, inward=True, excuse=lambda miss: miss is Miss.NO_SERVER) is Miss.NO_SERVER
