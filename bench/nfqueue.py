"""What the live director by NFQUEUE moves, in namespaces: client, director, server; beside plain routing.

`measure()` gives the figures whose names begin with `nfqueue.`. Needs root, or a user namespace in which one is root.
The director has the last processor for itself, all else shares the others.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from figures import Row, figure, processor_seconds, show

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.errors import LabError
from pyvs.lab.lab import WIRES, Lab
from pyvs.lab.topology import Host, Interface, Route, Topology

TRAFFIC: Final = str(Path(__file__).with_name("traffic.py"))
VIRTUAL, SERVER = "10.7.1.100", "10.7.2.1"
ROUTED_PORT: Final = 81
"""Of the same pages, not balanced: no rule of the director's meets it."""
ROUNDS: Final = 5
SECONDS: Final = 2.0
RATES: Final = (60_000, 90_000, 120_000)
"""Datagrams a second that are offered."""
FLOWS: Final = 50
CLIENTS: Final = 32

TOPOLOGY: Final = Topology(
    "bench",
    (
        Host(
            "client",
            (Interface("front", ("10.7.1.1/24",)),),
            routes=(Route("default", "10.7.1.254"),),
            sysctls=(("net/ipv4/ip_local_port_range", "1024 65535"), ("net/ipv4/tcp_tw_reuse", "1")),
        ),
        Host(
            "director",
            (Interface("front", ("10.7.1.254/24", f"{VIRTUAL}/32")), Interface("farm", ("10.7.2.254/24",))),
            sysctls=(("net/ipv4/ip_forward", "1"),),
        ),
        Host("server", (Interface("farm", (f"{SERVER}/24",)),), routes=(Route("default", "10.7.2.254"),)),
    ),
)
RULES: Final = f"""\
-A -u {VIRTUAL}:5000 -s rr
-a -u {VIRTUAL}:5000 -r {SERVER}:5000 -m
-A -t {VIRTUAL}:80 -s rr
-a -t {VIRTUAL}:80 -r {SERVER}:80 -m
"""


class Bench:
    """The lab with a director in it."""

    def __init__(self, lab: Lab, director: Director) -> None:
        self.lab = lab
        processors = sorted(os.sched_getaffinity(0))
        self._others = ",".join(map(str, processors[:-1] or processors))
        assert director.process is not None
        self._pid = director.process.pid
        os.sched_setaffinity(self._pid, processors[-1:])

    def start(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        """One end of the traffic."""
        command = ["taskset", "-c", self._others, sys.executable, TRAFFIC, *arguments]
        return self.lab.start(host, command, stdout=subprocess.PIPE)

    def processor_time(self) -> float:
        """Seconds that the director has used, the kernel's work for it included."""
        return processor_seconds(str(self._pid))

    def flood(self, rate: int) -> tuple[float, float]:
        """Datagrams that reach the server a second, and the director's microseconds a datagram."""
        sink = self.start("server", "sink", "5000", "1")
        time.sleep(0.3)
        before = self.processor_time()
        source = self.start("client", "flood", VIRTUAL, "5000", str(rate), str(SECONDS), str(FLOWS))
        source.communicate(timeout=60)
        used = self.processor_time() - before
        arrived = float(sink.communicate(timeout=60)[0])
        return arrived, used / (arrived * SECONDS) * 1e6

    def ask(self, address: str, port: int, mode: str) -> float:
        """Pages a second."""
        asker = self.start("client", "ask", address, str(port), str(SECONDS), mode, str(CLIENTS))
        return float(asker.communicate(timeout=60)[0])


@contextmanager
def bench() -> Iterator[Bench]:
    """The lab, its director and its web server."""
    with tempfile.TemporaryDirectory() as folder, Lab(TOPOLOGY) as lab:
        for family in ("", "6"):  # the wires are no hosts: nobody's rules look at what crosses them
            setting = f"net.bridge.bridge-nf-call-ip{family}tables=0"
            with contextlib.suppress(LabError):
                lab.run(WIRES, ["sysctl", "-qw", setting])
        rules = Path(folder, "rules")
        rules.write_text(RULES)
        with Director(lab, ("--rules", str(rules), "--fast", "off")) as director:
            ready = Bench(lab, director)
            for port in (80, ROUTED_PORT):
                ready.start("server", "web", str(port))
            wait.until(
                lambda: wait.answers(lab["client"], SERVER, ROUTED_PORT), "the web server did not answer"
            )
            wait.until(lambda: wait.answers(lab["client"], VIRTUAL, 80), "the director did not answer")
            yield ready


def measure() -> dict[str, Row]:
    """All figures of the live director; medians, each round beside one of plain routing where it is a ratio."""
    with bench() as ready:
        floods = {rate: [ready.flood(rate) for _ in range(3)] for rate in RATES}
        best = max(floods, key=lambda rate: statistics.median(arrived for arrived, _ in floods[rate]))
        ratios: dict[str, list[float]] = {"keep": [], "close": []}
        rates: dict[str, list[float]] = {"keep": [], "close": []}
        for _ in range(ROUNDS):
            for mode, found in ratios.items():
                balanced, routed = ready.ask(VIRTUAL, 80, mode), ready.ask(SERVER, ROUTED_PORT, mode)
                rates[mode].append(balanced)
                found.append(balanced / routed)
    arrived = statistics.median(arrived for arrived, _ in floods[best])
    cost = min(statistics.median(cost for _, cost in rounds) for rounds in floods.values())
    return {
        "nfqueue.kpps": figure(arrived / 1000, "1000/s", 3, "60 at least, NAT, one core"),
        "nfqueue.packet_us": figure(
            cost, "us", 3, "processor time of the director a packet, kernel included"
        ),
        "nfqueue.requests": figure(statistics.median(rates["keep"]), "1/s", ROUNDS, "with kept connections"),
        "nfqueue.requests_ratio": figure(
            statistics.median(ratios["keep"]), "", ROUNDS, "1 is plain routing in the same run"
        ),
        "nfqueue.connections": figure(
            statistics.median(rates["close"]), "1/s", ROUNDS, "a connection a request"
        ),
        "nfqueue.connections_ratio": figure(
            statistics.median(ratios["close"]), "", ROUNDS, "1 is plain routing in the same run"
        ),
    }


if __name__ == "__main__":
    show(measure().items())
