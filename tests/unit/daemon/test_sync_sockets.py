"""Sockets of synchronisation on the loopback device; two directors are in tests/live."""

import errno
import io
import os
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pyvs.core.command import Command, Multicast
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.daemon.log import Log
from pyvs.daemon.sync_sockets import SyncSockets
from pyvs.testing.environment import FixedEnvironment

OWN = os.getpid() % 5000
"""What no other process that runs these tests has here at the same time."""
GROUP = bytes((239, 11, OWN >> 8, OWN & 255))
PORT = 20_000 + 2 * OWN
BACKUP = DaemonSpec(SyncState.BACKUP, "lo", maxlen=64, group=GROUP, port=PORT, ttl=1)
MASTER = DaemonSpec(SyncState.MASTER, "lo", maxlen=64, group=GROUP, port=PORT, ttl=3)


class Fixture:
    def __init__(self) -> None:
        self.engine = Engine(FixedEnvironment())
        self.text = io.StringIO()
        self.performed: list[Command] = []
        self.sockets = SyncSockets(
            self.engine, Log(self.text), lambda: 1.0, lambda commands, now: self.performed.extend(commands)
        )
        self.received: list[tuple[bytes, bytes]] = []
        self.engine.receive_sync = (  # type: ignore[method-assign]
            lambda message, source, now: self.received.append((message, source))
        )
        self.writable: list[tuple[int, bool]] = []
        self.engine.ns.sync.set_writable = (  # type: ignore[method-assign]
            lambda channel, writable, now: self.writable.append((channel, writable))
        )

    def wait(self) -> None:
        assert select.select([self.sockets], [], [], 30)[0]
        self.sockets.on_readable()


@pytest.fixture
def fixture() -> Iterator[Fixture]:
    fixture = Fixture()
    yield fixture
    fixture.sockets.close()


def say(port: int, data: bytes) -> None:
    """Send to the group on this host, as another host would by the wire."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.sendto(data, (socket.inet_ntoa(GROUP), port))


def test_a_backup_hears_its_group_on_every_port(fixture: Fixture) -> None:
    fixture.engine.ns.sync.channels = 2
    fixture.sockets.open(BACKUP)
    for port in (PORT, PORT + 1):
        say(port, b"message to %d" % port)
        fixture.wait()
    assert [message for message, _ in fixture.received] == [
        b"message to %d" % port for port in (PORT, PORT + 1)
    ]
    assert {source for _, source in fixture.received} == {bytes((127, 0, 0, 1))}


def test_what_is_longer_than_maxlen_is_cut_as_by_the_kernel(fixture: Fixture) -> None:
    fixture.sockets.open(BACKUP)
    say(PORT, bytes(100))
    fixture.wait()
    assert [len(message) for message, _ in fixture.received] == [64]


def test_a_master_s_socket_is_set_up_as_asked(fixture: Fixture) -> None:
    fixture.engine.ns.sysctl.sync_sock_size = 20_000
    fixture.sockets.open(MASTER)
    ((door,),) = fixture.sockets._sockets.values()
    assert door.getpeername() == (socket.inet_ntoa(GROUP), PORT)
    assert door.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3
    assert door.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 0
    assert door.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40_000


class Stubborn:
    """A socket that refuses."""

    def __init__(self, door: socket.socket, error: int) -> None:
        self.door = door
        self.error = error

    def send(self, data: bytes, flags: int) -> int:
        raise OSError(self.error, "refused")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.door, name)


def stubborn(fixture: Fixture, error: int) -> None:
    fixture.sockets.open(MASTER)
    doors = fixture.sockets._sockets[SyncState.MASTER]
    doors[0] = Stubborn(doors[0], error)  # type: ignore[call-overload]


def test_a_full_socket_holds_messages_back_until_it_takes_them_again(fixture: Fixture) -> None:
    stubborn(fixture, errno.EAGAIN)
    for _ in range(2):
        fixture.sockets.send(Multicast(SyncState.MASTER, 0, b"message"))
    assert fixture.writable == [(0, False)]
    fixture.engine.ns.commands.append(Multicast(SyncState.MASTER, 0, b"waited"))
    fixture.wait()
    assert fixture.writable == [(0, False), (0, True)]
    assert [command.message for command in fixture.performed if isinstance(command, Multicast)] == [b"waited"]


def test_what_cannot_be_sent_is_told_once(fixture: Fixture) -> None:
    stubborn(fixture, errno.ENETUNREACH)
    for _ in range(3):
        fixture.sockets.send(Multicast(SyncState.MASTER, 0, b"message"))
    assert fixture.text.getvalue().count("could not be sent") == 1
    assert fixture.writable == []


def test_messages_of_a_role_that_has_ended_go_nowhere(fixture: Fixture) -> None:
    fixture.sockets.send(Multicast(SyncState.MASTER, 0, b"message"))
    fixture.sockets.open(MASTER)
    fixture.sockets.send(Multicast(SyncState.MASTER, 7, b"message"))
    fixture.sockets.shut(SyncState.MASTER)
    fixture.sockets.shut(SyncState.MASTER)
    assert fixture.text.getvalue() == ""


def test_what_the_system_refuses_is_refused_with_its_errno(fixture: Fixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", PORT))
        with pytest.raises(ControlError, match="no socket for synchronisation on lo") as refusal:
            fixture.sockets.open(BACKUP)
    assert refusal.value.errno == Errno.EADDRINUSE
    fixture.sockets.open(BACKUP)
