"""Verbs on destinations; the errno of each refusal was recorded from Linux 6.1."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from pyvs.core import background
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import Errno
from pyvs.core.flags import ConnFlag, Family, Forward, Proto, SyncState, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.stats import estimator
from pyvs.testing.environment import FixedEnvironment

Refused = Callable[[Errno], AbstractContextManager[None]]

WEB6 = ServiceKey(Family.INET6, Proto.TCP, bytes.fromhex("20010db8000000000000000000000100"), 80)


def spec(host: str = "10.1.0.11", *, port: int = 80, **more: Any) -> DestSpec:
    address = ip_address(host)
    key = DestKey(address.packed, port, Family.INET6 if address.version == 6 else Family.INET)
    return DestSpec(key, **more)


def only(ns: Namespace) -> Destination:
    (service,) = ns.services
    (destination,) = service.destinations
    return destination


def test_newest_first(control: Control, web: ServiceKey) -> None:
    for host in ("10.1.0.11", "10.1.0.12", "10.1.0.13"):
        control.new_dest(web, spec(host), 0.0)
    assert [view.spec.key.addr[3] for view in control.get_dests(web)] == [13, 12, 11]


def test_view_answers_what_was_set(control: Control, web: ServiceKey) -> None:
    full = spec(
        forward=Forward.TUNNEL,
        weight=7,
        u_threshold=9,
        l_threshold=3,
        tun_type=TunType.GUE,
        tun_port=6080,
        tun_flags=1,
    )
    control.new_dest(web, full, 0.0)
    assert control.get_dests(web)[0].spec == full


def test_family_may_be_left_out(control: Control, web: ServiceKey) -> None:
    control.new_dest(web, DestSpec(DestKey(bytes((10, 1, 0, 11)), 80)), 0.0)
    assert control.get_dests(web)[0].spec.key.af == Family.INET
    control.del_dest(web, DestKey(bytes((10, 1, 0, 11)), 80), 0.0)
    assert control.get_dests(web) == []


def test_twice(refused: Refused, control: Control, web: ServiceKey) -> None:
    control.new_dest(web, spec(weight=3), 0.0)
    with refused(Errno.EEXIST):
        control.new_dest(web, spec(weight=9), 0.0)
    assert [view.spec.weight for view in control.get_dests(web)] == [3]
    control.new_dest(web, spec(port=81), 0.0)


def test_missing(refused: Refused, control: Control, web: ServiceKey) -> None:
    other = replace(web, port=81)
    with refused(Errno.ESRCH):
        control.new_dest(other, spec(), 0.0)
    with refused(Errno.ENOENT):
        control.set_dest(web, spec(), 0.0)
    with refused(Errno.ENOENT):
        control.del_dest(web, spec().key, 0.0)
    with refused(Errno.ENOENT):
        control.del_dest(web, DestKey(bytes(16), 80, Family.INET6), 0.0)
    with refused(Errno.EAFNOSUPPORT):
        control.del_dest(web, DestKey(bytes(4), 80, 7), 0.0)  # type: ignore[arg-type]
    with refused(Errno.EINVAL):
        control.del_dest(web, DestKey(bytes(3), 80), 0.0)


@pytest.mark.parametrize(
    ("wrong", "errno"),
    [
        ({"weight": -1}, Errno.ERANGE),
        ({"weight": 0xFFFFFFFF}, Errno.ERANGE),
        ({"u_threshold": 3, "l_threshold": 5}, Errno.ERANGE),
        ({"forward": Forward.TUNNEL, "tun_type": TunType.GUE}, Errno.EINVAL),
        ({"tun_type": TunType.GUE}, Errno.EINVAL),
    ],
)
def test_wrong_values(
    refused: Refused, control: Control, web: ServiceKey, wrong: dict[str, Any], errno: Errno
) -> None:
    with refused(errno):
        control.new_dest(web, spec("10.1.0.11", port=80, **wrong), 0.0)
    with refused(errno):  # judged before whether it is there
        control.set_dest(web, spec("10.1.0.11", port=80, **wrong), 0.0)
    assert control.get_dests(web) == []


@pytest.mark.parametrize("odd", [5, 6, 7])
def test_odd_methods_and_tunnels_are_taken(
    control: Control, ns: Namespace, web: ServiceKey, odd: int
) -> None:
    control.new_dest(web, spec(forward=odd), 0.0)
    control.set_dest(web, spec(forward=Forward.TUNNEL, tun_type=odd, u_threshold=0x80000000), 0.0)
    view = control.get_dests(web)[0]
    assert (view.spec.tun_type, view.spec.u_threshold) == (odd, 0x80000000)
    assert ns.services.find_tunnel(Family.INET, spec().key.addr, 0) is None


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("224.0.0.5", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("0.0.0.1", True),
        ("240.0.0.1", True),
        ("8.8.8.8", True),
        ("192.0.2.1", True),
    ],
)
def test_address(refused: Refused, control: Control, web: ServiceKey, host: str, taken: bool) -> None:
    if taken:
        control.new_dest(web, spec(host), 0.0)
    else:
        with refused(Errno.EINVAL):
            control.new_dest(web, spec(host), 0.0)


def test_connection_flags(control: Control, ns: Namespace, web: ServiceKey) -> None:
    control.new_dest(web, spec(forward=Forward.DROUTE), 0.0)
    assert only(ns).conn_flags == Forward.DROUTE | ConnFlag.INACTIVE | ConnFlag.NOOUTPUT
    control.set_dest(web, spec(forward=Forward.MASQ), 0.0)
    assert only(ns).conn_flags == Forward.MASQ | ConnFlag.INACTIVE
    control.set_dest(web, spec(forward=0x10000 | 0x2000 | 0x8000), 0.0)
    assert only(ns).conn_flags == ConnFlag.NFCT | ConnFlag.ONE_PACKET | ConnFlag.INACTIVE


def test_last_weight_is_the_latest_that_was_not_zero(
    control: Control, ns: Namespace, web: ServiceKey
) -> None:
    control.new_dest(web, spec(weight=5), 0.0)
    control.set_dest(web, spec(weight=0), 0.0)
    assert (only(ns).weight, only(ns).last_weight) == (0, 5)
    control.set_dest(web, spec(weight=2), 0.0)
    assert only(ns).last_weight == 2
    control.del_dest(web, spec().key, 0.0)
    control.new_dest(web, spec(weight=0), 0.0)
    assert only(ns).last_weight == 0


def test_servers_are_found_by_their_address(control: Control, ns: Namespace, web: ServiceKey) -> None:
    address = spec().key.addr
    control.new_dest(web, spec(), 0.0)
    assert ns.services.find_server(Family.INET, Proto.TCP, address, 80) is only(ns)
    control.set_dest(web, spec(forward=Forward.TUNNEL, tun_type=TunType.GUE, tun_port=6080), 0.0)
    assert ns.services.find_server(Family.INET, Proto.TCP, address, 80) is None
    assert ns.services.find_tunnel(Family.INET, address, 6080) is only(ns)
    control.set_dest(web, spec(forward=Forward.TUNNEL), 0.0)
    assert ns.services.find_tunnel(Family.INET, address, 6080) is None
    assert ns.services.find_tunnel(Family.INET, address, 0) is only(ns)
    control.del_dest(web, spec().key, 0.0)
    assert ns.services.find_tunnel(Family.INET, address, 0) is None


def test_edit_forgets_the_route(control: Control, ns: Namespace, environment: FixedEnvironment) -> None:
    key = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
    control.new_service(ServiceSpec(key, "rr"), 0.0)
    control.new_dest(key, spec(), 0.0)
    only(ns).route = environment.route(spec().key.addr)
    only(ns).route_generation = 0
    control.set_dest(key, spec(weight=2), 0.0)
    assert (only(ns).route, only(ns).route_generation) == (None, -1)


def test_edit_to_another_method_is_noted(control: Control, ns: Namespace, web: ServiceKey) -> None:
    control.new_dest(web, spec(forward=Forward.DROUTE), 0.0)
    assert not only(ns).method_changed
    control.set_dest(web, spec(forward=Forward.DROUTE, weight=2), 0.0)
    assert not only(ns).method_changed
    control.set_dest(web, spec(forward=Forward.TUNNEL), 0.0)
    assert only(ns).method_changed


def test_overload_ends_with_a_higher_threshold(control: Control, ns: Namespace, web: ServiceKey) -> None:
    """Recorded: only a higher or no upper threshold lets new connections in again."""
    control.new_dest(web, spec(u_threshold=3), 0.0)
    only(ns).overloaded = True
    for threshold, still in ((3, True), (1, True), (2, False)):
        control.set_dest(web, spec(u_threshold=threshold), 0.0)
        assert only(ns).overloaded is still
    only(ns).overloaded = True
    control.set_dest(web, spec(), 0.0)
    assert not only(ns).overloaded


class TestTrash:
    def test_added_again_it_is_the_same_with_its_counters(
        self, control: Control, ns: Namespace, web: ServiceKey
    ) -> None:
        control.new_dest(web, spec(), 0.0)
        before = only(ns)
        before.activeconns = before.refcnt = before.stats.conns = 2
        estimator.handle(ns)
        control.del_dest(web, spec().key, 1.0)
        assert (before.available, before.service) == (False, None)
        control.new_dest(web, spec(u_threshold=1), 2.0)
        assert only(ns) is before
        assert (before.available, before.overloaded) == (True, False)
        view = control.get_dests(web)[0]
        assert (view.activeconns, view.totals.conns) == (2, 2)

    def test_in_another_service_of_the_same_address_its_statistics_begin_anew(
        self, control: Control, ns: Namespace, web: ServiceKey
    ) -> None:
        control.new_dest(web, spec(), 0.0)
        only(ns).activeconns = only(ns).refcnt = only(ns).stats.conns = 2
        estimator.handle(ns)
        control.del_service(web, 1.0)
        control.new_service(ServiceSpec(web, "rr"), 2.0)
        control.new_dest(web, spec(), 2.0)
        view = control.get_dests(web)[0]
        assert (view.activeconns, view.totals.conns) == (2, 0)

    def test_another_service_does_not_get_it(self, control: Control, ns: Namespace, web: ServiceKey) -> None:
        control.new_dest(web, spec(), 0.0)
        control.del_dest(web, spec().key, 0.0)
        other = replace(web, port=81)
        control.new_service(ServiceSpec(other, "rr"), 0.0)
        control.new_dest(other, spec(), 0.0)
        assert len(ns.trash) == 1

    def test_its_address_is_not_judged_again(
        self, control: Control, web: ServiceKey, environment: FixedEnvironment
    ) -> None:
        address = bytes((224, 0, 0, 7))
        environment.local.add(address)
        control.new_dest(web, DestSpec(DestKey(address, 80)), 0.0)
        control.del_dest(web, DestKey(address, 80), 0.0)
        environment.local.remove(address)
        control.new_dest(web, DestSpec(DestKey(address, 80)), 0.0)

    def test_connections_of_the_removed_are_ended_a_tick_later(
        self, control: Control, ns: Namespace, web: ServiceKey
    ) -> None:
        control.new_dest(web, spec(), 0.0)
        control.del_dest(web, spec().key, 0.5)
        assert ns.expire_nodest_at is None
        control.sysctl_write("expire_nodest_conn", "1", 0.5)
        control.new_dest(web, spec(), 0.5)
        control.del_dest(web, spec().key, 0.5)
        assert ns.expire_nodest_at == pytest.approx(0.51)
        assert background.next_time(ns) == ns.expire_nodest_at


class TestMixedFamilies:
    def test_only_tunnels_cross(self, refused: Refused, control: Control, ns: Namespace) -> None:
        control.new_service(ServiceSpec(WEB6, "rr", netmask=128), 0.0)
        for forward in (Forward.MASQ, Forward.DROUTE):
            with refused(Errno.EINVAL):
                control.new_dest(WEB6, spec(forward=forward), 0.0)
        control.new_dest(WEB6, spec(forward=Forward.TUNNEL), 0.0)
        assert ns.services.mixed == 1
        with refused(Errno.EINVAL):
            control.set_dest(WEB6, spec(), 0.0)
        control.set_dest(WEB6, spec(forward=Forward.TUNNEL, weight=4), 0.0)
        control.del_dest(WEB6, spec().key, 0.0)
        assert ns.services.mixed == 0

    def test_not_while_synchronised(self, refused: Refused, control: Control) -> None:
        control.new_service(ServiceSpec(WEB6, "rr", netmask=128), 0.0)
        control.new_daemon(DaemonSpec(SyncState.MASTER, "eth0"), 0.0)
        with refused(Errno.EINVAL):
            control.new_dest(WEB6, spec(forward=Forward.TUNNEL), 0.0)
        control.new_dest(WEB6, spec("2001:db8:1::11"), 0.0)
        control.del_daemon(SyncState.MASTER, 0.0)
        control.new_dest(WEB6, spec(forward=Forward.TUNNEL), 0.0)
