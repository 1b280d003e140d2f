"""The control verbs of a director that keeps its state: each change goes into the journal before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from pyvs.core.control import services
from pyvs.core.control.native_specs import DrainKey, DrainView
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.flags import FWD_MASK, SyncState
from pyvs.core.masquerade.requests import Request
from pyvs.core.namespace import Namespace
from pyvs.core.policy.policy import Policy
from pyvs.daemon.control import Told, ToldControl
from pyvs.daemon.state.journal import LINE
from pyvs.daemon.state.kept import Row
from pyvs.daemon.sync_sockets import SyncSockets
from pyvs.netlink.native_rows import dest_text, key_text, masquerade_row, policy_row, server_row, service_row

ONE_ROW: Final = 100
"""So many changes of one step are kept as one row."""
ROW: Final = 256
"""Bytes that a row takes, one among many."""


class KeptControl(ToldControl):
    """The verbs; `keep` is told of each change as a row, once it is set."""

    def __init__(
        self,
        ns: Namespace,
        told: Told,
        sync_sockets: SyncSockets | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ns, told, sync_sockets)
        self.keep: Callable[[Row], None] | None = None
        self.keep_many: Callable[[list[Row]], Iterator[None]] | None = None
        """Told of the changes of one long step, which it keeps a stretch at a time."""
        self.ready: Callable[[int], None] | None = None
        """Asked before a change is made whether so many bytes can be kept. Raises ControlError."""
        self.forget: Callable[[], Iterator[None]] | None = None
        """Frees what was kept of all that was removed, a stretch a step."""
        self._wall = wall
        self._together: list[Row] | None = None

    @property
    def _kept(self) -> bool:
        """Whether anybody wants rows."""
        return self.keep is not None or self._together is not None

    def _ready(self, count: int = 1) -> None:
        """See that so many changes can be kept. Raises ControlError."""
        if self.ready is not None and self._together is None:
            self.ready(count * ROW + LINE if count > 1 else LINE)

    def _note(self, *row: object) -> None:
        if self._together is not None:
            self._together.append(list(row))
        else:
            self._keep(list(row))

    def _keep(self, row: Row) -> None:
        if self.keep is not None:
            self.keep(row)

    @contextmanager
    def _one_row(self) -> Iterator[None]:
        """What is noted in here is one row: after a crash all of it holds, or nothing."""
        self._together = []
        try:
            yield
        finally:
            rows, self._together = self._together, None
            if rows:
                self._note("all", rows)

    # ---- services and servers ----------------------------------------------

    def new_service(self, spec: ServiceSpec, now: float) -> None:
        """Add a service. Raises ControlError."""
        self._ready()
        super().new_service(spec, now)
        self._note_service(spec.key)

    def set_service(self, spec: ServiceSpec, now: float) -> None:
        """Change a service. Raises ControlError."""
        self._ready()
        super().set_service(spec, now)
        self._note_service(spec.key)

    def _note_service(self, key: ServiceKey) -> None:
        if self._kept:
            self._note(*service_row(services.rule(services.find(self.ns, key))))

    def del_service(self, key: ServiceKey, now: float) -> None:
        """Remove a service. Raises ControlError."""
        self._ready()
        super().del_service(key, now)
        self._note("-service", key_text(key))

    def new_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Add a server. Raises ControlError."""
        self._ready()
        super().new_dest(key, spec, now)
        self._note_dest(key, spec)

    def set_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None:
        """Change a server. Raises ControlError."""
        self._ready()
        super().set_dest(key, spec, now)
        self._note_dest(key, spec)

    def _note_dest(self, key: ServiceKey, spec: DestSpec) -> None:
        if self._kept:
            kind, service, server, method, *rest = server_row(key, spec)
            self._note(kind, service, server, method & FWD_MASK, *rest)

    def del_dest(self, key: ServiceKey, dest: DestKey, now: float) -> None:
        """Remove a server. Raises ControlError."""
        self._ready()
        super().del_dest(key, dest, now)
        self._note("-server", key_text(key), dest_text(dest))

    def flush(self, now: float) -> None:
        """Remove all services."""
        self._ready()
        super().flush(now)
        self._note("flush")
        if self.forget is not None:
            self.ns.jobs.begin("forget", self.forget())

    # ---- beyond the kernel's -----------------------------------------------

    def set_policy(self, key: ServiceKey, policy: Policy, now: float) -> None:
        """Give a service a policy. Raises ControlError."""
        self._ready()
        super().set_policy(key, policy, now)
        idle = f"idle {policy.idle:g} s, " if policy.idle else ""
        leaves = ", UDP leaves removed servers" if policy.udp_leaves else ""
        self._told(lambda: f"service {key}: {idle}at expiry {policy.at_expiry.value}{leaves}", False)
        self._note(*policy_row(key, policy))

    def drain(self, key: DrainKey, seconds: float | None, now: float) -> list[DrainView]:
        """Let servers drain. Raises ControlError."""
        self._ready(len(self.ns.services))
        views = super().drain(key, seconds, now)
        limit = "" if seconds is None else f", its connections are reset in {seconds:g} s"
        for view in views:
            self._told(
                partial("service {}: server {} drains{}".format, view.service, view.dest, limit), False
            )
        deadline = None if seconds is None else round(self._wall() + seconds, 3)
        with self._one_row():
            for view in views:
                self._note("drain", key_text(view.service), dest_text(view.dest), deadline)
        return views

    def cancel_drain(self, key: DrainKey, now: float) -> list[DrainView]:
        """Let servers that drain take connections again. Raises ControlError."""
        self._ready(len(self.ns.drains))
        views = super().cancel_drain(key, now)
        for view in views:
            self._told(partial("service {}: server {} drains no more".format, view.service, view.dest), False)
        with self._one_row():
            for view in views:
                self._note("-drain", key_text(view.service), dest_text(view.dest))
        return views

    def begin_step(self, count: int) -> None:
        """What is noted from now on holds together, or not at all. Raises ControlError: there is no room for it."""
        self._ready(count)
        self._together = [] if self.keep is not None else None

    def end_step(self) -> Iterator[None]:
        """Keep it, a stretch a step; what is noted meanwhile comes after it."""
        if self._together is None:
            return
        rows, self._together = self._together, []
        if 0 < len(rows) <= ONE_ROW:
            self._keep(["all", rows])
        elif self.keep_many is not None:
            yield from self.keep_many(rows)
        later, self._together = self._together or [], None
        for row in later:
            self._keep(row)

    def leave_step(self) -> None:
        """Nothing of it was done."""
        self._together = None

    # ---- settings ----------------------------------------------------------

    def set_config(self, timeouts: Timeouts, now: float) -> None:
        """Set timeouts. Raises ControlError."""
        self._ready()
        super().set_config(timeouts, now)
        kept = self.get_config()
        self._note("timeouts", kept.tcp, kept.tcp_fin, kept.udp)

    def sysctl_write(self, name: str, text: str, now: float) -> None:
        """Write a knob. Raises ControlError."""
        self._ready()
        super().sysctl_write(name, text, now)
        self._note("sysctl", name, self.sysctl_read(name))

    def new_daemon(self, spec: DaemonSpec, now: float) -> None:
        """Start a role of synchronisation. Raises ControlError."""
        self._ready()
        super().new_daemon(spec, now)
        self._note(
            "daemon",
            int(spec.state),
            spec.ifn,
            spec.syncid,
            spec.maxlen,
            spec.group.hex(),
            spec.port,
            spec.ttl,
        )

    def del_daemon(self, state: SyncState, now: float) -> None:
        """Stop a role. Raises ControlError."""
        self._ready()
        super().del_daemon(state, now)
        self._note("-daemon", int(state))

    def masquerade(self, request: Request, now: float) -> str:
        """Change masquerading. Raises ControlError."""
        self._ready()
        done = super().masquerade(request, now)
        self._note(*masquerade_row(request))
        return done
