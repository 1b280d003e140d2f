"""The verbs on destinations: add, edit, remove, show. Kernel: `ip_vs_add_dest` and those after it."""

from __future__ import annotations

import contextlib
from typing import Final

from pyvs.core.control.daemons import running
from pyvs.core.control.specs import DestKey, DestSpec, DestView, ServiceKey
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import CONN_DEST_MASK, FWD_MASK, ConnFlag, Family, Forward, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.policy.policy import settle
from pyvs.core.services import thresholds
from pyvs.core.services.address import is_unicast
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.stats import estimator
from pyvs.core.sysctl.table import INT_MAX
from pyvs.core.wording import counted

ADDRESS_LENGTH: Final = {Family.INET: 4, Family.INET6: 16}

TICK: Final = 0.01
"""Seconds until connections of removed destinations are ended: one tick at the recordings' 100 Hz."""


def look_up(service: Service, af: int, key: DestKey) -> Destination | None:
    """The destination of a service with this family, address and port. Kernel: `ip_vs_lookup_dest`."""
    for destination in service.destinations:
        if destination.port == key.port and destination.addr == key.addr and destination.af == af:
            return destination
    return None


def new(ns: Namespace, service: Service, spec: DestSpec) -> None:
    """Add a destination to a service, or take it out of the trash.

    Raises ControlError: EINVAL, EAFNOSUPPORT, ERANGE, EEXIST. Kernel: `ip_vs_add_dest`.
    """
    af = _family(service, spec.key)
    _check_mixed(ns, service, spec, af)
    _check(service, spec)
    if look_up(service, af, spec.key) is not None:
        raise ControlError(Errno.EEXIST, f"{_name(service, spec.key)} exists: edit it instead")
    revived = ns.trash.take(service, af, spec.key.addr, spec.key.port)
    if revived is None:
        _check_address(ns, service, spec, af)
        destination = Destination(af, spec.key.addr, spec.key.port, service)
    else:
        destination, former = revived
        destination.service = service
        if former is not service:
            estimator.zero(destination.stats)
    destination.last_weight = spec.weight
    settle(ns, destination, service)
    _set(ns, service, destination, spec)
    destination.available = True
    ns.services.mixed += destination.af != service.af
    service.destinations.insert(0, destination)
    if service.scheduler is not None:
        # The kernel too goes on when a scheduler can't take in one more: it keeps the table that it has.
        with contextlib.suppress(ControlError):
            service.scheduler.added(destination)


def edit(ns: Namespace, service: Service, spec: DestSpec) -> None:
    """Change a destination. Raises ControlError: ENOENT and those of `new`. Kernel: `ip_vs_edit_dest`."""
    af = _family(service, spec.key)
    _check_mixed(ns, service, spec, af)
    _check(service, spec)
    destination = look_up(service, af, spec.key)
    if destination is None:
        raise ControlError(Errno.ENOENT, f"there is no {_name(service, spec.key)}: add it first")
    if spec.weight:
        destination.last_weight = spec.weight
    _set(ns, service, destination, spec)
    if service.scheduler is not None:
        with contextlib.suppress(ControlError):
            service.scheduler.updated(destination)


def delete(ns: Namespace, service: Service, key: DestKey) -> None:
    """Remove a destination. Raises ControlError: ENOENT, EAFNOSUPPORT, EINVAL. Kernel: `ip_vs_del_dest`."""
    destination = look_up(service, _family(service, key), key)
    if destination is None:
        raise ControlError(Errno.ENOENT, f"there is no {_name(service, key)}, so it can't be removed")
    if service.scheduler is not None:
        service.scheduler.removing(destination)
    ns.services.generation += 1
    service.destinations.remove(destination)
    ns.services.mixed -= destination.af != service.af
    throw_away(ns, service, destination)
    if service.scheduler is not None:
        service.scheduler.removed(destination)


def throw_away(ns: Namespace, service: Service, destination: Destination) -> None:
    """Unlink a destination that its service has let go; its connections live on.

    Kernel: `__ip_vs_unlink_dest`, `__ip_vs_del_dest`.
    """
    if destination.drain is not None:
        ns.drains.forget(destination)
    destination.available = False
    ns.services.remove_server(destination)
    destination.service = None
    ns.trash.put(destination, service, ns.now)
    if ns.sysctl.expire_nodest_conn:
        ns.expire_nodest_at = ns.now + TICK


