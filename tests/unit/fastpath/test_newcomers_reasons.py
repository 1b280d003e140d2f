"""Why a service's new connections go up, and what goes to the maps when nothing stands against it: without a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from tests.unit.fastpath.memory import MemoryFast, in_memory

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.flags import Family, Proto, ServiceFlag
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.fastpath import refusal
from pyvs.fastpath.newcomers import Newcomers, name_of
from pyvs.fastpath.tables import LIMITS, Flag, Selector
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import KEY, SERVERS, VIP, Shared, packed


class Case:
    """An engine, maps in memory, and the services that they schedule."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.shared, self.maps, _ = in_memory()
        self.newcomers = Newcomers(self.shared.engine.ns, self.maps, self.shared.mirror)

    def add(self, spec: ServiceSpec) -> None:
        self.shared.engine.control.new_service(spec, self.shared.now)

    def renew(self) -> dict[str, str]:
        self.newcomers.carry_back()
        self.shared.mirror.renew()
        self.newcomers.renew()
        return self.newcomers.refused

    def offered(self) -> dict[tuple[int, bytes, int], int]:
        return {name: row["selector"] for name, row in self.maps.services}


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (ServiceSpec(ServiceKey(Family.INET, fwmark=7), "rr"), "it goes by a mark"),
        (ServiceSpec(replace(KEY, protocol=Proto.SCTP), "rr"), "neither TCP nor UDP"),
        (ServiceSpec(KEY, "rr", flags=ServiceFlag.PERSISTENT), "it is persistent, and not in a plain way"),
        (
            ServiceSpec(replace(KEY, protocol=Proto.UDP), "rr", flags=ServiceFlag.ONEPACKET),
            "each of its packets",
        ),
        (
            ServiceSpec(replace(KEY, port=21), "rr", flags=ServiceFlag.PERSISTENT, timeout=60),
            "it is persistent, and not in a plain way",
        ),
        (ServiceSpec(KEY, "lblc"), "its scheduler is not one of the programs'"),
        (ServiceSpec(KEY, "none"), "its scheduler is not one of the programs'"),
    ],
)
def test_services_of_the_engine(case: Case, spec: ServiceSpec, why: str) -> None:
    case.add(spec)
    (told,) = case.renew().values()
    assert told.startswith(why)
    assert case.offered() == {}


@pytest.mark.parametrize(
    ("scheduler", "selector"),
    [("rr", Selector.CURSOR), ("wlc", Selector.WLC), ("sh", Selector.SOURCE), ("mh", Selector.MAGLEV)],
)
def test_services_of_the_programs(case: Case, scheduler: str, selector: Selector) -> None:
    case.shared.service(scheduler=scheduler)
    assert case.renew() == {}
    assert case.offered() == {(Proto.TCP, packed(VIP), 80): selector}


def test_a_director_that_rests(case: Case) -> None:
    case.shared.service()
    case.renew()
    assert len(case.offered()) == 1
    case.shared.engine.control.sysctl_write("conntrack", "1", case.shared.now)
    (why,) = case.renew().values()
    assert why.startswith("sysctl conntrack")
    assert case.offered() == {}
    assert case.newcomers.offers == {}


def test_the_address_of_another_host(case: Case) -> None:
    """As at a backup: connections that it hears of wait in the maps, whose packets go up until it comes."""
    case.shared.service()
    place = case.shared.mirror.places[case.shared.dest(0)]
    environment = cast("FixedEnvironment", case.shared.engine.ns.environment)
    environment.local.discard(packed(VIP))
    environment.generation += 1
    assert list(case.renew().values()) == [refusal.ELSEWHERE]
    assert case.maps.destination(place.number)["flags"] == Flag.ELSEWHERE
    assert place.refused is None
    environment.local.add(packed(VIP))
    environment.generation += 1
    assert case.renew() == {}
    assert case.maps.destination(place.number)["flags"] == Flag.AVAILABLE
    environment.local.discard(packed(VIP))
    environment.generation += 1
    case.shared.engine.control.del_dest(KEY, DestKey(SERVERS[0], 8080), case.shared.now)
    case.renew()
    assert case.maps.destination(place.number)["flags"] == 0


