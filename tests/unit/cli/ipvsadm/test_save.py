"""What is saved can be restored: the same services and servers, but for the thresholds."""

from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.main import run
from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, TunType
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment

PORT = st.integers(1, 65535)
UNICAST4 = st.tuples(st.integers(1, 223), *[st.integers(1, 254)] * 3).map(bytes)
UNICAST6 = st.binary(min_size=14, max_size=14).map(lambda tail: b"\x20\x01" + tail)
MASK4 = st.integers(0, 31).map(lambda zeros: 0xFFFFFFFF << zeros & 0xFFFFFFFF)
ADDRESS = {Family.INET: UNICAST4, Family.INET6: UNICAST6}


@st.composite
def services(draw: st.DrawFn) -> tuple[ServiceSpec, list[DestSpec]]:
    af = draw(st.sampled_from([Family.INET, Family.INET6]))
    mark = draw(st.sampled_from([0, 0, 1, 77, 0x7FFFFFFF]))
    protocol = Proto.TCP if mark else draw(st.sampled_from([Proto.TCP, Proto.UDP, Proto.SCTP]))
    addr = bytes(4 if af == Family.INET else 16) if mark else draw(ADDRESS[af])
    key = ServiceKey(af, protocol, addr, 0 if mark else draw(PORT), mark)
    flags = draw(st.sampled_from([0, ServiceFlag.SCHED1, ServiceFlag.SCHED1 | ServiceFlag.SCHED2]))
    timeout, netmask = 0, 0xFFFFFFFF if af == Family.INET else 128
    if draw(st.booleans()):
        flags |= ServiceFlag.PERSISTENT
        timeout = draw(st.integers(1, 2678400))
        netmask = (
            draw(st.integers(1, 128))
            if af == Family.INET6
            else 0xFFFFFFFF << draw(st.integers(0, 31)) & 0xFFFFFFFF
        )
    if mark or protocol == Proto.UDP:
        flags |= draw(st.sampled_from([0, ServiceFlag.ONEPACKET]))
    scheduler = draw(st.sampled_from(["rr", "sh", "mh", "wlc"]))
    spec = ServiceSpec(key, scheduler, int(flags) | ServiceFlag.HASHED, timeout=timeout, netmask=netmask)
    return spec, draw(st.lists(dests(af, key.port, mark), max_size=4, unique_by=lambda dest: dest.key))


@st.composite
def dests(draw: st.DrawFn, af: Family, vport: int, mark: int) -> DestSpec:
    addr, weight, port = draw(ADDRESS[af]), draw(st.integers(0, 0x7FFFFFFF)), draw(PORT)
    forward = draw(st.sampled_from([Forward.MASQ, Forward.DROUTE, Forward.TUNNEL]))
    if forward != Forward.MASQ and not mark:
        port = vport
    kind, tun_port, tun_flags = TunType.IPIP, 0, 0
    if forward == Forward.TUNNEL:
        kind = draw(st.sampled_from(list(TunType)))
        tun_port = draw(PORT) if kind == TunType.GUE else 0
        tun_flags = draw(st.integers(0, {TunType.IPIP: 0, TunType.GRE: 1, TunType.GUE: 2}[kind]))
    return DestSpec(
        DestKey(addr, port, af), forward, weight, tun_type=kind, tun_port=tun_port, tun_flags=tun_flags
    )


def director() -> Client:
    return Client(DirectTransport(Server(Engine(FixedEnvironment()).control), lambda: 0.0))


def table(client: Client) -> list[tuple[ServiceSpec, list[DestSpec]]]:
    views = sorted(client.get_services(), key=lambda view: str(view.spec.key))
    return [
        (
            view.spec,
            sorted((dest.spec for dest in client.get_dests(view.spec.key)), key=lambda spec: str(spec.key)),
        )
        for view in views
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(services(), max_size=4, unique_by=lambda pair: pair[0].key), st.booleans())
def test_what_is_saved_can_be_restored(
    pairs: list[tuple[ServiceSpec, list[DestSpec]]], numeric: bool
) -> None:
    one, other = director(), director()
    for spec, servers in pairs:
        one.new_service(spec)
        for server in servers:
            one.new_dest(spec.key, server)
    saved, said = StringIO(), StringIO()
    assert run(["-Sn" if numeric else "-S"], one, StringIO(), saved, said, names=WELL_KNOWN) == 0
    assert run(["-R"], other, StringIO(saved.getvalue()), said, said, names=WELL_KNOWN) == 0
    assert said.getvalue() == ""
    assert table(other) == table(one)
