"""The verbs on services: add, edit, remove, show. Kernel: `ip_vs_add_service` and those after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyvs.core.control.destinations import throw_away
from pyvs.core.control.specs import ServiceKey, ServiceSpec, ServiceView
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto, ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.persistence import ENGINES
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.services.service import Service, ServiceName, service_name
from pyvs.core.stats import estimator
from pyvs.core.wording import counted

NO_SCHEDULER: Final = "none"
ADDRESS_LENGTH: Final = {Family.INET: 4, Family.INET6: 16}
LONGEST_PREFIX: Final = 128
STRETCH: Final = 120
"""Servers of one step of a removal, or of setting counters to zero: a quarter of a millisecond."""


def check_key(key: ServiceKey) -> None:
    """Refuse a key that can't name a service. Raises ControlError: EAFNOSUPPORT, EINVAL."""
    if key.af not in ADDRESS_LENGTH:
        raise ControlError(
            Errno.EAFNOSUPPORT, f"address family {int(key.af)} of the service: give IPv4 or IPv6"
        )
    if key.fwmark:
        return
    if len(key.addr) != ADDRESS_LENGTH[key.af]:
        raise ControlError(
            Errno.EINVAL,
            f"the service's address {key.addr.hex()} has {counted(len(key.addr), 'byte')}: "
            f"an address of its family has {ADDRESS_LENGTH[key.af]}",
        )


def look_up(ns: Namespace, key: ServiceKey) -> Service | None:
    """The service that a key names exactly. Raises ControlError when the key can't name one."""
    check_key(key)
    return ns.services.exact(key.af, key.protocol, key.addr, key.port, key.fwmark)


def name_of(key: ServiceKey) -> ServiceName:
    """What the registry knows the service of a key by."""
    return service_name(key.af, key.protocol, key.addr, key.port, key.fwmark)


def find(ns: Namespace, key: ServiceKey) -> Service:
    """The same, but one that is not there is refused: ESRCH."""
    service = look_up(ns, key)
    if service is None:
        raise ControlError(Errno.ESRCH, f"there is no service {key}: add it first")
    return service


def new(ns: Namespace, spec: ServiceSpec) -> None:
    """Add a service. Raises ControlError: EEXIST, ENOENT, EINVAL. Kernel: `ip_vs_add_service`."""
    key = spec.key
    if look_up(ns, key) is not None:
        raise ControlError(Errno.EEXIST, f"service {key} exists: edit it instead")
    scheduler = _scheduler(ns, spec)
    pe = _persistence_engine(ns, spec)
    _check_netmask(spec)
    if key.fwmark:
        service = Service(Family(key.af), Proto.TCP, bytes(ADDRESS_LENGTH[key.af]), 0, key.fwmark)
    else:
        service = Service(Family(key.af), key.protocol, key.addr, key.port, 0)
    service.flags = spec.flags & spec.flags_mask & ~int(ServiceFlag.HASHED)
    service.timeout = _seconds(spec)
    service.netmask = spec.netmask
    service.pe = pe
    _bind_scheduler(ns, service, scheduler)
    # Its servers may come back, if it was there a moment ago.
    before = ns.trash.called(service.name)
    if before is not None:
        _take_down(ns, before, len(before.destinations))
    ns.services.add(service)


def edit(ns: Namespace, spec: ServiceSpec) -> None:
    """Change a service. Raises ControlError: ESRCH, ENOENT, EINVAL. Kernel: `ip_vs_edit_service`.

    Differs: a scheduler that refuses the service leaves the old one in place; the kernel leaves none.
    """
    service = find(ns, spec.key)
    scheduler = _scheduler(ns, spec)
    pe = _persistence_engine(ns, spec)
    _check_netmask(spec)
    if spec.scheduler != service.scheduler_name:
        _bind_scheduler(ns, service, scheduler)
    flags = (service.flags & ~spec.flags_mask) | (spec.flags & spec.flags_mask)
    service.flags = flags | int(ServiceFlag.HASHED)
    service.timeout = _seconds(spec)
    service.netmask = spec.netmask
    ns.services.set_pe(service, pe)


def delete(ns: Namespace, service: Service) -> None:
    """Remove a service and its destinations. Kernel: `ip_vs_unlink_service`."""
    ns.services.remove(service)
    ns.trash.expect(service)
    ns.jobs.begin("removal", clear_away(ns))


def flush(ns: Namespace) -> None:
    """Remove all services: for packets in one step, whatever their number. Kernel: `ip_vs_flush`."""
    ns.trash.coming += ns.services.clear()
    ns.drains.clear()
    ns.jobs.begin("removal", clear_away(ns))