def test_one_server_that_the_programs_cant_reach(case: Case) -> None:
    case.shared.service()
    here = DestSpec(DestKey(packed("10.1.0.1"), 8080))
    case.shared.engine.control.new_dest(KEY, here, case.shared.now)
    assert list(case.renew().values()) == ["server 10.1.0.1:8080: it is this host"]


def test_a_server_without_a_number(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "MAX_DESTS", 1)
    case.shared.service()
    (why,) = case.renew().values()
    assert why.endswith("its destination is not in the maps")
    assert len(case.shared.mirror.places) == 1


def test_a_table_that_is_full(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "MAX_SLOTS", 1)
    case.shared.service()
    assert list(case.renew().values()) == ["its table of slots is too long"]
    monkeypatch.setitem(LIMITS, "MAX_SLOTS", 2)
    assert case.renew() == {}


def test_what_has_not_changed_is_not_written_anew(case: Case) -> None:
    case.shared.service()
    case.renew()
    written = list(case.maps.slots.writes)
    case.renew()
    assert case.maps.slots.writes == written


def scheduler(case: Case) -> RoundRobin:
    service = next(iter(case.shared.engine.ns.services))
    assert isinstance(service.scheduler, RoundRobin)
    return service.scheduler


def move(case: Case, cursor: int) -> None:
    """What programs do when they schedule."""
    service = next(iter(case.shared.engine.ns.services))
    ((name, row),) = [(name, row) for name, row in case.maps.services if name == name_of(service)]
    table = case.maps.services._services
    (raw,) = [raw for raw, _ in table.items()]
    table.put(raw, table.values.pack(**{**row, "cursor": cursor}))
    assert case.maps.services.cursor(*name) == cursor


def test_the_scheduler_follows_the_cursor(case: Case) -> None:
    case.shared.service()
    case.renew()
    for cursor, standing in ((1, (0,)), (2, (1,)), (3, (0,))):
        move(case, cursor)
        case.newcomers.carry_back()
        assert scheduler(case).standing() == standing


@pytest.mark.parametrize("change", [lambda case: None, lambda case: scheduler(case).stand((0,))])
def test_the_programs_go_on_after_the_engine(case: Case, change: Callable[[Case], None]) -> None:
    case.shared.service()
    case.renew()
    move(case, 0)
    before = [case.maps.slots.at(row["base"])["number"] for _, row in case.maps.services]
    change(case)
    stood = scheduler(case).standing()
    case.newcomers.settle()
    ((_, row),) = list(case.maps.services)
    number = case.maps.slots.at(row["base"])["number"]
    if stood == (-1,):
        assert [number] == before
    else:
        assert [number] != before
    servers = next(iter(case.shared.engine.ns.services)).destinations
    # The next pick is the one after where the engine stands.
    assert case.shared.mirror.by_number[number].dest is servers[(stood[0] + 1) % len(servers)]


def test_a_service_that_is_gone_is_withdrawn(case: Case) -> None:
    case.shared.service()
    case.renew()
    case.shared.engine.control.del_service(KEY, case.shared.now)
    case.renew()
    assert case.offered() == {}
    assert case.newcomers.offers == {}


def test_a_service_that_comes_again_has_a_scheduler_of_its_own(case: Case) -> None:
    case.shared.service()
    case.renew()
    old = scheduler(case)
    case.shared.engine.control.del_service(KEY, case.shared.now)
    case.shared.service()
    case.renew()
    assert scheduler(case) is not old
    move(case, 1)
    case.newcomers.carry_back()
    assert (scheduler(case).standing(), old.standing()) == ((0,), (-1,))


def test_a_service_of_all_ports_waits_for_marks(case: Case) -> None:
    """A packet to it may belong to a service by mark: netfilter says so after the programs."""
    every = replace(KEY, port=0)
    case.add(ServiceSpec(every, "rr", flags=ServiceFlag.PERSISTENT, timeout=60))
    service = case.shared.engine.ns.services.exact(KEY.af, KEY.protocol, KEY.addr, 0)
    assert service is not None
    assert case.newcomers.why_not(service) is None
    case.add(ServiceSpec(ServiceKey(Family.INET6, fwmark=7), "rr", netmask=128))
    assert case.newcomers.why_not(service) is None
    case.add(ServiceSpec(ServiceKey(Family.INET, fwmark=7), "rr"))
    why = case.newcomers.why_not(service)
    assert why is not None
    assert "are not marked yet" in why
