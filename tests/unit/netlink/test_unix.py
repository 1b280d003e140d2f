"""Both ends of the UNIX socket: the director's in a thread that serves until it is told to stop."""

import errno
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvs.core.control.specs import ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.core.flags import Family, Proto
from pyvs.netlink import control_socket
from pyvs.netlink.client import Client
from pyvs.netlink.control_socket import CLIENTS_MAX, ControlSocket
from pyvs.netlink.frames import LONGEST, Kind, frame, read_refused, refused, texts
from pyvs.netlink.server import Server
from pyvs.netlink.unix import UnixTransport, address_of

WEB = ServiceKey(Family.INET, Proto.TCP, bytes([192, 0, 2, 100]), 80)
TIMEOUT = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "control.sock"


@contextmanager
def serving(door: ControlSocket) -> Iterator[None]:
    """Serve in a thread."""
    stop_here, stop_there = socket.socketpair()

    def loop() -> None:
        while True:
            ready, _, _ = select.select([door.fileno(), stop_there.fileno()], [], [], TIMEOUT)
            if stop_there.fileno() in ready or not ready:
                return
            door.on_readable()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop_here.send(b".")
        thread.join(TIMEOUT)
        door.close()
        stop_here.close()
        stop_there.close()
    assert not thread.is_alive()


@pytest.fixture
def transport(server: Server, path: Path) -> Iterator[UnixTransport]:
    with serving(ControlSocket(path, server, lambda: 1.0)):
        transport = UnixTransport(path, TIMEOUT)
        yield transport
        transport.close()


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(TIMEOUT)
    client.connect(str(path))
    return client


def test_verbs_pass(transport: UnixTransport) -> None:
    client = Client(transport)
    client.new_service(ServiceSpec(WEB, "rr"))
    assert [view.spec.key for view in client.get_services()] == [WEB]
    with pytest.raises(ControlError, match="exists") as refusal:
        client.new_service(ServiceSpec(WEB, "rr"))
    assert refusal.value.errno == Errno.EEXIST


def test_texts_pass(transport: UnixTransport) -> None:
    client = Client(transport)
    assert client.proc("ip_vs").startswith("IP Virtual Server")
    assert "conntrack" in client.sysctl_names()
    client.sysctl_write("expire_nodest_conn", "1")
    assert client.sysctl_read("expire_nodest_conn") == "1"
    wrong: list[Callable[[str], object]] = [client.proc, client.sysctl_read]
    for verb in wrong:
        with pytest.raises(ControlError, match="nosuch") as refusal:
            verb("nosuch")
        assert refusal.value.errno == Errno.ENOENT


