"""Servers that drain: who still gets them, and how connections end at the deadline, at both ends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pyvs.lab import course, wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import OPTIONS, PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]

PORT = 4242
VIRTUAL, SERVERS = PLANS[4].virtual, PLANS[4].servers


def pyvs(director: Director, *words: str) -> str:
    return director.lab.run("director", [program("pyvs"), *words], environment=director.environment)


@contextmanager
def listening(lab: Lab, host: str) -> Iterator[socket.socket]:
    """A socket that listens on a host, on all its addresses."""
    door = lab[host].call(lambda: socket.create_server(("", PORT)))
    door.settimeout(30)
    try:
        yield door
    finally:
        door.close()


def connect(lab: Lab) -> socket.socket:
    ours = lab["client1"].call(lambda: socket.create_connection((VIRTUAL, PORT), 15))
    ours.settimeout(30)
    return ours


def set_up(director: Director, method: str, servers: int) -> None:
    director.adm(f"-A -t {VIRTUAL}:{PORT} -s rr")
    for server in SERVERS[:servers]:
        director.adm(f"-a -t {VIRTUAL}:{PORT} -r {server}:{PORT} {OPTIONS[method]}")


def was_reset(end: socket.socket) -> bool:
    """Whether an end learns by a RST that it is over."""
    end.settimeout(30)
    try:
        while end.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return False


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_a_long_download_is_reset_at_both_ends_when_the_deadline_comes(method: str) -> None:
    with Lab(topology(method)) as lab:
        course.start_servers(lab, method, (4,))
        with Director(lab) as director, listening(lab, "server1") as door:
            set_up(director, method, 1)
            ours = connect(lab)
            theirs, _ = door.accept()
            seen: list[str] = []

            def upload() -> None:
                with suppress(OSError):
                    theirs.settimeout(30)
                    try:
                        while time.monotonic() < begin + 60:
                            theirs.sendall(bytes(20_000))
                            time.sleep(0.01)
                    except ConnectionResetError:
                        seen.append("reset")

            begin = time.monotonic()
            sender = threading.Thread(target=upload)
            sender.start()
            asked = time.monotonic()
            pyvs(director, "drain", SERVERS[0], "--deadline", "2s", "--no-wait")
            total = 0
            try:
                while data := ours.recv(65536):
                    total += len(data)
            except ConnectionResetError:
                seen.append("reset")
            assert time.monotonic() - asked >= 2.0
            assert total > 100_000
            sender.join(70)
            ours.close()
            theirs.close()
            assert seen == ["reset", "reset"]


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_both_ends_of_a_silent_connection_learn_it_too(method: str) -> None:
    """It said nothing while the server drained: its numbers have to be asked for."""
    with Lab(topology(method)) as lab:
        course.start_servers(lab, method, (4,))
        with Director(lab) as director, listening(lab, "server1") as door:
            set_up(director, method, 1)
            ours = connect(lab)
            theirs, _ = door.accept()
            ours.sendall(b"hello")
            assert theirs.recv(5) == b"hello"
            pyvs(director, "drain", f"{SERVERS[0]}:{PORT}", "--deadline", "0s", "--no-wait")
            assert was_reset(ours)
            assert was_reset(theirs)
            ours.close()
            theirs.close()


def test_new_connections_go_elsewhere_until_the_draining_is_cancelled() -> None:
    with (
        Lab(topology("nat")) as lab,
        Director(lab) as director,
        listening(lab, "server1") as first,
        listening(lab, "server2") as second,
    ):
        set_up(director, "nat", 2)
        ends = [connect(lab), connect(lab)]
        kept = [first.accept()[0], second.accept()[0]]
        pyvs(director, "drain", SERVERS[0], "--no-wait")
        assert f"{SERVERS[0]}:{PORT}" in pyvs(director, "drain")
        director.adm(f"-e -t {VIRTUAL}:{PORT} -r {SERVERS[0]}:{PORT} -m -w 5")  # a health check can't end it
        for _ in range(4):
            connect(lab).close()
            second.accept()[0].close()
        for near in ends:
            (far,) = (end for end in kept if end.getpeername() == near.getsockname())
            far.settimeout(15)
            near.sendall(b"x")
            assert far.recv(1) == b"x", "the old connection does not go on"
        assert "weight 5 again" in pyvs(director, "drain", SERVERS[0], "--cancel")
        connect(lab).close()
        connect(lab).close()
        first.accept()[0].close()
        for end in (*ends, *kept):
            end.close()


def test_draining_survives_kill_9_and_the_connection_is_reset_after_it(tmp_path: Path) -> None:
    with Lab(topology("nat")) as lab, listening(lab, "server1") as door:
        options = ("--state-dir", str(tmp_path / "state"))
        with Director(lab, options) as director:
            set_up(director, "nat", 1)
            pyvs(director, "drain", SERVERS[0], "--deadline", "1h", "--no-wait")
            director.kill()
        with Director(lab, options) as director:
            listed = pyvs(director, "drain")
            assert f"{SERVERS[0]}:{PORT}" in listed
            assert "35" in listed  # seconds that are left
            pyvs(director, "drain", SERVERS[0], "--cancel")
            ours = connect(lab)
            theirs, _ = door.accept()
            begin = time.monotonic()
            told = pyvs(director, "drain", SERVERS[0], "--deadline", "1s")  # it waits until it is over
            assert time.monotonic() - begin >= 1.0
            assert "has no connections; 1 of 1 was reset" in told
            assert was_reset(ours)
            assert was_reset(theirs)
            ours.close()
            theirs.close()


def test_at_expiry_both_ends_are_told_if_the_service_says_so() -> None:
    with Lab(topology("nat")) as lab, Director(lab) as director, listening(lab, "server1") as door:
        set_up(director, "nat", 1)
        ours = connect(lab)
        theirs, _ = door.accept()
        theirs.settimeout(15)
        # From its next packet on, so that a busy machine has time to open it.
        pyvs(director, "policy", "-t", f"{VIRTUAL}:{PORT}", "--idle", "1s", "--at-expiry", "rst")
        ours.sendall(b"hello")
        assert theirs.recv(5) == b"hello"
        assert was_reset(ours)
        assert was_reset(theirs)
        ours.close()
        theirs.close()


def test_connections_are_listed_and_dropped() -> None:
    with Lab(topology("nat")) as lab, Director(lab) as director, listening(lab, "server1") as door:
        set_up(director, "nat", 1)
        ours = connect(lab)
        theirs, _ = door.accept()
        wait.until(lambda: "ESTABLISHED" in pyvs(director, "connections"), "no connection was established")
        listed = pyvs(director, "connections", "--filter", f"service={VIRTUAL}:{PORT} proto=tcp", "--json")
        assert listed.count("\n") == 1
        assert '"state":"ESTABLISHED"' in listed
        assert pyvs(director, "drop-connections", "client=192.0.2.1").startswith("0 ")
        assert pyvs(director, "drop-connections", f"server={SERVERS[0]}", "--reset").startswith("1 ")
        assert was_reset(ours)
        assert was_reset(theirs)
        ours.close()
        theirs.close()
