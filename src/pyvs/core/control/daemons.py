"""The verbs on synchronisation daemons. Kernel: `ip_vs_genl_new_daemon`, `ip_vs_genl_del_daemon`."""

from __future__ import annotations

from pyvs.core.control.specs import DaemonSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.core.namespace import Namespace


def running(ns: Namespace) -> list[DaemonSpec]:
    """The roles that run, the master first, with the defaults filled in."""
    return ns.sync.configs()


def start(ns: Namespace, spec: DaemonSpec) -> None:
    """Start one role. Raises ControlError: EINVAL, ENODEV, EEXIST."""
    if spec.group and not _is_multicast(spec.group):
        raise ControlError(
            Errno.EINVAL, f"synchronisation group {spec.group.hex()} is no multicast address: give one"
        )
    if ns.services.mixed:
        raise ControlError(
            Errno.EINVAL,
            f"{ns.services.mixed} destinations are of another family than their service, which "
            "synchronisation can't tell: remove them first",
        )
    ns.sync.start(spec)


def stop(ns: Namespace, role: SyncState) -> None:
    """Stop one role. Raises ControlError: EINVAL, ESRCH."""
    ns.sync.stop(role)


def _is_multicast(address: bytes) -> bool:
    return (len(address) == 4 and address[0] & 0xF0 == 0xE0) or (len(address) == 16 and address[0] == 0xFF)
