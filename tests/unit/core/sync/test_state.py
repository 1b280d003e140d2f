"""Starting and stopping the roles."""

from __future__ import annotations

from typing import cast

import pytest

from pyvs.core.control.specs import DaemonSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.core.namespace import Namespace
from pyvs.core.sync.state import Sync
from pyvs.testing.environment import FixedEnvironment

MASTER, BACKUP = SyncState.MASTER, SyncState.BACKUP
GROUP6 = bytes.fromhex("ff020000000000000000000000000081")


def sync() -> Sync:
    return Sync(Namespace(FixedEnvironment(devices={"eth0": 1500, "jumbo": 9000, "lo": 65536, "tiny": 576})))


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        (DaemonSpec(MASTER, "eth0", 5), DaemonSpec(MASTER, "eth0", 5, 1472, b"\xe0\0\0\x51", 8848, 1)),
        (DaemonSpec(MASTER, "jumbo"), DaemonSpec(MASTER, "jumbo", 0, 1472, b"\xe0\0\0\x51", 8848, 1)),
        (DaemonSpec(BACKUP, "jumbo"), DaemonSpec(BACKUP, "jumbo", 0, 8972, b"\xe0\0\0\x51", 8848, 1)),
        (DaemonSpec(BACKUP, "lo"), DaemonSpec(BACKUP, "lo", 0, 65507, b"\xe0\0\0\x51", 8848, 1)),
        (DaemonSpec(BACKUP, "tiny"), DaemonSpec(BACKUP, "tiny", 0, 1472, b"\xe0\0\0\x51", 8848, 1)),
        (
            DaemonSpec(MASTER, "eth0", 1, 0, GROUP6, 9, 8),
            DaemonSpec(MASTER, "eth0", 1, 1452, GROUP6, 9, 8),
        ),
        (
            DaemonSpec(BACKUP, "eth0", 1, 65507, GROUP6),
            DaemonSpec(BACKUP, "eth0", 1, 65487, GROUP6, 8848, 1),
        ),
        (DaemonSpec(MASTER, "eth0", maxlen=1), DaemonSpec(MASTER, "eth0", 0, 1, b"\xe0\0\0\x51", 8848, 1)),
        (DaemonSpec(BACKUP, "eth0", maxlen=1), DaemonSpec(BACKUP, "eth0", 0, 1024, b"\xe0\0\0\x51", 8848, 1)),
    ],
)
def test_what_was_left_open_is_filled_in(given: DaemonSpec, filled: DaemonSpec) -> None:
    daemon = sync()
    daemon.start(given)
    assert daemon.configs() == [filled]


def test_both_roles_and_their_order() -> None:
    daemon = sync()
    daemon.start(DaemonSpec(BACKUP, "eth0"))
    assert (daemon.is_master, daemon.is_backup) == (False, True)
    daemon.start(DaemonSpec(MASTER, "eth0"))
    assert [spec.state for spec in daemon.configs()] == [MASTER, BACKUP]
    daemon.stop(BACKUP)
    assert (daemon.is_master, daemon.is_backup) == (True, False)
    daemon.stop(MASTER)
    assert daemon.configs() == []


@pytest.mark.parametrize(
    ("spec", "errno"),
    [
        (DaemonSpec(MASTER, "nosuch0"), Errno.ENODEV),
        (DaemonSpec(MASTER, "eth0", maxlen=1000), Errno.EEXIST),
        (DaemonSpec(SyncState.NONE, "eth0"), Errno.EINVAL),
        (DaemonSpec(cast("SyncState", MASTER | BACKUP), "eth0"), Errno.EINVAL),
    ],
)
def test_refused_start_changes_nothing(spec: DaemonSpec, errno: Errno) -> None:
    daemon = sync()
    daemon.start(DaemonSpec(MASTER, "eth0"))
    before = daemon.configs()
    with pytest.raises(ControlError) as refused:
        daemon.start(spec)
    assert refused.value.errno == errno
    assert daemon.configs() == before


@pytest.mark.parametrize(
    ("role", "errno"),
    [
        (MASTER, Errno.ESRCH),
        (BACKUP, Errno.ESRCH),
        (SyncState.NONE, Errno.EINVAL),
        (MASTER | BACKUP, Errno.EINVAL),
    ],
)
def test_refused_stop(role: SyncState, errno: Errno) -> None:
    with pytest.raises(ControlError) as refused:
        sync().stop(role)
    assert refused.value.errno == errno


def test_ports_are_counted_when_the_first_role_starts() -> None:
    daemon = sync()
    daemon.ns.sysctl.sync_ports = 128
    daemon.start(DaemonSpec(BACKUP, "eth0"))
    daemon.ns.sysctl.sync_ports = 2
    daemon.start(DaemonSpec(MASTER, "eth0"))
    assert daemon.master is not None
    assert len(daemon.master.channels) == daemon.channels == 64
    daemon.stop(MASTER)
    daemon.stop(BACKUP)
    daemon.start(DaemonSpec(MASTER, "eth0"))
    assert daemon.channels == 2


def test_without_a_role_nothing_is_due() -> None:
    daemon = sync()
    daemon.handle(5.0)
    daemon.set_writable(0, True, 5.0)
    assert daemon.next_timeout() is None
