from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control.specs import (
    DaemonSpec,
    DestKey,
    DestSpec,
    DestView,
    ServiceKey,
    ServiceSpec,
    ServiceView,
    Timeouts,
)
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto, SyncState
from pyvs.core.stats.counters import Rates, Totals
from pyvs.netlink import messages as m
from pyvs.netlink.attributes import DAEMON, DEST, SERVICE, TOP
from pyvs.netlink.codec import decode, encode

U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
U64 = st.integers(0, (1 << 64) - 1)
NAME = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=15)
ADDRESSES = {
    Family.INET: st.binary(min_size=4, max_size=4),
    Family.INET6: st.binary(min_size=16, max_size=16),
}
FAMILIES = st.sampled_from([Family.INET, Family.INET6])
TOTALS = st.builds(Totals, U64, U64, U64, U64, U64)
RATES = st.builds(Rates, U64, U64, U64, U64, U64)


@st.composite
def keys(draw: st.DrawFn) -> ServiceKey:
    af = draw(FAMILIES)
    if draw(st.booleans()):
        return ServiceKey(
            af, Proto.TCP, bytes(4 if af == Family.INET else 16), 0, draw(st.integers(1, 0xFFFFFFFF))
        )
    return ServiceKey(af, draw(U16), draw(ADDRESSES[af]), draw(U16))


SERVICES = st.builds(ServiceSpec, keys(), NAME, U32, U32, U32, U32, NAME)


@st.composite
def dests(draw: st.DrawFn) -> DestSpec:
    af = draw(FAMILIES)
    return DestSpec(
        DestKey(draw(ADDRESSES[af]), draw(U16), af),
        forward=draw(st.integers(0, 7)),
        weight=draw(st.integers(-(1 << 31), (1 << 31) - 1)),
        u_threshold=draw(U32),
        l_threshold=draw(U32),
        tun_type=draw(U8),
        tun_port=draw(U16),
        tun_flags=draw(U16),
    )


def top(name: str, table: Any, values: dict[str, Any]) -> dict[str, Any]:
    return decode(TOP, encode(TOP, {name: encode(table, values)}))


@given(SERVICES)
def test_services_come_back(spec: ServiceSpec) -> None:
    assert m.read_service(top("service", SERVICE, m.write_service(spec))) == spec


@given(keys())
def test_keys_come_back(key: ServiceKey) -> None:
    assert m.read_service_key(top("service", SERVICE, m.write_service_key(key))) == key


@given(SERVICES, TOTALS, RATES)
def test_views_of_services_come_back(spec: ServiceSpec, totals: Totals, rates: Rates) -> None:
    view = m.read_service_view(decode(TOP, m.write_service_view(ServiceView(spec, 3, totals, rates))))
    assert view.spec.key == spec.key
    assert (view.spec.flags, view.spec.flags_mask) == (spec.flags, 0xFFFFFFFF)
    assert (view.totals, view.rates, view.num_dests) == (totals, rates, 0)


@given(dests(), FAMILIES)
def test_destinations_come_back(spec: DestSpec, af: Family) -> None:
    assert m.read_dest(top("dest", DEST, m.write_dest(spec, af)), af) == spec


@given(dests(), U32, U32, U32, TOTALS, RATES)
def test_views_of_destinations_come_back(
    spec: DestSpec, active: int, inactive: int, persistent: int, totals: Totals, rates: Rates
) -> None:
    view = DestView(spec, active, inactive, persistent, totals, rates)
    assert m.read_dest_view(decode(TOP, m.write_dest_view(view, Family.INET)), Family.INET) == view


GROUPS = st.just(b"") | st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@given(
    st.builds(
        DaemonSpec, st.sampled_from([SyncState.MASTER, SyncState.BACKUP]), NAME, U32, U16, GROUPS, U16, U8
    ),
    st.booleans(),
)
def test_daemons_come_back(spec: DaemonSpec, answer: bool) -> None:
    assert m.read_daemon(decode(TOP, m.write_daemon(spec, answer=answer))) == spec


@given(st.builds(Timeouts, U32, U32, U32))
def test_timeouts_come_back(timeouts: Timeouts) -> None:
    assert m.read_timeouts(decode(TOP, m.write_timeouts(timeouts))) == timeouts


def test_masks_of_ipv4_lie_in_network_order() -> None:
    spec = ServiceSpec(ServiceKey(Family.INET, 6, bytes(4), 80), netmask=0xFFFFFF00)
    wire = encode(SERVICE, {"netmask": m.write_service(spec)["netmask"]})
    assert wire[4:] == bytes([255, 255, 255, 0])


@pytest.mark.parametrize("length", [0, 1, 4, 15])
def test_short_addresses_are_filled_with_zeros(length: int) -> None:
    values = {"af": 10, "protocol": 6, "addr": b"\x20" * length, "port": 1}
    assert m.read_service_key(top("service", SERVICE, values)).addr == (b"\x20" * length).ljust(16, b"\0")


def test_a_destination_without_family_or_tunnel_takes_the_service_s_and_ipip() -> None:
    values = {
        "addr": b"\x0a\1\0\1",
        "port": 80,
        "fwd_method": 0x102,
        "weight": 1,
        "u_thresh": 0,
        "l_thresh": 0,
    }
    spec = m.read_dest(top("dest", DEST, values), Family.INET)
    assert spec == DestSpec(DestKey(b"\x0a\1\0\1", 80, Family.INET), forward=2)


@pytest.mark.parametrize("state", [0, 3, 77])
def test_there_are_two_roles(state: int) -> None:
    with pytest.raises(ControlError, match=str(state)) as refusal:
        m.read_daemon_state(top("daemon", DAEMON, {"state": state}))
    assert refusal.value.errno == Errno.EINVAL
