import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pyvs.lab import load
from pyvs.lab.load import Load, Tally, Target, ask
from pyvs.lab.namespace import Namespace
from pyvs.lab.webserver import WebServer, page

PAGES = {page("server1", "127.0.0.1"): "server1"}


class Here(Namespace):
    """The namespace of the tests."""

    def __init__(self) -> None:
        self.name, self.descriptor = "client1", -1

    def enter(self) -> None:
        """Stay."""


@contextmanager
def answering(reply: Callable[[socket.socket], None]) -> Iterator[Target]:
    """A server of one connection that answers as told."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            reply(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield Target("127.0.0.1", listener.getsockname()[1], ("server1",))
    thread.join()
    listener.close()


def sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def test_a_good_answer_names_its_server() -> None:
    web = WebServer("server1", 0, 4)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        assert ask(Target("127.0.0.1", web.socket.getsockname()[1], ("server1",)), PAGES) == ("server1", "")
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nsomething else", "page of no server, or with another client's address"),
        (b"HTTP/1.0 503 Busy\r\n\r\n", "status 503"),
        (b"220 mail.example.com ready\r\n", "answer that is not HTTP (BadStatusLine)"),
    ],
)
def test_other_answers_are_failures_with_a_reason(data: bytes, reason: str) -> None:
    with answering(sends(data)) as target:
        assert ask(target, PAGES) == ("", reason)


def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as taken:  # so that no other program listens there
        taken.bind(("127.0.0.1", 0))
        assert ask(Target("127.0.0.1", taken.getsockname()[1], ()), PAGES) == ("", "Connection refused")


def test_silence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "TIMEOUT", 0.05)
    end = threading.Event()

    def wait(_: socket.socket) -> None:
        end.wait(60)

    with answering(wait) as target:
        assert ask(target, PAGES) == ("", "no answer in time")
        end.set()


def test_a_tally_counts_and_shares() -> None:
    tally = Tally(Counter(a=3, b=1), Counter({"status 503": 2}))
    assert (tally.good, tally.bad, tally.done) == (4, 2, 6)
    assert tally.share("a") == 0.75
    assert tally.share("nobody") == 0


def test_an_empty_tally_has_no_shares() -> None:
    assert Tally().share("a") == 0


def test_tallies_add_up() -> None:
    total = Tally(Counter(a=1), Counter(), [0.1])
    total.add(Tally(Counter(a=1, b=2), Counter(late=1), [0.2, 0.3]))
    assert (total.answered, total.failed) == (Counter(a=2, b=2), Counter(late=1))
    assert total.seconds == [0.1, 0.2, 0.3]


def test_each_request_comes_from_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[int] = []

    def note(_target: Target, _pages: object, source_port: int) -> tuple[str, str]:
        ports.append(source_port)
        return "server1", ""

    monkeypatch.setattr(load, "ask", note)
    client = Here()
    work = Load(
        [client], {"client1": "127.0.0.1"}, Target("127.0.0.1", 80, ("server1",)), requests=40, rate=1e6
    )
    first = next(load.PORTS)
    work.start()
    work.wait(10)
    assert min(ports) == first + 1, "those of another load are not used again"
    assert sorted(ports) == list(range(min(ports), min(ports) + 40))
    assert work.tally.good == 40


def test_a_request_comes_from_the_port_that_it_is_given() -> None:
    seen: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)

    def serve() -> None:
        connection, peer = listener.accept()
        with connection:
            seen.append(peer[1])

    thread = threading.Thread(target=serve)
    thread.start()
    port = 20_000 + os.getpid() % 10_000  # the kernel gives these to nobody by itself
    ask(Target("127.0.0.1", listener.getsockname()[1], ()), PAGES, port)
    thread.join()
    listener.close()
    assert seen == [port]
