"""The programs do what the engine does: bytes, states, counters, for packets as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import Network
from tests.fastpath.twin import Course, Twins

from pyvs.core.flags import Forward, TunFlag, TunType
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.tables import Miss
from pyvs.testing.wire import icmp, tcp, udp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]
FLAGS = (0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x01)
PACKETS = st.tuples(
    st.sampled_from(("tcp", "tcp", "udp", "icmp")),
    st.booleans(),  # from the client
    st.integers(0, 1),  # which client
    st.integers(0, 2),  # which server
    st.sampled_from((40000, 40001, 20)),
    st.sampled_from(FLAGS),
    st.sampled_from((0, 1, 100, 1340, 1361)),  # data
    st.sampled_from((1, 2, 64)),  # time to live
    st.booleans(),  # do not fragment
    st.sampled_from((True, True, True, False)),  # UDP checksum
    st.sampled_from((0, 0x48, 0x03)),  # type of service
    st.sampled_from((0.0, 0.0, 0.5, 11.0, 70.0)),  # time that passes before
)
WALK = st.lists(PACKETS, max_size=40)
COURSES: dict[str, Course] = {
    "nat": Course(),
    "nat-other-port": Course(dport=8080),
    "nat6": Course(six=True, dport=8080),
    "direct": Course(forward=Forward.DROUTE),
    "direct6": Course(six=True, forward=Forward.DROUTE),
    "ipip": Course(forward=Forward.TUNNEL),
    "ip6-in-ip": Course(six=True, forward=Forward.TUNNEL),
    "ip-in-ip6": Course(forward=Forward.TUNNEL, outer6=True),
    "gue": Course(forward=Forward.TUNNEL, tun_type=TunType.GUE),
    "gue6": Course(six=True, forward=Forward.TUNNEL, tun_type=TunType.GUE, outer6=True),
    "gre": Course(forward=Forward.TUNNEL, tun_type=TunType.GRE),
    "gre6": Course(six=True, forward=Forward.TUNNEL, tun_type=TunType.GRE),
    "gue-sum": Course(forward=Forward.TUNNEL, tun_type=TunType.GUE, tun_flags=TunFlag.CSUM),
    "gue-sum6": Course(forward=Forward.TUNNEL, tun_type=TunType.GUE, tun_flags=TunFlag.CSUM, outer6=True),
    "gre-sum": Course(forward=Forward.TUNNEL, tun_type=TunType.GRE, tun_flags=TunFlag.CSUM),
    "gre6-sum": Course(six=True, forward=Forward.TUNNEL, tun_type=TunType.GRE, tun_flags=TunFlag.CSUM),
    "gre6-sum6": Course(
        six=True, forward=Forward.TUNNEL, tun_type=TunType.GRE, tun_flags=TunFlag.CSUM, outer6=True
    ),
    "gue6-sum": Course(six=True, forward=Forward.TUNNEL, tun_type=TunType.GUE, tun_flags=TunFlag.CSUM),
    "handed-over": Course(adopt=True, dport=8080),
    "handed-over6": Course(adopt=True, six=True),
}


def packet_of(course: Course, fields: tuple[Any, ...]) -> tuple[bytes, bool, Callable[[Miss], bool]]:
    kind, inward, client, server, port, flags, size, ttl, df, checked, tos, _ = fields
    natted: bool = course.forward == Forward.MASQ
    if course.forward == Forward.TUNNEL:
        inward = True
    their, ours = course.client(client), course.vip if inward else course.servers[server]
    src, dst = (their, ours) if inward else (ours, their)
    service = {"tcp": 80, "udp": 53, "icmp": 80}[kind]
    dport = service if inward else (course.dport if natted else service)
    sport, to = (port, dport) if inward else (dport, port)
    data = b"d" * size
    if kind == "tcp":
        packet = tcp(src, dst, sport, to, flags, data=data, ttl=ttl, df=df, tos=tos)
    elif kind == "udp":
        packet = udp(src, dst, sport, to, data, check=checked, ttl=ttl, df=df, tos=tos)
    else:
        packet = icmp(src, dst, 8, 0, ttl=ttl)

    def excuse(miss: Miss) -> bool:
        if miss is Miss.PROTOCOL:
            return bool(kind == "icmp")
        if miss is Miss.TTL:
            return bool(ttl == 1)
        if miss is Miss.TOO_BIG:
            return len(packet) > 1400 - (52 if course.forward == Forward.TUNNEL else 0)
        if miss is Miss.NO_CHECKSUM:
            return bool(kind == "udp" and not checked and (natted or course.tun_flags))
        if miss is Miss.NOT_HERE:
            return bool(inward and (port == 20 or course.adopt))
        return miss in (Miss.NO_SERVICE, Miss.NOT_AN_OPENER, Miss.NO_SERVER)

    return packet, inward, excuse


@pytest.mark.parametrize("mode", ["tc", "xdp"])
@pytest.mark.parametrize("name", COURSES)
def test_programs_and_engine_agree(name: str, mode: Mode, network: Network, load: Load) -> None:
    course = Course(**{**vars(COURSES[name]), "mode": mode})

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WALK)
    def agree(walk: list[tuple[Any, ...]]) -> None:
        twins = Twins(course, network, load(mode))
        for fields in walk:
            twins.tick(fields[-1])
            packet, inward, excuse = packet_of(course, fields)
            twins.send(packet, inward=inward, excuse=excuse)
            twins.compare()

    agree()
