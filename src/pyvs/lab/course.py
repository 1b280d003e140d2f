"""The demo from beginning to end: for each forwarding method a lab, for each family a service, clients, a result.

`run` tells a `Watcher` what happens; how that is shown is not decided here.
"""

import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from pyvs.lab import wait
from pyvs.lab.decapsulate import DEVICES, listens
from pyvs.lab.director import Director, ServerRow
from pyvs.lab.howto import INLET, PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab, write_sysctl
from pyvs.lab.load import Load, Tally, Target

METHODS: Final = ("nat", "dr", "tun")
FAMILIES: Final = (4, 6)
PORT: Final = 80
GLANCE: Final = 0.25
"""Seconds between two looks at the director while requests run."""
SLACK: Final = 30.0
"""Seconds that requests may take longer than their pace says."""


@dataclass(frozen=True, slots=True)
class Round:
    """One method in one family."""

    method: str
    family: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run of the demo consists of."""

    methods: tuple[str, ...] = METHODS
    families: tuple[int, ...] = FAMILIES
    requests: int = 300
    """A round."""
    rate: float = 120.0
    """Requests a second."""
    scheduler: str = "rr"

    @property
    def rounds(self) -> list[Round]:
        """All rounds, in their order."""
        return [Round(method, family) for method in self.methods for family in self.families]


@dataclass(frozen=True, slots=True)
class Sample:
    """One look while the requests run."""

    round: Round
    planned: int
    tally: Tally
    rows: list[ServerRow]
    rates: Mapping[str, float]
    """Pages a second by server, over the last second or so."""


@dataclass(slots=True)
class Result:
    """What a round came to."""

    round: Round
    planned: int
    tally: Tally
    known: int
    """Connections that the director knew of at the end."""

    @property
    def is_good(self) -> bool:
        """Whether every request was served, and by way of the director."""
        return self.tally.good == self.planned and self.tally.bad == 0 and self.known >= self.planned


@dataclass(slots=True)
class Outcome:
    """What all rounds came to."""

    results: list[Result] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether there was a round and all were good."""
        return bool(self.results) and all(result.is_good for result in self.results)

    @property
    def tally(self) -> Tally:
        """All rounds' requests together."""
        total = Tally()
        for result in self.results:
            total.add(result.tally)
        return total

    @property
    def planned(self) -> int:
        """Requests that were to be sent."""
        return sum(result.planned for result in self.results)


class Meter:
    """Pages a second by server, from looks at a tally that only grows."""

    def __init__(self, span: float = 1.0) -> None:
        """Over so many seconds."""
        self.span = span
        self._looks: deque[tuple[float, Mapping[str, int]]] = deque()

    def rates(self, now: float, answered: Mapping[str, int]) -> dict[str, float]:
        """The rates as of this look; none at the first."""
        self._looks.append((now, answered))
        while len(self._looks) > 2 and now - self._looks[1][0] >= self.span:
            self._looks.popleft()
        then, before = self._looks[0]
        if now <= then:
            return {}
        return {name: (count - before.get(name, 0)) / (now - then) for name, count in answered.items()}


class Watcher(Protocol):
    """Who is told what happens."""

    def lab_is_up(self, method: str) -> None:
        """Hosts, web servers and the director of a method are ready."""

    def service_is_up(self, which: Round, lines: Sequence[str]) -> None:
        """The service was set up by these arguments of ipvsadm."""

    def look(self, sample: Sample) -> None:
        """The requests are under way."""

    def round_is_over(self, result: Result) -> None:
        """All requests of a round have ended."""


def run(settings: Settings, watcher: Watcher) -> Outcome:
    """All rounds.

    Raises LabError when a lab or the director can't be set up.
    """
    outcome = Outcome()
    for method in settings.methods:
        with Lab(topology(method, settings.families)) as lab:
            start_servers(lab, method, settings.families)
            with Director(lab) as director:
                watcher.lab_is_up(method)
                for family in settings.families:
                    outcome.results.append(_round(lab, director, Round(method, family), settings, watcher))
    return outcome


def start_servers(lab: Lab, method: str, families: Sequence[int]) -> None:
    """Web servers, and the ends of tunnels, on all real servers; returns when all answer the director.

    Raises LabError when one doesn't.
    """
    servers = [host.name for host in lab.topology.hosts if host.name.startswith("server")]
    versions = [str(family) for family in families]
    for name in servers:
        lab.start(name, [sys.executable, "-m", "pyvs.lab.webserver", name, str(PORT), *versions])
        if method == "tun":
            end_tunnels(lab, name, families)
    for family in families:
        for name, address in zip(servers, PLANS[family].servers, strict=True):
            wait.until(_answering(lab, address), f"The web server of {name} did not answer at {address}")


def end_tunnels(lab: Lab, host: str, families: Sequence[int]) -> None:
    """Let a real server take packets out of tunnels: by the kernel where its modules are loaded, else by our program.

    Not by both: a raw socket gets a copy of what a device takes, and a device that is down answers with an error.
    Returns when they are taken out. Raises LabError.
    """
    there = lab[host].call(lambda: {name for _, name in socket.if_nameindex()})
    by_kernel = [family for family in families if DEVICES[family] in there]
    for family in by_kernel:
        lab.run(host, ["ip", "link", "set", DEVICES[family], "up"])
        if family == 4:
            lab[host].call(lambda: write_sysctl(host, "net/ipv4/conf/tunl0/rp_filter", "0"))
    by_program = [family for family in families if family not in by_kernel]
    if by_program:
        lab.start(host, [sys.executable, "-m", "pyvs.lab.decapsulate", INLET, *map(str, by_program)])
        # A packet that comes earlier is answered with an error.
        wait.until(
            lambda: lab[host].call(lambda: listens(by_program)), f"The tunnels of {host} did not end there"
        )


def _answering(lab: Lab, address: str) -> Callable[[], bool]:
    return lambda: wait.answers(lab["director"], address, PORT)


def _round(lab: Lab, director: Director, which: Round, settings: Settings, watcher: Watcher) -> Result:
    plan = PLANS[which.family]
    lines = ipvsadm_lines(which.method, which.family, settings.scheduler, PORT)
    director.adm("-C")
    for line in lines:
        director.adm(line)
    watcher.service_is_up(which, lines)
    clients = [lab[f"client{index + 1}"] for index in range(len(plan.clients))]
    sources = {client.name: address for client, address in zip(clients, plan.clients, strict=True)}
    names = {address: f"server{index + 1}" for index, address in enumerate(plan.servers)}
    target = Target(plan.virtual, PORT, tuple(names.values()))
    load = Load(clients, sources, target, requests=settings.requests, rate=settings.rate)
    left = settings.requests / settings.rate + SLACK
    meter = Meter()
    load.start()
    try:
        while load.is_running and left > 0:
            load.wait(GLANCE)
            left -= GLANCE
            tally = load.snapshot()
            rates = meter.rates(time.monotonic(), tally.answered)
            watcher.look(Sample(which, settings.requests, tally, director.rows(names), rates))
    finally:
        load.stop()
    rows = director.rows(names)
    tally = load.snapshot()
    late = settings.requests - tally.done
    if late:
        tally.failed["not sent, or without an end in time"] += late
    result = Result(which, settings.requests, tally, sum(row.active + row.inactive for row in rows))
    watcher.round_is_over(result)
    return result