def test_texts_of_any_length_pass(engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "0123456789\n" * 400_000
    server = Server(engine.control)
    monkeypatch.setattr(server.control, "proc_parts", lambda name, now=None: iter((text[:7], text[7:])))
    with serving(ControlSocket(path, server, lambda: 1.0)):
        transport = UnixTransport(path, TIMEOUT)
        assert transport.proc("ip_vs_conn") == text
        transport.close()


def test_the_socket_is_its_owner_s(server: Server, path: Path) -> None:
    door = ControlSocket(path, server, lambda: 1.0)
    assert path.stat().st_mode & 0o777 == 0o600
    door.close()
    assert not path.exists()


def test_a_second_director_is_refused_and_the_first_lives(server: Server, path: Path) -> None:
    door = ControlSocket(path, server, lambda: 1.0)
    with pytest.raises(PyvsError, match="another director"):
        ControlSocket(path, server, lambda: 1.0)
    assert path.exists()
    door.close()


def test_what_a_killed_director_left_is_replaced(server: Server, path: Path) -> None:
    path.parent.mkdir()
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(str(path))
    left.close()
    ControlSocket(path, server, lambda: 1.0).close()
    assert not path.exists()


def test_a_file_in_the_way_is_not_removed(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(PyvsError, match="--socket"):
        ControlSocket(path, server, lambda: 1.0)
    assert path.read_text() == "mine"


def test_only_our_own_socket_is_removed_at_the_end(server: Server, path: Path) -> None:
    first = ControlSocket(path, server, lambda: 1.0)
    path.unlink()
    second = ControlSocket(path, server, lambda: 1.0)
    first.close()
    assert path.exists()
    second.close()


def test_abstract_names_leave_no_file(server: Server) -> None:
    name = f"@pyvs-test-{os.getpid()}"
    with serving(ControlSocket(name, server, lambda: 1.0)):
        transport = UnixTransport(name, TIMEOUT)
        assert Client(transport).get_info() == (0x010201, 4096)
        transport.close()
    assert address_of(name) == b"\0" + name[1:].encode()


def test_a_missing_director_is_named_with_the_remedy(path: Path) -> None:
    with pytest.raises(ControlError, match="pyvs run") as refusal:
        UnixTransport(path).connect()
    assert refusal.value.errno == Errno.ENOPROTOOPT


def test_a_silent_director_is_given_up(path: Path) -> None:
    path.parent.mkdir()
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent.bind(str(path))
    silent.listen()
    transport = UnixTransport(path, 0.05)
    with pytest.raises(ControlError, match="no answer") as refusal:
        transport.proc("ip_vs")
    assert refusal.value.errno == Errno.EINTR
    silent.close()


def test_a_director_that_hangs_up_is_named_and_asked_anew(server: Server, path: Path) -> None:
    transport = UnixTransport(path, TIMEOUT)
    with serving(ControlSocket(path, server, lambda: 1.0)):
        transport.connect()
    with pytest.raises(ControlError, match="lost the director"):
        transport.proc("ip_vs")
    with serving(ControlSocket(path, server, lambda: 1.0)):
        assert transport.proc("ip_vs")
        transport.close()


def test_thousands_of_refusals_under_way_block_nobody(transport: UnixTransport) -> None:
    told: list[ControlError | None] = []
    client = Client(transport)
    client.gather(told.append)
    for number in range(3000):
        client.del_service(ServiceKey(Family.INET, Proto.TCP, number.to_bytes(4, "big"), 80))
    client.gather(None)
    assert [refusal and refusal.errno for refusal in told] == [Errno.ESRCH] * 3000


def test_a_director_lost_amid_changes_ends_them(server: Server, path: Path) -> None:
    told: list[ControlError | None] = []
    transport = UnixTransport(path, TIMEOUT)
    client = Client(transport)
    with serving(ControlSocket(path, server, lambda: 1.0)):
        client.get_info()
        client.gather(told.append)

    def many() -> None:
        for number in range(1000):
            key = ServiceKey(Family.INET, Proto.TCP, number.to_bytes(4, "big"), 80)
            client.new_service(ServiceSpec(key, "rr"))

    with pytest.raises(ControlError, match="lost the director"):
        many()
    assert not told
    with serving(ControlSocket(path, server, lambda: 1.0)):
        client.gather(None)
        assert len(client.get_services()) == len(told)
        transport.close()


def test_a_request_too_long_is_refused(transport: UnixTransport) -> None:
    with pytest.raises(ControlError) as refusal:
        transport.sysctl_write("x", "y" * LONGEST)
    assert refusal.value.errno == Errno.EMSGSIZE


def test_strangers_may_read_texts_only(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "may_administer", lambda uid: False)
    with serving(ControlSocket(path, server, lambda: 1.0)):
        transport = UnixTransport(path, TIMEOUT)
        assert transport.proc("ip_vs")
        assert transport.sysctl_read("conntrack") == "0"
        refused_: list[Callable[[], object]] = [
            lambda: transport.sysctl_write("conntrack", "1"),
            lambda: Client(transport).flush(),
            lambda: Client(transport).get_services(),
        ]
        for verb in refused_:
            with pytest.raises(ControlError) as refusal:
                verb()
            assert refusal.value.errno == Errno.EPERM
        transport.close()


def test_a_socket_that_may_not_be_reached(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(door: socket.socket, address: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "connect", connect)
    transport = UnixTransport(path)
    with pytest.raises(
        ControlError, match=r"^only root may ask the director here \(.*: Permission denied\)$"
    ) as why:
        transport.connect()
    assert why.value.errno == Errno.EPERM


def test_root_and_the_director_s_own_user_may_administer() -> None:
    assert control_socket.may_administer(0)
    assert control_socket.may_administer(os.geteuid())
    assert not control_socket.may_administer(65534 if os.geteuid() != 65534 else 65533)


# Clients that behave badly


def test_unknown_kinds_and_frames_too_long_are_refused(transport: UnixTransport, path: Path) -> None:
    with connect(path) as client:
        for request in (frame(Kind.TEXT), b"\xff", b"\1" + bytes(LONGEST)):
            client.send(request)
            answer = client.recv(LONGEST)
            assert answer[0] == Kind.REFUSED
            assert read_refused(answer[1:]).errno in (Errno.EOPNOTSUPP, Errno.EMSGSIZE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=100), max_size=10))
def test_any_frames_are_survived(transport: UnixTransport, path: Path, requests: list[bytes]) -> None:
    with connect(path) as client:
        for request in requests:
            client.send(request)
    assert Client(transport).get_info()[1] == 4096


def test_who_does_not_read_holds_up_nobody(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(engine.control)
    asked = []

    def proc(name: str, now: float | None = None) -> Iterator[str]:
        asked.append(name)
        return iter(("x" * 3_000_000,))

    monkeypatch.setattr(server.control, "proc_parts", proc)
    with serving(ControlSocket(path, server, lambda: 1.0)), connect(path) as slow:
        slow.send(frame(Kind.PROC, b"first"))
        slow.send(frame(Kind.PROC, b"second"))
        transport = UnixTransport(path, TIMEOUT)
        for _ in range(5):
            assert Client(transport).get_info()[1] == 4096
        # The second request is taken only when the first answer has gone.
        assert asked == ["first"]
        ends = 0
        while ends < 2:
            ends += slow.recv(LONGEST)[0] == Kind.END
        assert asked == ["first", "second"]
        transport.close()


def test_of_too_many_clients_the_one_silent_for_longest_goes(transport: UnixTransport, path: Path) -> None:
    crowd: list[socket.socket] = []
    for _ in range(CLIENTS_MAX):
        client = connect(path)
        crowd.append(client)
        client.send(frame(Kind.SYSCTL_READ, b"conntrack"))
        assert client.recv(LONGEST)[0] == Kind.TEXT
        assert client.recv(LONGEST)[0] == Kind.END
    last = connect(path)
    last.send(frame(Kind.SYSCTL_READ, b"conntrack"))
    assert last.recv(LONGEST)[0] == Kind.TEXT
    assert crowd[0].recv(LONGEST) == b""
    for client in [*crowd, last]:
        client.close()


def test_a_crowd_of_others_does_not_drive_out_who_may_administer(
    transport: UnixTransport, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "CLIENTS_MAX", 2)
    assert transport.sysctl_read("conntrack")
    admin = connect(path)
    admin.send(frame(Kind.SYSCTL_READ, b"conntrack"))
    assert [admin.recv(LONGEST)[0] for _ in range(2)] == [Kind.TEXT, Kind.END]
    monkeypatch.setattr(control_socket, "may_administer", lambda uid: False)
    with connect(path) as other:  # there is no room
        assert other.recv(LONGEST) == b""
    transport.close()
    with connect(path) as first:
        first.send(frame(Kind.SYSCTL_READ, b"conntrack"))
        assert [first.recv(LONGEST)[0] for _ in range(2)] == [Kind.TEXT, Kind.END]
        with connect(path) as second:
            second.send(frame(Kind.SYSCTL_READ, b"conntrack"))
            assert [second.recv(LONGEST)[0] for _ in range(2)] == [Kind.TEXT, Kind.END]
            assert first.recv(LONGEST) == b""
            admin.send(frame(Kind.SYSCTL_READ, b"conntrack"))
            assert admin.recv(LONGEST)[0] == Kind.TEXT
    admin.close()


def test_a_fault_of_ours_is_told_and_costs_one_client(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    server = Server(engine.control)
    monkeypatch.setattr(server.control, "proc_parts", lambda name, now=None: 1 // 0)
    with serving(ControlSocket(path, server, lambda: 1.0, told.append)):
        transport = UnixTransport(path, TIMEOUT)
        with pytest.raises(ControlError, match="lost the director"):
            transport.proc("ip_vs")
        assert Client(transport).get_info()[1] == 4096
        transport.close()
    assert len(told) == 1
    assert "ZeroDivisionError" in told[0]


# Where, and frames


@given(st.text(max_size=100), st.integers(1, 2000))
def test_texts_are_parted_and_joined(text: str, times: int) -> None:
    whole = text * times
    frames = [part for part in texts([whole[:5], whole[5:]]) if part]
    assert all(part[0] == Kind.TEXT and len(part) < LONGEST for part in frames)
    joined = b"".join(part[1:] for part in frames)
    assert joined == whole.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("errno", list(Errno))
def test_refusals_come_back(errno: Errno) -> None:
    refusal = read_refused(refused(ControlError(errno, "why"))[1:])
    assert (refusal.errno, str(refusal)) == (errno, "why")


@given(st.binary(max_size=20))
def test_any_refusal_can_be_read(body: bytes) -> None:
    assert isinstance(read_refused(body), ControlError)
