"""Which roles of synchronisation run: `ns.sync`. Kernel: `start_sync_thread`, `stop_sync_thread`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.core.reasons import Reason
from pyvs.core.sync.backup import Backup
from pyvs.core.sync.master import Master

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

GROUP: Final = bytes((224, 0, 0, 81))
PORT: Final = 8848
TTL: Final = 1
PORTS_MAX: Final = 64
"""Most sync ports. Kernel: `IPVS_SYNC_PORTS_MAX`."""

MASTER_MTU: Final = 1500
"""A master fills messages for this MTU whatever its device's, unless told otherwise."""
HEADERS: Final = {4: 28, 16: 48}
"""IP and UDP header, by the length of the group's address."""

_NAMES: Final = {SyncState.MASTER: "master", SyncState.BACKUP: "backup"}


class Sync:
    """The roles of one virtual server; both may run."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        self.master: Master | None = None
        self.backup: Backup | None = None
        self.channels = 1
        """Sync ports; counted when the first role starts."""

    @property
    def state(self) -> int:
        """The roles that run. Kernel: `sync_state`."""
        master = SyncState.MASTER if self.master is not None else SyncState.NONE
        return master | SyncState.BACKUP if self.backup is not None else master

    @property
    def is_master(self) -> bool:
        """A master runs: hooks and timers tell it of connections."""
        return self.master is not None

    @property
    def is_backup(self) -> bool:
        """A backup runs."""
        return self.backup is not None

    # ---- administration ----------------------------------------------------

    def start(self, spec: DaemonSpec) -> None:
        """Start a role. Raises ControlError: ENODEV, EEXIST, EINVAL (in this order, as the kernel's)."""
        mtu = self.ns.environment.device_mtu(spec.ifn)
        if mtu is None:
            raise ControlError(
                Errno.ENODEV,
                f"there is no network device {spec.ifn!r} for synchronisation; name one that exists",
            )
        effective = _completed(spec, mtu)
        running: Master | Backup | None
        if spec.state == SyncState.MASTER:
            running = self.master
        elif spec.state == SyncState.BACKUP:
            running = self.backup
        else:
            raise ControlError(
                Errno.EINVAL,
                f"state {int(spec.state)} is no role of synchronisation; take 1, master, or 2, backup",
            )
        if running is not None:
            raise ControlError(
                Errno.EEXIST, f"a {_NAMES[spec.state]} already runs on {running.spec.ifn}; stop it first"
            )
        if self.master is None and self.backup is None:
            self.channels = min(max(self.ns.sysctl.sync_ports, 1), PORTS_MAX)
        if spec.state == SyncState.MASTER:
            self.master = Master(self.ns, effective, self.channels)
        else:
            self.backup = Backup(self.ns, effective)

    def stop(self, role: SyncState) -> None:
        """Stop a role; what a master has not sent is forgotten. Raises ControlError: ESRCH, EINVAL."""
        if role == SyncState.MASTER and self.master is not None:
            self.master = None
        elif role == SyncState.BACKUP and self.backup is not None:
            self.backup = None
        elif role in (SyncState.MASTER, SyncState.BACKUP):
            raise ControlError(Errno.ESRCH, f"no {_NAMES[role]} is running")
        else:
            raise ControlError(
                Errno.EINVAL, f"state {int(role)} is no role of synchronisation; take 1, master, or 2, backup"
            )

    def configs(self) -> list[DaemonSpec]:
        """The roles that run, the master first, with what was left to us filled in."""
        return [role.spec for role in (self.master, self.backup) if role is not None]

    # ---- the master's side -------------------------------------------------

    def note_packet(self, conn: Connection, packets: int) -> None:
        """A connection had a packet, its `packets`-th. Kernel: `ip_vs_sync_conn`, called by `ip_vs_in`.

        For a one-packet connection the caller gives the first number of sync_threshold.
        """
        if self.master is not None:
            self.master.tell(conn, packets)

    def note_report(self, conn: Connection, needed: bool) -> None:
        """A connection that lives elsewhere had a packet, and its keeper judged by the policy whether to tell of it."""
        if self.master is not None:
            self.master.tell(conn, conn.in_pkts, needed)

    def note_conn(self, conn: Connection) -> None:
        """Tell of a connection without counting a packet, as when one that controls others lives on."""
        if self.master is not None:
            self.master.tell(conn, self.ns.sysctl.sync_threshold[0])

    def next_timeout(self) -> float | None:
        """When to call `handle` next, or None."""
        return None if self.master is None else self.master.next_timeout()

    def handle(self, now: float) -> None:
        """Send what has waited long enough."""
        if self.master is not None:
            self.ns.now = now
            self.master.handle()

    def set_writable(self, channel: int, writable: bool, now: float) -> None:
        """The socket of a channel takes no more messages for now (they queue up), or takes them again."""
        if self.master is not None and channel < len(self.master.channels):
            self.ns.now = now
            self.master.set_writable(channel, writable)

    # ---- the backup's side -------------------------------------------------

    def receive(self, message: bytes, now: float) -> None:
        """Take a datagram of a sync port. Never raises, whatever the bytes."""
        self.ns.now = now
        if self.backup is None:
            self.ns.reasons[Reason.SYNC_NOT_RUNNING] += 1
        else:
            self.backup.receive(message)


def _completed(spec: DaemonSpec, mtu: int) -> DaemonSpec:
    """What runs in the end where the administrator left it open."""
    group = spec.group or GROUP
    headers = HEADERS.get(len(group), HEADERS[4])
    backup = spec.state == SyncState.BACKUP
    if spec.maxlen:
        maxlen = min(max(spec.maxlen, 1024 if backup else 1), 65535 - headers)
    else:
        maxlen = (min(max(mtu, 1500), 65535) if backup else MASTER_MTU) - headers
    return replace(spec, group=group, port=spec.port or PORT, ttl=spec.ttl or TTL, maxlen=maxlen)
