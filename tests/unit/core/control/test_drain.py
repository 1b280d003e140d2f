"""The verbs on servers that drain: which servers, what is told of them, what is refused."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from pyvs.core.control import drain
from pyvs.core.control.native_specs import DrainKey, DrainView
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.policy.policy import AtExpiry, Policy

Refused = Callable[[Errno], AbstractContextManager[None]]
FIRST, SECOND = bytes((10, 1, 0, 11)), bytes((10, 1, 0, 12))
MARK = ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 5)


@pytest.fixture
def servers(control: Control, web: ServiceKey) -> ServiceKey:
    """Two servers on two ports each, of the web service and of a mark."""
    control.new_service(ServiceSpec(MARK, "rr"), 0.0)
    for key in (web, MARK):
        for server in (FIRST, SECOND):
            for port in (80, 8080):
                control.new_dest(key, DestSpec(DestKey(server, port), weight=3), 0.0)
    return web


def weights(control: Control, key: ServiceKey) -> dict[tuple[int, int], int]:
    return {(each.spec.key.addr[-1], each.spec.key.port): each.spec.weight for each in control.get_dests(key)}


def test_an_address_means_all_its_ports_in_all_services(
    control: Control, ns: Namespace, servers: ServiceKey
) -> None:
    ns.now = 10.0
    views = drain.start(ns, DrainKey(FIRST), 60.0)
    assert {(view.service.fwmark, view.dest) for view in views} == {
        (mark, DestKey(FIRST, port, Family.INET)) for mark in (0, 5) for port in (80, 8080)
    }
    assert weights(control, servers) == {(11, 80): 0, (11, 8080): 0, (12, 80): 3, (12, 8080): 3}
    assert len(ns.drains) == 4


def test_a_port_and_a_service_narrow_it(control: Control, ns: Namespace, servers: ServiceKey) -> None:
    (view,) = drain.start(ns, DrainKey(FIRST, 8080, servers), None)
    assert view == DrainView(servers, DestKey(FIRST, 8080, Family.INET), 3, 0, 0, 0, 0, None, False)
    assert weights(control, servers) == {(11, 80): 3, (11, 8080): 0, (12, 80): 3, (12, 8080): 3}
    assert set(weights(control, MARK).values()) == {3}


def test_a_view_counts_down_to_nothing(ns: Namespace, servers: ServiceKey) -> None:
    ns.now = 10.0
    drain.start(ns, DrainKey(FIRST, 80, servers), 60.0)
    (each,) = ns.drains
    for now, left in ((10.0, 60.0), (45.0, 25.0), (70.0, 0.0), (90.0, 0.0)):
        ns.now = now
        assert drain.view(ns, each).left == left
    each.destination.activeconns, each.destination.inactconns, each.ended, each.over = 7, 2, 4, True
    view = drain.view(ns, each)
    assert (view.active, view.inactive, view.ended, view.swept, view.begun_with) == (7, 2, 4, True, 0)


def test_the_numbers_are_watched_only_while_it_drains(
    control: Control, ns: Namespace, servers: ServiceKey
) -> None:
    destination = next(each for each in next(iter(ns.services)).destinations if each.addr == FIRST)
    key = DrainKey(FIRST, destination.port, servers)
    assert destination.terms is None
    drain.start(ns, key, None)
    assert destination.terms is not None
    assert destination.terms.watched
    assert not destination.terms.resets
    drain.cancel(ns, key)
    assert destination.terms is None
    control.set_policy(servers, Policy(at_expiry=AtExpiry.RST), 0.0)
    drain.start(ns, key, None)
    drain.cancel(ns, key)
    assert destination.terms is not None
    assert destination.terms.watched


def test_only_what_drains_is_cancelled(control: Control, ns: Namespace, servers: ServiceKey) -> None:
    drain.start(ns, DrainKey(FIRST, 80, servers), None)
    (view,) = drain.cancel(ns, DrainKey(FIRST))
    assert (view.service, view.dest.port, view.weight) == (servers, 80, 3)
    assert set(weights(control, servers).values()) == {3}
    assert len(ns.drains) == 0


def test_both_are_changes_of_the_rules(ns: Namespace, servers: ServiceKey) -> None:
    before = ns.services.generation
    drain.start(ns, DrainKey(FIRST), None)
    begun = ns.services.generation
    assert begun != before
    drain.cancel(ns, DrainKey(FIRST))
    assert ns.services.generation not in (begun, before)


def test_what_is_refused_changes_nothing(
    control: Control, ns: Namespace, servers: ServiceKey, refused: Refused
) -> None:
    generation = ns.services.generation
    with refused(Errno.ESRCH):
        drain.start(ns, DrainKey(FIRST, 81), None)
    with refused(Errno.ESRCH):
        drain.start(ns, DrainKey(FIRST, 80, replace(servers, port=81)), None)
    with refused(Errno.ESRCH):
        drain.start(ns, DrainKey(bytes(16), 80), None)
    for seconds in (-0.5, float("nan")):
        with refused(Errno.EINVAL):
            drain.start(ns, DrainKey(FIRST), seconds)
    with refused(Errno.ESRCH):
        drain.cancel(ns, DrainKey(FIRST))
    assert len(ns.drains) == 0
    assert set(weights(control, servers).values()) == {3}
    assert ns.services.generation == generation


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (DrainKey(bytes((10, 9, 0, 1))), "no service has a server 10.9.0.1: name one"),
        (DrainKey(bytes((10, 9, 0, 1)), 80), "no service has a server 10.9.0.1:80: name one"),
        (DrainKey(bytes((10, 9, 0, 1)), 80, MARK), f"server 10.9.0.1:80 of service {MARK}: name one"),
    ],
)
def test_a_refusal_names_what_was_asked(ns: Namespace, servers: ServiceKey, key: DrainKey, name: str) -> None:
    with pytest.raises(ControlError) as refusal:
        drain.start(ns, key, None)
    assert name in str(refusal.value)