def rule(destination: Destination) -> DestSpec:
    """What makes it anew: as in `view`, but the weight of a server that drains is the one that it gets back."""
    drain = destination.drain
    return DestSpec(
        DestKey(destination.addr, destination.port, destination.af),
        forward=destination.conn_flags & FWD_MASK,
        weight=destination.weight if drain is None else drain.weight,
        u_threshold=destination.u_threshold,
        l_threshold=destination.l_threshold,
        tun_type=destination.tun_type,
        tun_port=destination.tun_port,
        tun_flags=destination.tun_flags,
    )


def view(destination: Destination) -> DestView:
    """What GET_DEST answers of it. Kernel: `ip_vs_genl_fill_dest`."""
    return DestView(
        DestSpec(
            DestKey(destination.addr, destination.port, destination.af),
            forward=destination.conn_flags & FWD_MASK,
            weight=destination.weight,
            u_threshold=destination.u_threshold,
            l_threshold=destination.l_threshold,
            tun_type=destination.tun_type,
            tun_port=destination.tun_port,
            tun_flags=destination.tun_flags,
        ),
        destination.activeconns,
        destination.inactconns,
        destination.persistconns,
        estimator.totals(destination.stats),
        estimator.rates(destination.stats),
    )


def _name(service: Service, key: DestKey) -> str:
    of = ServiceKey(service.af, service.protocol, service.addr, service.port, service.fwmark)
    return f"destination {key} of service {of}"


def _family(service: Service, key: DestKey) -> Family:
    """The family of a destination: the service's unless it says otherwise."""
    af = key.af or service.af
    if af not in ADDRESS_LENGTH:
        raise ControlError(
            Errno.EAFNOSUPPORT, f"address family {int(af)} of the destination: give IPv4 or IPv6"
        )
    if len(key.addr) != ADDRESS_LENGTH[af]:
        raise ControlError(
            Errno.EINVAL,
            f"the destination's address {key.addr.hex()} has {counted(len(key.addr), 'byte')}: "
            f"an address of its family has {ADDRESS_LENGTH[af]}",
        )
    return af


def _check_mixed(ns: Namespace, service: Service, spec: DestSpec, af: Family) -> None:
    """Only tunnels cross families, and synchronisation can't. Kernel: `ip_vs_genl_set_cmd`."""
    if af == service.af:
        return
    if running(ns):
        raise ControlError(
            Errno.EINVAL,
            f"{_name(service, spec.key)} is of another family than its service: "
            "stop the synchronisation daemons first",
        )
    if spec.forward != Forward.TUNNEL:
        raise ControlError(
            Errno.EINVAL,
            f"{_name(service, spec.key)} is of another family than its service: it can only be tunnelled to",
        )


def _check(service: Service, spec: DestSpec) -> None:
    if not 0 <= spec.weight <= INT_MAX:
        raise ControlError(
            Errno.ERANGE, f"{_name(service, spec.key)}: weight {spec.weight}: give 0 to {INT_MAX}"
        )
    if spec.l_threshold > spec.u_threshold:
        raise ControlError(
            Errno.ERANGE,
            f"{_name(service, spec.key)}: lower threshold {spec.l_threshold} "
            f"is above the upper one, {spec.u_threshold}",
        )
    if spec.tun_type == TunType.GUE and spec.tun_port == 0:
        raise ControlError(Errno.EINVAL, f"{_name(service, spec.key)}: a GUE tunnel needs a port")


def _check_address(ns: Namespace, service: Service, spec: DestSpec, af: Family) -> None:
    """A new server's address is local or unicast. Kernel: `ip_vs_new_dest`."""
    if not is_unicast(ns.environment, af, spec.key.addr):
        raise ControlError(
            Errno.EINVAL, f"{_name(service, spec.key)}: the address is neither local nor unicast"
        )


def _set(ns: Namespace, service: Service, destination: Destination, spec: DestSpec) -> None:
    """Take over all that may change. Kernel: `__ip_vs_update_dest`.

    Methods 5 to 7 and unknown kinds of tunnel are taken as they come, as the kernel does.
    """
    ns.services.remove_server(destination)
    if destination.drain is None:
        destination.weight = spec.weight
    else:
        destination.drain.weight = spec.weight
    conn_flags = int(spec.forward & CONN_DEST_MASK | ConnFlag.INACTIVE)
    if conn_flags & FWD_MASK != Forward.MASQ:
        conn_flags |= int(ConnFlag.NOOUTPUT)
    if destination.conn_flags and destination.forward != conn_flags & FWD_MASK:
        destination.method_changed = True
    destination.conn_flags = conn_flags
    destination.tun_type = spec.tun_type
    destination.tun_port = spec.tun_port
    destination.tun_flags = spec.tun_flags
    ns.services.add_server(destination)
    thresholds.changed(destination, spec.u_threshold, spec.l_threshold)
    destination.route = None
    destination.route_generation = -1
