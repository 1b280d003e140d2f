"""The control verbs of a live director: each change is told to the log and to whoever keeps the chains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pyvs.core.control.specs import (
    DaemonSpec,
    DestKey,
    DestSpec,
    ServiceKey,
    ServiceSpec,
    Timeouts,
)
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError
from pyvs.core.flags import FWD_MASK, Forward, SyncState
from pyvs.core.masquerade.portfw import Command
from pyvs.core.masquerade.requests import ForwardingRequest, Request
from pyvs.core.namespace import Namespace
from pyvs.daemon.ports import refuse_if_used
from pyvs.daemon.sync_sockets import SyncSockets

METHODS: Final[dict[int, str]] = {
    Forward.MASQ: "NAT",
    Forward.LOCALNODE: "local",
    Forward.TUNNEL: "tunnel",
    Forward.DROUTE: "direct routing",
    Forward.BYPASS: "bypass",
}

Told = Callable[[Callable[[], str], bool], None]
"""Called after a change: what gives a line that says what changed, if it is to be read, and whether services or
servers (so the chains) did."""


class ToldControl(Control):
    """The verbs, with a line for each change that was made; a verb that is refused tells nothing."""

    def __init__(self, ns: Namespace, told: Told, sync_sockets: SyncSockets | None = None) -> None:
        super().__init__(ns)
        self._told = told
        self._sync_sockets = sync_sockets
        self.texts: dict[str, Callable[[], Iterator[str]]] = {}
        """Texts of the director's own beside those of /proc/net, by name."""

    def proc_parts(self, name: str, now: float | None = None) -> Iterator[str]:
        """A text of the director's own, or of /proc/net, in parts. Raises ControlError(ENOENT)."""
        own = self.texts.get(name)
        return super().proc_parts(name, now) if own is None else own()

    def new_service(self, spec: ServiceSpec, now: float) -> None:
        """Add a service. Raises ControlError."""
        super().new_service(spec, now)
        self._told(lambda: f"service {spec.key} added, scheduler {spec.scheduler}", True)

    def set_service(self, spec: ServiceSpec, now: float) -> None:
        """Change a service. Raises ControlError."""
        super().set_service(spec, now)
        self._told(lambda: f"service {spec.key} changed, scheduler {spec.scheduler}", True)

    def del_service(self, key: ServiceKey, now: float) -> None:
        """Remove a service. Raises ControlError."""
        super().del_service(key, now)
        self._told(lambda: f"service {key} removed", True)

    def new_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Add a server. Raises ControlError."""
        super().new_dest(key, spec, now)
        self._told(lambda: f"service {key}: server {spec.key} added, {_how(spec)}", True)

    def set_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Change a server. Raises ControlError."""
        super().set_dest(key, spec, now)
        self._told(lambda: f"service {key}: server {spec.key} changed, {_how(spec)}", True)

    def del_dest(self, key: ServiceKey, dest: DestKey, now: float) -> None:
        """Remove a server. Raises ControlError."""
        super().del_dest(key, dest, now)
        self._told(lambda: f"service {key}: server {dest} removed", True)

    def flush(self, now: float) -> None:
        """Remove all services."""
        super().flush(now)
        self._told(lambda: "all services removed", True)

    def zeroing(self, key: ServiceKey | None, now: float) -> Iterator[None]:
        """Show counters from zero, a stretch a step. Raises ControlError."""
        yield from super().zeroing(key, now)
        self._told(
            lambda: "all counters set to zero" if key is None else f"service {key}: counters set to zero",
            False,
        )

    def set_config(self, timeouts: Timeouts, now: float) -> None:
        """Set timeouts. Raises ControlError."""
        super().set_config(timeouts, now)
        kept = self.get_config()
        self._told(
            lambda: f"timeouts are TCP {kept.tcp} s, TCP FIN {kept.tcp_fin} s, UDP {kept.udp} s", False
        )

    def sysctl_write(self, name: str, text: str, now: float) -> None:
        """Write a knob. Raises ControlError."""
        super().sysctl_write(name, text, now)
        self._told(lambda: f"sysctl net.ipv4.vs.{name} = {self.sysctl_read(name)}", name == "conntrack")

    def new_daemon(self, spec: DaemonSpec, now: float) -> None:
        """Start a role of synchronisation. Raises ControlError."""
        super().new_daemon(spec, now)
        if self._sync_sockets is not None:
            try:
                self._sync_sockets.open(next(run for run in self.get_daemons() if run.state == spec.state))
            except ControlError:
                super().del_daemon(spec.state, now)
                raise
        self._told(
            lambda: f"synchronisation: {spec.state.name} started on {spec.ifn}, syncid {spec.syncid}", False
        )

    def del_daemon(self, state: SyncState, now: float) -> None:
        """Stop a role. Raises ControlError."""
        super().del_daemon(state, now)
        if self._sync_sockets is not None:
            self._sync_sockets.shut(state)
        self._told(lambda: f"synchronisation: {state.name} stopped", False)

    def masquerade(self, request: Request, now: float) -> str:
        """Change masquerading. Raises ControlError, also when a port to be forwarded is in use by a program here."""
        if (
            isinstance(request, ForwardingRequest)
            and request.command is Command.ADD
            and request.rule is not None
        ):
            refuse_if_used(request.rule)
        done = super().masquerade(request, now)
        self._told(lambda: done, True)
        return done


def _how(spec: DestSpec) -> str:
    number = spec.forward & FWD_MASK
    return f"{METHODS.get(number) or f'method {number}'}, weight {spec.weight}"
