"""Verbs on synchronisation daemons; refusals and defaults were recorded from Linux 6.1."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import Errno
from pyvs.core.flags import Family, Forward, Proto, SyncState

Refused = Callable[[Errno], AbstractContextManager[None]]

MASTER, BACKUP = SyncState.MASTER, SyncState.BACKUP
GROUP = bytes((224, 0, 0, 81))


def test_defaults_are_filled_in(control: Control) -> None:
    control.new_daemon(DaemonSpec(BACKUP, "eth1", syncid=9, maxlen=100), 0.0)
    control.new_daemon(DaemonSpec(MASTER, "eth0"), 0.0)
    assert control.get_daemons() == [
        DaemonSpec(MASTER, "eth0", 0, 1472, GROUP, 8848, 1),
        DaemonSpec(BACKUP, "eth1", 9, 1024, GROUP, 8848, 1),
    ]


def test_ipv6_group(control: Control) -> None:
    group = bytes.fromhex("ff020000000000000000000000000005")
    control.new_daemon(DaemonSpec(MASTER, "eth0", group=group), 0.0)
    assert control.get_daemons() == [DaemonSpec(MASTER, "eth0", 0, 1452, group, 8848, 1)]


@pytest.mark.parametrize(
    ("spec", "errno"),
    [
        (DaemonSpec(SyncState.NONE, "eth0"), Errno.EINVAL),
        (DaemonSpec(SyncState.NONE, "nosuch0"), Errno.ENODEV),
        (DaemonSpec(MASTER, "nosuch0"), Errno.ENODEV),
        (DaemonSpec(MASTER, "nosuch0", group=bytes((1, 2, 3, 4))), Errno.EINVAL),
        (DaemonSpec(MASTER, "eth0", group=bytes.fromhex("20010000000000000000000000000001")), Errno.EINVAL),
    ],
)
def test_refusals(refused: Refused, control: Control, spec: DaemonSpec, errno: Errno) -> None:
    with refused(errno):
        control.new_daemon(spec, 0.0)
    assert control.get_daemons() == []


def test_twice(refused: Refused, control: Control) -> None:
    control.new_daemon(DaemonSpec(MASTER, "eth0"), 0.0)
    with refused(Errno.ENODEV):
        control.new_daemon(DaemonSpec(MASTER, "nosuch0"), 0.0)
    with refused(Errno.EEXIST):
        control.new_daemon(DaemonSpec(MASTER, "eth1"), 0.0)
    assert [spec.ifn for spec in control.get_daemons()] == ["eth0"]


def test_stop(refused: Refused, control: Control) -> None:
    control.new_daemon(DaemonSpec(MASTER, "eth0"), 0.0)
    with refused(Errno.EINVAL):
        control.del_daemon(SyncState.NONE, 0.0)
    with refused(Errno.ESRCH):
        control.del_daemon(BACKUP, 0.0)
    control.del_daemon(MASTER, 0.0)
    with refused(Errno.ESRCH):
        control.del_daemon(MASTER, 0.0)


def test_mixed_families(refused: Refused, control: Control) -> None:
    key = ServiceKey(Family.INET6, Proto.TCP, bytes.fromhex("20010db8000000000000000000000100"), 80)
    control.new_service(ServiceSpec(key, "rr", netmask=128), 0.0)
    control.new_dest(key, DestSpec(DestKey(bytes((10, 1, 0, 11)), 80, Family.INET), Forward.TUNNEL), 0.0)
    with refused(Errno.EINVAL):
        control.new_daemon(DaemonSpec(MASTER, "eth0"), 0.0)
    control.flush(0.0)
    control.new_daemon(DaemonSpec(MASTER, "eth0"), 0.0)