def clear_away(ns: Namespace) -> Iterator[None]:
    """Throw the servers of removed services into the trash, a stretch a step."""
    left = STRETCH
    while (service := ns.trash.next_coming()) is not None:
        left = _take_down(ns, service, left - 1)
        if left <= 0:
            left = STRETCH
            if service.destinations:
                ns.trash.expect(service)
            ns.services.forget(STRETCH)
            yield


def _take_down(ns: Namespace, service: Service, most: int) -> int:
    """Throw away so many of a removed service's servers at most; how many more it might have been.

    No scheduler is told, for there is none any more.
    """
    service.flags &= ~int(ServiceFlag.HASHED)
    if service.scheduler is not None:
        service.scheduler.close()
        service.scheduler = None
    while service.destinations and most > 0:
        throw_away(ns, service, service.destinations.pop())
        most -= 1
    return most


def zero(service: Service) -> None:
    """Show the counters of a service and its destinations from zero. Kernel: `ip_vs_zero_service`."""
    for destination in service.destinations:
        estimator.zero(destination.stats)
    estimator.zero(service.stats)


def zero_all(ns: Namespace) -> Iterator[None]:
    """Show all counters from zero, a stretch a step. Kernel: `ip_vs_zero_all`."""
    looked = 0
    for service in ns.services:
        zero(service)
        looked += 1 + len(service.destinations)
        if looked >= STRETCH:
            looked = 0
            yield
    estimator.zero(ns.stats)


def each(ns: Namespace) -> Iterator[ServiceView]:
    """The services of now, each viewed when its turn comes; those that were removed until then are left out."""
    for service in list(ns.services):
        if service in ns.services:
            yield view(service)


def rule(service: Service) -> ServiceSpec:
    """What makes it anew."""
    return ServiceSpec(
        ServiceKey(service.af, service.protocol, service.addr, service.port, service.fwmark),
        scheduler=service.scheduler_name,
        flags=service.flags & ~int(ServiceFlag.HASHED),
        timeout=service.timeout,
        netmask=service.netmask,
        pe="" if service.pe is None else service.pe.name,
    )


def view(service: Service) -> ServiceView:
    """What GET_SERVICE answers of it. Kernel: `ip_vs_genl_fill_service`."""
    return ServiceView(
        ServiceSpec(
            ServiceKey(service.af, service.protocol, service.addr, service.port, service.fwmark),
            scheduler=service.scheduler_name,
            flags=service.flags,
            flags_mask=0xFFFFFFFF,
            timeout=service.timeout,
            netmask=service.netmask,
            pe="" if service.pe is None else service.pe.name,
        ),
        len(service.destinations),
        estimator.totals(service.stats),
        estimator.rates(service.stats),
    )


def _scheduler(ns: Namespace, spec: ServiceSpec) -> type[Scheduler] | None:
    """The scheduler that a specification names, None for `none`."""
    if spec.scheduler == NO_SCHEDULER:
        return None
    if spec.scheduler not in ns.schedulers:
        raise ControlError(
            Errno.ENOENT,
            f"service {spec.key}: there is no scheduler {spec.scheduler!r}: "
            f"take one of {', '.join(sorted(ns.schedulers))}",
        )
    return ns.schedulers[spec.scheduler]


def _persistence_engine(ns: Namespace, spec: ServiceSpec) -> PersistenceEngine | None:
    if not spec.pe:
        return None
    if spec.pe not in ENGINES:
        raise ControlError(
            Errno.ENOENT,
            f"service {spec.key}: there is no persistence engine {spec.pe!r}: "
            f"take one of {', '.join(sorted(ENGINES))}",
        )
    return ENGINES[spec.pe]


def _seconds(spec: ServiceSpec) -> int:
    """The timeout as it will read: the kernel keeps hundredths in 32 bits."""
    return (spec.timeout * 100 & 0xFFFFFFFF) // 100


def _check_netmask(spec: ServiceSpec) -> None:
    if spec.key.af == Family.INET6 and not 1 <= spec.netmask <= LONGEST_PREFIX:
        raise ControlError(
            Errno.EINVAL,
            f"service {spec.key}: prefix length {spec.netmask}: give 1 to {LONGEST_PREFIX}",
        )


def _bind_scheduler(ns: Namespace, service: Service, scheduler: type[Scheduler] | None) -> None:
    """Let another scheduler serve; the first use of one brings its knobs. Kernel: `ip_vs_bind_scheduler`."""
    if scheduler is not None:
        ns.sysctl.bring(scheduler.settings)
    old, service.scheduler = service.scheduler, None if scheduler is None else scheduler(service, ns)
    if old is not None:
        old.close()
    service.scheduler_name = NO_SCHEDULER if scheduler is None else scheduler.name
