"""What a program behind the shim sends over the control socket: bare datagrams, echoes, options, open sysctls."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvs.core.engine import Engine
from pyvs.core.errors import Errno
from pyvs.netlink.attributes import Command, Flag, MessageType
from pyvs.netlink.codec import Message, generic, messages, read_error
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.frames import LONGEST, Kind, frame, read_refused
from pyvs.netlink.server import FAMILY_ID, Server

PORTID = 77


class Fixture:
    """A door that is served by hand, and one client of it."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self.path = path
        self.door = ControlSocket(path, Server(engine.control), lambda: 1.0)
        self.client = self.connected()

    def connected(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(self.path))
        client.settimeout(0)
        return client

    def ask(self, kind: Kind, body: bytes) -> list[bytes]:
        """All that comes back."""
        self.client.send(frame(kind, body))
        self.turns()
        return self.waiting()

    def turns(self) -> None:
        """Time for all that waits."""
        for _ in range(5):
            self.door.on_readable()

    def waiting(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.client.recv(LONGEST))
            except BlockingIOError:
                return found

    def ask_netlink(self, command: int, flags: int) -> list[Message]:
        request = Message(FAMILY_ID, Flag.REQUEST | flags, 5, 0, generic(command)).encode()
        found = []
        for datagram in self.ask(Kind.DATAGRAM, pack("=I", PORTID) + request):
            found += list(messages(datagram))
        return found


@pytest.fixture
def fixture(engine: Engine, tmp_path: Path) -> Iterator[Fixture]:
    fixture = Fixture(engine, tmp_path / "control")
    yield fixture
    fixture.client.close()
    fixture.door.close()


def test_datagrams_come_back_bare_and_to_the_requesters_port(fixture: Fixture) -> None:
    answer, acknowledged = fixture.ask_netlink(Command.GET_INFO, Flag.ACK)
    assert (answer.type, answer.portid, answer.seq) == (FAMILY_ID, PORTID, 5)
    assert acknowledged.type == MessageType.ERROR
    assert read_error(acknowledged) == (0, b"")
    (end,) = fixture.ask_netlink(Command.GET_SERVICE, Flag.DUMP)
    assert (end.type, end.portid) == (MessageType.DONE, PORTID)


def test_a_refusal_has_no_sentence_which_only_our_own_clients_expect(fixture: Fixture) -> None:
    (refusal,) = fixture.ask_netlink(Command.DEL_SERVICE, 0)
    assert read_error(refusal) == (Errno.EINVAL, b"")


def test_without_a_wish_for_acknowledgement_nothing_comes(fixture: Fixture) -> None:
    assert fixture.ask_netlink(Command.FLUSH, 0) == []
    assert fixture.ask(Kind.DATAGRAM, b"x") == []
    assert fixture.ask(Kind.ECHO, b"") == []


def test_an_echo_comes_back_as_it_is(fixture: Fixture) -> None:
    assert fixture.ask(Kind.ECHO, b"\x07anything") == [b"\x07anything"]


def test_what_is_written_to_an_open_sysctl_is_its_text(fixture: Fixture) -> None:
    control = fixture.engine.control
    assert fixture.ask(Kind.SYSCTL_OPEN, b"sloppy_tcp") == [frame(Kind.END)]
    for text, value in ((b"1\n", "1"), (b"nonsense", "1"), (b"0", "0")):
        fixture.client.send(text)
        for _ in range(3):
            fixture.door.on_readable()
        assert control.sysctl_read("sloppy_tcp") == value
    assert fixture.waiting() == []


def test_a_sysctl_that_is_not_there_cannot_be_opened(fixture: Fixture) -> None:
    (refusal,) = fixture.ask(Kind.SYSCTL_OPEN, b"no_such")
    assert refusal[0] == Kind.REFUSED
    assert read_refused(refusal[1:]).errno == Errno.ENOENT


def test_options_pass(fixture: Fixture) -> None:
    version, end = fixture.ask(Kind.SOCKOPT_GET, pack("=II", 1152, 64) + bytes(64))
    assert version == frame(Kind.TEXT, b"IP Virtual Server version 1.2.1 (size=4096)\0")
    assert end == frame(Kind.END)
    (refusal,) = fixture.ask(Kind.SOCKOPT_SET, pack("=I", 1154) + b"short")
    assert read_refused(refusal[1:]).errno == Errno.EINVAL
    for kind in (Kind.SOCKOPT_SET, Kind.SOCKOPT_GET):
        (refusal,) = fixture.ask(kind, b"x")
        assert read_refused(refusal[1:]).errno == Errno.EINVAL


def test_strangers_may_open_nothing(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyvs.netlink.control_socket.may_administer", lambda uid: False)
    fixture.client.close()
    fixture.client = fixture.connected()
    for kind, body in (
        (Kind.SYSCTL_OPEN, b"sloppy_tcp"),
        (Kind.SOCKOPT_GET, pack("=II", 1152, 64) + bytes(64)),
        (Kind.SOCKOPT_SET, pack("=I", 1157)),
    ):
        (refusal,) = fixture.ask(kind, body)
        assert read_refused(refusal[1:]).errno == Errno.EPERM
    (answer,) = fixture.ask_netlink(Command.FLUSH, 0)
    assert read_error(answer)[0] == Errno.EPERM


def test_answers_wait_while_the_door_is_told_to_hold_them(fixture: Fixture) -> None:
    held = threading.Event()
    held.set()
    fixture.door.hold = held.is_set
    assert fixture.ask_netlink(Command.FLUSH, Flag.ACK) == []
    assert fixture.ask(Kind.ECHO, b"second") == []
    held.clear()
    fixture.door.resume()
    fixture.turns()  # on a busy machine one turn is not long enough for both
    acknowledged, second = fixture.waiting()
    assert len(acknowledged) == 36
    assert second == b"second"


def test_a_long_dump_is_sent_in_turns(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else waits for it: each turn ends after so much time, and the rest follows."""
    monkeypatch.setattr("pyvs.netlink.control_socket._TURN", 0.0)
    made: list[int] = []

    def answers(*_: object, **__: object) -> Iterator[bytes]:
        for number in range(10):
            made.append(number)
            yield bytes([number]) * 20

    monkeypatch.setattr(fixture.door._server, "answers", answers)
    fixture.client.send(frame(Kind.DATAGRAM, pack("=I", PORTID) + b"request"))
    fixture.door.on_readable()
    fixture.door.on_readable()
    assert 0 < len(made) < 10
    for _ in range(20):
        fixture.door.on_readable()
    assert [data[0] for data in fixture.waiting()] == list(range(10))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(Kind)), st.binary(max_size=200))
def test_any_body_is_survived(fixture: Fixture, kind: Kind, body: bytes) -> None:
    if kind == Kind.SYSCTL_OPEN:
        body = b"no_such" + body
    fixture.ask(kind, body)
    assert fixture.ask(Kind.ECHO, b"still here") == [b"still here"]
