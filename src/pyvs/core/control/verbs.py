"""What an administrator may do: one method a command of the netlink family.

Each takes `now`, answers values, and raises ControlError with the kernel's errno; then nothing was changed.
Kernel: `ip_vs_genl_ops` in ip_vs_ctl.c.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from pyvs.core.control import apply as applying
from pyvs.core.control import config, daemons, destinations, services
from pyvs.core.control.native import NativeControl
from pyvs.core.control.native_specs import Change
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
from pyvs.core.flags import VERSION, SyncState
from pyvs.core.listing import FILES
from pyvs.core.masquerade.requests import Request, perform
from pyvs.core.namespace import Namespace


class Control(NativeControl):
    """The verbs of one namespace."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns

    # ---- services ----------------------------------------------------------

    def new_service(self, spec: ServiceSpec, now: float) -> None:
        """Add a service. Raises ControlError: EEXIST, ENOENT, EINVAL, EAFNOSUPPORT."""
        self.ns.now = now
        services.new(self.ns, spec)

    def set_service(self, spec: ServiceSpec, now: float) -> None:
        """Change a service. Raises ControlError: ESRCH, ENOENT, EINVAL, EAFNOSUPPORT."""
        self.ns.now = now
        services.edit(self.ns, spec)

    def del_service(self, key: ServiceKey, now: float) -> None:
        """Remove a service; its connections live on. Raises ControlError: ESRCH."""
        self.ns.now = now
        services.delete(self.ns, services.find(self.ns, key))

    def get_service(self, key: ServiceKey) -> ServiceView:
        """One service. Raises ControlError: ESRCH."""
        return services.view(services.find(self.ns, key))

    def check_service(self, key: ServiceKey) -> None:
        """Whether it is there. Raises ControlError: ESRCH."""
        services.find(self.ns, key)

    def get_services(self) -> list[ServiceView]:
        """All services: by address in the order in which they were added, then those by mark."""
        return list(self.each_service())

    def each_service(self) -> Iterator[ServiceView]:
        """The same one by one, each as it is when it is asked for; those removed meanwhile are left out."""
        return services.each(self.ns)

    def count_services(self, family: int) -> int:
        """How many services of an address family there are."""
        return self.ns.services.families.get(family, 0)

    # ---- destinations ------------------------------------------------------

    def new_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Add a server to a service. Raises ControlError: ESRCH, EEXIST, EINVAL, ERANGE, EAFNOSUPPORT."""
        self.ns.now = now
        destinations.new(self.ns, services.find(self.ns, key), spec)

    def set_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Change a server. Raises ControlError: ESRCH, ENOENT, EINVAL, ERANGE, EAFNOSUPPORT."""
        self.ns.now = now
        destinations.edit(self.ns, services.find(self.ns, key), spec)

    def del_dest(self, key: ServiceKey, dest: DestKey, now: float) -> None:
        """Remove a server; its connections live on. Raises ControlError: ESRCH, ENOENT, EAFNOSUPPORT."""
        self.ns.now = now
        destinations.delete(self.ns, services.find(self.ns, key), dest)

    def get_dests(self, key: ServiceKey) -> list[DestView]:
        """The servers of a service, newest first; none when there is no such service, as in the kernel."""
        return list(self.each_dest(key))

    def each_dest(self, key: ServiceKey) -> Iterator[DestView]:
        """The same one by one, those that the service has now."""
        service = services.look_up(self.ns, key)
        return map(destinations.view, () if service is None else tuple(service.destinations))

    # ---- synchronisation ---------------------------------------------------

    def new_daemon(self, spec: DaemonSpec, now: float) -> None:
        """Start a role of synchronisation. Raises ControlError: EEXIST, ENODEV, EINVAL."""
        self.ns.now = now
        daemons.start(self.ns, spec)

    def del_daemon(self, state: SyncState, now: float) -> None:
        """Stop a role. Raises ControlError: ESRCH, EINVAL."""
        self.ns.now = now
        daemons.stop(self.ns, state)

    def get_daemons(self) -> list[DaemonSpec]:
        """The roles that run, the master first."""
        return daemons.running(self.ns)

    # ---- settings ----------------------------------------------------------

    def set_config(self, timeouts: Timeouts, now: float) -> None:
        """Set timeouts; 0 leaves one as it is. Raises ControlError: EINVAL."""
        self.ns.now = now
        config.set_timeouts(self.ns, timeouts)

    def get_config(self) -> Timeouts:
        """The three timeouts in seconds."""
        return config.get_timeouts(self.ns)

    def get_info(self) -> tuple[int, int]:
        """The version, 0x010201, and the size of the connection table."""
        return VERSION, self.ns.conn_tab_size

    def sysctl_names(self) -> list[str]:
        """All knobs there are, sorted; with those of the schedulers used so far."""
        return sorted([*self.ns.sysctl.names(), *self.ns.sysctl.extra])

    def sysctl_read(self, name: str) -> str:
        """The text of a knob's file, without the end of line. Raises ControlError: ENOENT."""
        return self.ns.sysctl.read(name)

    def sysctl_write(self, name: str, text: str, now: float) -> None:
        """Write a knob's file. Raises ControlError: ENOENT, EINVAL."""
        self.ns.now = now
        config.write_knob(self.ns, name, text)

    # ---- masquerading ------------------------------------------------------

    def masquerade(self, request: Request, now: float) -> str:
        """Change masquerading, port forwarding or the agents that are listened to: what was done, in a line.

        Raises ControlError: EINVAL, EEXIST, ESRCH, EADDRNOTAVAIL.
        """
        self.ns.now = now
        done = perform(self.ns, request)
        self.ns.services.generation += 1
        return done

    # ---- many changes ------------------------------------------------------

    def apply(self, changes: Sequence[Change], generation: int | None, now: float) -> int:
        """Make all changes in one step, or none: how many. Raises ControlError: EBUSY, and those of the verbs."""
        for _ in self.applying(changes, generation, now):
            pass
        return len(changes)

    def applying(
        self, changes: Sequence[Change], generation: int | None, now: float
    ) -> Generator[None, None, int]:
        """The same, a stretch a step; `busy` meanwhile: others should wait with their verbs."""
        self.busy = True
        try:
            yield from applying.apply(self, Control, changes, generation, now)
        finally:
            if applying.JOB not in self.ns.jobs:
                self.rest()
        return len(changes)

    # ---- counters and texts ------------------------------------------------

    def zero(self, key: ServiceKey | None, now: float) -> None:
        """Show counters from zero: of one service with its servers, or all. Raises ControlError: ESRCH."""
        for _ in self.zeroing(key, now):
            pass

    def zeroing(self, key: ServiceKey | None, now: float) -> Iterator[None]:
        """The same, a stretch a step."""
        self.ns.now = now
        if key is None:
            yield from services.zero_all(self.ns)
        else:
            services.zero(services.find(self.ns, key))

    def flush(self, now: float) -> None:
        """Remove all services; their connections live on."""
        self.ns.now = now
        services.flush(self.ns)

    def proc(self, name: str, now: float | None = None) -> str:
        """The text of /proc/net/NAME, as of `now`. Raises ControlError: ENOENT."""
        return "".join(self.proc_parts(name, now))

    def proc_parts(self, name: str, now: float | None = None) -> Iterator[str]:
        """The same in parts, each made when it is asked for, so that packets need not wait for all."""
        if now is not None:
            self.ns.now = now
        if name not in FILES:
            raise ControlError(Errno.ENOENT, f"there is no file {name!r}: take one of {', '.join(FILES)}")
        text = FILES[name](self.ns)
        return iter((text,)) if isinstance(text, str) else text
