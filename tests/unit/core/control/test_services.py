"""Verbs on services; the errno of each refusal was recorded from Linux 6.1."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto, ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.stats import estimator

ADDRESS = bytes((192, 0, 2, 100))
WEB = ServiceKey(Family.INET, Proto.TCP, ADDRESS, 80)
WEB6 = ServiceKey(Family.INET6, Proto.TCP, bytes.fromhex("20010db8000000000000000000000100"), 80)
SERVER = DestSpec(DestKey(bytes((10, 1, 0, 11)), 80))


Refused = Callable[[Errno], AbstractContextManager[None]]


def test_new_service_is_shown_hashed(control: Control) -> None:
    control.new_service(ServiceSpec(WEB, "rr", flags=1, timeout=90, netmask=0xFFFFFF00), 0.0)
    (view,) = control.get_services()
    assert view.spec == ServiceSpec(WEB, "rr", flags=3, timeout=90, netmask=0xFFFFFF00)
    assert control.get_service(WEB) == view


def test_service_twice(refused: Refused, control: Control, web: ServiceKey) -> None:
    with refused(Errno.EEXIST):
        control.new_service(ServiceSpec(web, "rr"), 0.0)
    assert len(control.get_services()) == 1


@pytest.mark.parametrize("name", ["nosuch", ""])
def test_unknown_scheduler(refused: Refused, control: Control, web: ServiceKey, name: str) -> None:
    with refused(Errno.ENOENT):
        control.new_service(ServiceSpec(replace(web, port=81), name), 0.0)
    with refused(Errno.ENOENT):
        control.set_service(ServiceSpec(web, name, timeout=7), 0.0)
    assert control.get_service(web).spec == ServiceSpec(web, "rr", flags=2)


def test_no_scheduler(control: Control, ns: Namespace) -> None:
    control.new_service(ServiceSpec(WEB, "none"), 0.0)
    assert control.get_service(WEB).spec.scheduler == "none"
    assert next(iter(ns.services)).scheduler is None


def test_unknown_persistence_engine(refused: Refused, control: Control, web: ServiceKey) -> None:
    with refused(Errno.ENOENT):
        control.set_service(ServiceSpec(web, "wlc", pe="nosuch"), 0.0)
    assert control.get_service(web).spec.scheduler == "rr"


@pytest.mark.parametrize("plen", [0, 129])
def test_prefix_length(refused: Refused, control: Control, plen: int) -> None:
    with refused(Errno.EINVAL):
        control.new_service(ServiceSpec(WEB6, "rr", netmask=plen), 0.0)
    control.new_service(ServiceSpec(WEB6, "rr", netmask=64), 0.0)
    with refused(Errno.EINVAL):
        control.set_service(ServiceSpec(WEB6, "rr", netmask=plen), 0.0)


def test_family(refused: Refused, control: Control) -> None:
    with refused(Errno.EAFNOSUPPORT):
        control.new_service(ServiceSpec(replace(WEB, af=Family.UNSPEC), "rr"), 0.0)
    with refused(Errno.EINVAL):
        control.new_service(ServiceSpec(replace(WEB, af=Family.INET6), "rr"), 0.0)


def test_missing_service(refused: Refused, control: Control) -> None:
    with refused(Errno.ESRCH):
        control.set_service(ServiceSpec(WEB, "rr"), 0.0)
    with refused(Errno.ESRCH):
        control.del_service(WEB, 0.0)
    with refused(Errno.ESRCH):
        control.get_service(WEB)
    with refused(Errno.ESRCH):
        control.zero(WEB, 0.0)
    assert control.get_dests(WEB) == []


def test_service_by_mark_says_tcp_and_no_address(control: Control) -> None:
    control.new_service(ServiceSpec(ServiceKey(Family.INET, 0, b"", 0, 7), "rr"), 0.0)
    (view,) = control.get_services()
    assert view.spec.key == ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 7)
    control.del_service(ServiceKey(Family.INET, fwmark=7), 0.0)
    assert control.get_services() == []


def test_odd_values_are_taken(control: Control) -> None:
    """Recorded: port 0 without persistence, protocol 99, all flags, a timeout that overflows."""
    control.new_service(ServiceSpec(replace(WEB, port=0), "rr"), 0.0)
    control.new_service(ServiceSpec(replace(WEB, protocol=99), "rr"), 0.0)
    control.new_service(ServiceSpec(WEB, "rr", flags=0xFFFFFF00, timeout=0xFFFFFFFF), 0.0)
    spec = control.get_service(WEB).spec
    assert spec.flags == 0xFFFFFF02
    assert spec.timeout == 0x028F5C27


def test_flags_are_set_by_mask(control: Control) -> None:
    control.new_service(ServiceSpec(WEB, "rr", flags=0xFFFFFF00), 0.0)
    control.set_service(ServiceSpec(WEB, "rr", flags=0, flags_mask=0x100), 0.0)
    assert control.get_service(WEB).spec.flags == 0xFFFFFE02
    control.set_service(ServiceSpec(WEB, "rr", flags=1, flags_mask=1), 0.0)
    assert control.get_service(WEB).spec.flags == 0xFFFFFE03


def test_edit_keeps_the_scheduler_of_the_same_name(control: Control, ns: Namespace, web: ServiceKey) -> None:
    service = next(iter(ns.services))
    before = service.scheduler
    control.set_service(ServiceSpec(web, "rr", flags=1, timeout=30), 0.0)
    assert service.scheduler is before
    control.set_service(ServiceSpec(web, "wrr"), 0.0)
    assert service.scheduler is not before
    assert service.scheduler_name == "wrr"
    assert service.flags == ServiceFlag.HASHED


def test_deleted_service_puts_its_servers_into_the_trash(
    control: Control, ns: Namespace, web: ServiceKey
) -> None:
    control.new_dest(web, SERVER, 0.0)
    control.del_service(web, 1.0)
    assert len(ns.trash) == 1
    assert ns.services.families[Family.INET] == 0
    assert ns.services.find_server(Family.INET, Proto.TCP, SERVER.key.addr, 80) is None


def test_flush(control: Control, web: ServiceKey) -> None:
    control.new_service(ServiceSpec(WEB6, "rr", netmask=128), 0.0)
    control.new_service(ServiceSpec(ServiceKey(Family.INET, fwmark=7), "rr"), 0.0)
    control.flush(1.0)
    assert control.get_services() == []
    control.flush(1.0)
    control.new_service(ServiceSpec(web, "rr"), 2.0)


def test_scheduler_brings_its_knobs_for_good(control: Control) -> None:
    assert "lblc_expiration" not in control.sysctl_names()
    control.new_service(ServiceSpec(WEB, "lblc"), 0.0)
    control.sysctl_write("lblc_expiration", "5", 0.0)
    control.del_service(WEB, 0.0)
    control.new_service(ServiceSpec(WEB, "lblc"), 0.0)
    assert control.sysctl_read("lblc_expiration") == "5"


def test_zero_shows_from_zero_what_the_estimator_saw(
    control: Control, ns: Namespace, web: ServiceKey
) -> None:
    control.new_dest(web, SERVER, 0.0)
    service = next(iter(ns.services))
    counters = (ns.stats, service.stats, service.destinations[0].stats)
    for stats in counters:
        stats.conns = stats.inpkts = 5
    estimator.handle(ns)
    control.zero(web, 1.0)
    assert control.get_service(web).totals.conns == 0
    assert control.get_dests(web)[0].totals.conns == 0
    assert estimator.totals(ns.stats).conns == 5
    for stats in counters:
        stats.conns += 2
    estimator.handle(ns)
    assert control.get_service(web).totals.conns == 2
    control.zero(None, 1.0)
    assert estimator.totals(ns.stats).conns == 0


class Choosy(Scheduler):
    """Serves no service that has servers, and has no room for any."""

    name = "choosy"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        if service.destinations:
            raise ControlError(Errno.EINVAL, "this scheduler serves no service that has servers")

    def pick(self, request: Request) -> None:
        return None

    def added(self, destination: Destination) -> None:
        raise ControlError(Errno.ENOMEM, "no room for one more server in the table")


def test_scheduler_that_refuses_the_service(
    refused: Refused, control: Control, ns: Namespace, web: ServiceKey
) -> None:
    ns.schedulers["choosy"] = Choosy
    control.new_dest(web, SERVER, 0.0)
    with refused(Errno.EINVAL):
        control.set_service(ServiceSpec(web, "choosy", timeout=7), 0.0)
    assert control.get_service(web).spec == ServiceSpec(web, "rr", flags=2)
    (service,) = ns.services
    assert service.scheduler is not None
    assert service.scheduler.pick(Request(Proto.TCP, bytes(4), ADDRESS, 1, 80)) is service.destinations[0]


def test_scheduler_that_has_no_room_does_not_hinder_the_server(control: Control, ns: Namespace) -> None:
    """The kernel does not look at what `add_dest` answers."""
    ns.schedulers["choosy"] = Choosy
    control.new_service(ServiceSpec(WEB, "choosy"), 0.0)
    control.new_dest(WEB, SERVER, 0.0)
    assert len(control.get_dests(WEB)) == 1
