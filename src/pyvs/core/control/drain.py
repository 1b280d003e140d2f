"""The verbs on servers that drain."""

from __future__ import annotations

from pyvs.core.control import services
from pyvs.core.control.native_specs import DrainKey, DrainView
from pyvs.core.control.specs import DestKey, ServiceKey
from pyvs.core.errors import ControlError, Errno
from pyvs.core.namespace import Namespace
from pyvs.core.policy.drains import Drain
from pyvs.core.policy.policy import settle
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


def start(ns: Namespace, key: DrainKey, seconds: float | None) -> list[DrainView]:
    """Let servers drain, with a deadline in so many seconds. Raises ControlError: ESRCH, EINVAL."""
    if seconds is not None and not seconds >= 0:
        raise ControlError(Errno.EINVAL, f"a deadline in {seconds:g} s has passed: give 0 s or more")
    deadline = None if seconds is None else ns.now + seconds
    found = _find(ns, key)
    views = []
    for service, destination in found:
        drain = ns.drains.start(service, destination, deadline)
        settle(ns, destination, service)
        views.append(view(ns, drain))
    ns.services.generation += 1
    return views


def cancel(ns: Namespace, key: DrainKey) -> list[DrainView]:
    """Let servers that drain take connections again. Raises ControlError(ESRCH)."""
    drains = [destination.drain for _, destination in _find(ns, key) if destination.drain is not None]
    if not drains:
        raise ControlError(Errno.ESRCH, f"{_name(ns, key)} does not drain")
    views = [view(ns, drain) for drain in drains]
    for drain in drains:
        ns.drains.cancel(drain)
        settle(ns, drain.destination, drain.service)
    ns.services.generation += 1
    return views


def view(ns: Namespace, drain: Drain) -> DrainView:
    """How far a server is."""
    service, destination = drain.service, drain.destination
    return DrainView(
        ServiceKey(service.af, service.protocol, service.addr, service.port, service.fwmark),
        DestKey(destination.addr, destination.port, destination.af),
        drain.weight,
        destination.activeconns,
        destination.inactconns,
        drain.begun_with,
        drain.ended,
        None if drain.deadline is None else max(0.0, drain.deadline - ns.now),
        drain.over,
        drain.kept,
    )


def _find(ns: Namespace, key: DrainKey) -> list[tuple[Service, Destination]]:
    of = list(ns.services) if key.service is None else [services.find(ns, key.service)]
    found = [
        (service, destination)
        for service in of
        for destination in service.destinations
        if destination.addr == key.addr and key.port in (None, destination.port)
    ]
    if not found:
        raise ControlError(
            Errno.ESRCH, f"no service has a server {_name(ns, key)}: name one as the listing does"
        )
    return found


def _name(ns: Namespace, key: DrainKey) -> str:
    name = ns.name_of(key.addr, key.port or 0)
    if key.port is None:
        name = name.removesuffix(":0")
    return name if key.service is None else f"{name} of service {key.service}"
