"""What a change leaves in the journal is what makes the thing anew."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control import destinations
from pyvs.core.control.native_specs import DrainKey
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.daemon.state.control import KeptControl
from pyvs.netlink.native_rows import server_row
from pyvs.testing.environment import FixedEnvironment

WEB = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
SERVER = DestKey(bytes((10, 1, 0, 11)), 8080)

specs = st.builds(
    DestSpec,
    st.just(SERVER),
    forward=st.integers(0, 0xFFFF),
    weight=st.integers(0, 0x7FFFFFFF),
    u_threshold=st.integers(50, 100),
    l_threshold=st.integers(0, 50),
    tun_type=st.integers(0, 255),
    tun_port=st.integers(1, 0xFFFF),
    tun_flags=st.integers(0, 0xFFFF),
)


@given(specs, specs, st.booleans())
def test_a_kept_server_is_the_one_that_stands(first: DestSpec, second: DestSpec, drains: bool) -> None:
    rows: list[list[Any]] = []
    control = KeptControl(Engine(FixedEnvironment()).ns, lambda what, chains: None)
    control.keep = rows.append
    control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    for change, spec in ((control.new_dest, first), (control.set_dest, second)):
        change(WEB, spec, 0.0)
        (service,) = control.ns.services
        assert rows[-1] == list(server_row(WEB, destinations.rule(service.destinations[0])))
        if drains:
            control.drain(DrainKey(SERVER.addr, SERVER.port), None, 0.0)


def test_without_a_journal_nothing_is_noted() -> None:
    control = KeptControl(Engine(FixedEnvironment()).ns, lambda what, chains: None)
    control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    control.new_dest(WEB, DestSpec(SERVER), 0.0)
    assert len(control.get_dests(WEB)) == 1
