"""The verbs on synchronisation daemons. Kernel: `start_sync_thread`, `stop_sync_thread`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pyvs.core.control.specs import DaemonSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.core.namespace import Namespace

GROUP: Final = bytes((224, 0, 0, 81))
PORT: Final = 8848
TTL: Final = 1
HEADERS: Final = {4: 20 + 8, 16: 40 + 8}
"""IP and UDP headers, by the length of the group's address."""
MASTER_MTU: Final = 1500
LONGEST: Final = 65535
BACKUP_LEAST: Final = 1024
"""A backup has room for messages of this length at least."""


def running(ns: Namespace) -> list[DaemonSpec]:
    """The roles that run, the master first."""
    return [] if ns.sync is None else sorted(ns.sync.configs(), key=lambda spec: spec.state)


def start(ns: Namespace, spec: DaemonSpec) -> None:
    """Start one role. Raises ControlError: EINVAL, ENODEV, EEXIST."""
    _check_group(spec.group)
    if ns.services.mixed:
        raise ControlError(
            Errno.EINVAL,
            f"{ns.services.mixed} destinations are of another family than their service, which "
            "synchronisation can't tell: remove them first",
        )
    device_mtu = ns.environment.device_mtu(spec.ifn)
    if device_mtu is None:
        raise ControlError(Errno.ENODEV, f"synchronisation: there is no device {spec.ifn!r}")
    _check_role(spec.state)
    if any(other.state == spec.state for other in running(ns)):
        raise ControlError(
            Errno.EEXIST, f"the {_name(spec.state)} synchronisation daemon runs already: stop it first"
        )
    if ns.sync is None:
        raise ControlError(Errno.ENOPROTOOPT, "this engine was built without synchronisation")
    group = spec.group or GROUP
    headers = HEADERS[len(group)]
    backup = spec.state == SyncState.BACKUP
    if spec.maxlen:
        maxlen = min(max(spec.maxlen, BACKUP_LEAST if backup else 1), LONGEST - headers)
    else:
        maxlen = (min(max(device_mtu, MASTER_MTU), LONGEST) if backup else MASTER_MTU) - headers
    ns.sync.start(
        replace(
            spec,
            state=SyncState(spec.state),
            maxlen=maxlen,
            group=group,
            port=spec.port or PORT,
            ttl=spec.ttl or TTL,
        )
    )


def stop(ns: Namespace, role: SyncState) -> None:
    """Stop one role. Raises ControlError: EINVAL, ESRCH."""
    _check_role(role)
    if all(other.state != role for other in running(ns)):
        raise ControlError(Errno.ESRCH, f"no {_name(role)} synchronisation daemon runs")
    ns.sync.stop(SyncState(role))


def _check_role(role: int) -> None:
    if role not in (SyncState.MASTER, SyncState.BACKUP):
        raise ControlError(
            Errno.EINVAL, f"synchronisation role {int(role)}: give 1 for master or 2 for backup"
        )


def _check_group(group: bytes) -> None:
    if not group:
        return
    multicast = (len(group) == 4 and group[0] & 0xF0 == 0xE0) or (len(group) == 16 and group[0] == 0xFF)
    if not multicast:
        raise ControlError(Errno.EINVAL, f"synchronisation group {group.hex()} is no multicast address")


def _name(role: int) -> str:
    return "master" if role == SyncState.MASTER else "backup"
