"""The clients: real HTTP requests from several hosts at once, each on its own connection, and their tally."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyvs.lab.namespace import Namespace
from pyvs.lab.webserver import page

TIMEOUT = 8.0
"""Seconds until a request counts as failed: a lost packet or two are sent again before that."""
PORTS: Final = itertools.cycle(range(10000, 30000))
"""Where this process's requests come from, in turn, so that each is a connection of its own. Ports that the kernel
chooses come again within seconds when the servers close first, and in direct routing and tunnels the director must
then take them for the old connections (conn_reuse_mode 1)."""


@dataclass(slots=True)
class Tally:
    """What became of the requests."""

    answered: Counter[str] = field(default_factory=Counter)
    """Good answers by server."""
    failed: Counter[str] = field(default_factory=Counter)
    """Failures by reason."""
    seconds: list[float] = field(default_factory=list)
    """How long each good answer took, from connect to the last byte."""

    @property
    def good(self) -> int:
        """Requests that were served."""
        return self.answered.total()

    @property
    def bad(self) -> int:
        """Requests that were not."""
        return self.failed.total()

    @property
    def done(self) -> int:
        """Requests with an end, good or bad."""
        return self.good + self.bad

    def share(self, server: str) -> float:
        """The part of the good answers that this server gave, from 0 to 1."""
        return self.answered[server] / self.good if self.good else 0.0

    def add(self, other: "Tally") -> None:
        """Count the other's requests too."""
        self.answered += other.answered
        self.failed += other.failed
        self.seconds += other.seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and who may answer."""

    address: str
    port: int
    servers: tuple[str, ...]


class Load:
    """Requests at an even pace, sent by some threads on each client host."""

    def __init__(
        self,
        clients: Sequence[Namespace],
        sources: Mapping[str, str],
        target: Target,
        *,
        requests: int,
        rate: float,
        threads: int = 4,
    ) -> None:
        """Sources are the clients' own addresses by name; rate is in requests a second."""
        self.target = target
        self.requests = requests
        self.rate = rate
        self.tally = Tally()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._start = 0.0
        self._threads = [
            threading.Thread(target=self._work, args=(client, sources[client.name]), daemon=True)
            for _ in range(threads)
            for client in clients
        ]

    def start(self) -> None:
        """Begin."""
        self._start = time.monotonic()
        for thread in self._threads:
            thread.start()

    @property
    def is_running(self) -> bool:
        """Whether a request may still come."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self, seconds: float) -> None:
        """Return when all is done, or after this time."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """Send no more requests; those under way end."""
        self._stop.set()

    def snapshot(self) -> Tally:
        """A copy of the tally so far."""
        with self._lock:
            return Tally(Counter(self.tally.answered), Counter(self.tally.failed), list(self.tally.seconds))

    def _work(self, client: Namespace, source: str) -> None:
        client.enter()
        pages = {page(server, source): server for server in self.target.servers}
        while True:
            number = next(self._numbers)
            due = self._start + number / self.rate
            if number >= self.requests or self._stop.wait(max(0.0, due - time.monotonic())):
                return
            begin = time.monotonic()
            server, reason = ask(self.target, pages, next(PORTS))
            took = time.monotonic() - begin
            with self._lock:
                if server:
                    self.tally.answered[server] += 1
                    self.tally.seconds.append(took)
                else:
                    self.tally.failed[reason] += 1


def ask(target: Target, pages: Mapping[bytes, str], source_port: int = 0) -> tuple[str, str]:
    """One request: the server whose page came back and no reason, or no server and the reason."""
    connection = http.client.HTTPConnection(
        target.address,
        target.port,
        timeout=TIMEOUT,
        source_address=("", source_port) if source_port else None,
    )
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError:
        return "", "no answer in time"
    except OSError as error:
        return "", error.strerror or type(error).__name__
    except http.client.HTTPException as error:
        return "", f"answer that is not HTTP ({type(error).__name__})"
    finally:
        connection.close()
    if answer.status != 200:
        return "", f"status {answer.status}"
    if body not in pages:
        return "", "page of no server, or with another client's address"
    return pages[body], ""
