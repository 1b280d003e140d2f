"""What a great many services cost: restored, listed and changed, by pyvsadm and by the distribution's ipvsadm.

`measure()` gives the figures whose names begin with `control.`: 10,000 services with 4 servers each, the director in a
network namespace of its own. Pauses are processor time between two looks at the packets' queues.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from ipaddress import ip_address
from pathlib import Path

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey
from pyvs.core.flags import Family, Forward, Proto
from pyvs.lab import wait
from pyvs.lab.director import program
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology
from pyvs.netlink.client import Client
from pyvs.netlink.unix import VARIABLE, UnixTransport

SERVICES, SERVERS = 10_000, 4
FIRST = int(ip_address("198.18.0.0"))
ROUNDS = 3
NETWORK = Topology("one", (Host("director", (Interface("lan", ("198.18.0.1/15",)),)),))

DIRECTOR = """
import json, sys, time
from pathlib import Path
from pyvs.daemon import director as module
from pyvs.daemon.log import Log
from pyvs.daemon.loop import Loop

worst = {}
watch, run = Loop.watch, Loop.run

def timed(name, call):
    def work():
        begin = time.thread_time()
        call()
        spent = time.thread_time() - begin
        worst.setdefault(name, []).append(spent)
    return work

def watching(self, source, handler):
    watch(self, source, timed(type(source).__name__, handler))

def running(self, next_time, tick):
    run(self, next_time, timed("timers", tick))

Loop.watch, Loop.run = watching, running
with module.Director(module.Options(), Log(open(sys.argv[2], "w")), sys.argv[1]) as director:
    director.start(None)
    director.run()
    pauses = {name: sorted(spent)[-8:] for name, spent in worst.items()}
    Path(sys.argv[3]).write_text(json.dumps(pauses))
"""
"""A director that notes how long it is away from the packets' queues."""


def rules() -> str:
    """As ipvsadm-save would write them."""
    lines = []
    for number in range(SERVICES):
        virtual = ip_address(FIRST + number)
        lines.append(f"-A -t {virtual}:80 -s wlc\n")
        high, low = divmod(number, 256)
        lines += [f"-a -t {virtual}:80 -r 10.{n}.{high}.{low}:80 -m -w 1\n" for n in range(1, SERVERS + 1)]
    return "".join(lines)


def figure(value: float, unit: str, runs: int, against: str = "") -> dict[str, object]:
    """One row of results.json."""
    return {"value": round(value, 3), "unit": unit, "runs": runs, "against": against}


class Bench:
    """A director and the programs that are timed at it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.file = folder / "rules"
        self.file.write_text(rules())
        self.socket = folder / "socket"
        self.pauses = folder / "pauses"
        command = [sys.executable, "-c", DIRECTOR, str(self.socket), str(folder / "log"), str(self.pauses)]
        self.process = lab.start("director", command)
        wait.until(self.socket.exists, "the director was not ready", 20)
        self.client = Client(UnixTransport(self.socket))

    def timed(self, *words: str, given: Path | None = None) -> float:
        """Seconds that a program takes."""
        begin = time.perf_counter()
        with (given or Path(os.devnull)).open() as stdin:
            process = self.lab["director"].popen(
                words,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                environment={**os.environ, VARIABLE: str(self.socket)},
            )
            status = process.wait(600)
        if status:
            raise RuntimeError(f"{' '.join(words)} ended with status {status}")
        return time.perf_counter() - begin

    def full(self) -> None:
        """All services are there."""
        found = len(self.client.get_services())
        if found != SERVICES:
            raise RuntimeError(f"{found} services instead of {SERVICES}")

    def change(self) -> float:
        """Processor seconds that the director needs for one change."""
        before = self._processor()
        times = 500
        step = max(SERVICES // times, 1)
        for number in range(min(times, SERVICES)):
            key = ServiceKey(Family.INET, Proto.TCP, (FIRST + number * step).to_bytes(4, "big"), 80)
            high, low = divmod(number * step, 256)
            dest = DestSpec(DestKey(bytes((10, 1, high, low)), 80), Forward.MASQ, weight=7)
            self.client.set_dest(key, dest)
        return (self._processor() - before) / times

    def _processor(self) -> float:
        """Of the director's main thread, which packets wait for. In the lab the process itself, after nsenter."""
        fields = (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat")
            .read_text()
            .rpartition(")")[2]
            .split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> dict[str, list[float]]:
        """The longest times away from the queues, in seconds."""
        self.client.close()
        self.lab.stop(self.process)
        wait.until(self.pauses.exists, "the director did not tell its pauses", 20)
        found: dict[str, list[float]] = json.loads(self.pauses.read_text())
        return found


WAYS = {
    "": (["pyvsadm", "-R"], ["pyvsadm", "-Ln"], "5 at most", "2 at most"),
    "exec_": (["pyvs", "exec", "--", "ipvsadm-restore"], ["pyvs", "exec", "--", "ipvsadm", "-Ln"],
              "12 at most", "5 at most"),
}  # fmt: skip
"""Part of the figures' names -> how it is restored and listed, and what that is to be compared with."""


def _round(
    restore: list[str], listing: list[str], worst: dict[str, list[float]]
) -> tuple[float, float, float]:
    """Seconds to restore, to list and of processor for a change, at a director of its own."""
    with tempfile.TemporaryDirectory(prefix="pyvs-bench-") as folder, Lab(NETWORK) as lab:
        bench = Bench(lab, Path(folder))
        restored = bench.timed(program(restore[0]), *restore[1:], given=bench.file)
        bench.full()
        listed = bench.timed(program(listing[0]), *listing[1:])
        changed = bench.change()
        for name, pauses in bench.end().items():
            worst[name] = sorted([*worst.get(name, []), *pauses])[-8:]
        return restored, listed, changed


def measure(rounds: int = ROUNDS) -> dict[str, dict[str, object]]:
    """All figures of control. Needs root or a user namespace in which one is it."""
    found: dict[str, dict[str, object]] = {}
    worst: dict[str, list[float]] = {}
    changes: list[float] = []
    for name, (restore, listing, restore_at_most, list_at_most) in WAYS.items():
        times = [_round(restore, listing, worst) for _ in range(rounds)]
        restored, listed, changed = zip(*times, strict=True)
        changes += changed
        found[f"control.{name}restore_s"] = figure(statistics.median(restored), "s", rounds, restore_at_most)
        found[f"control.{name}list_s"] = figure(statistics.median(listed), "s", rounds, list_at_most)
    found["control.change_ms"] = figure(statistics.median(changes) * 1e3, "ms", len(changes), "2 at most")
    if "-v" in sys.argv:
        for name, spent in worst.items():
            print(f"{name:24}", *(f"{each * 1e3:.1f}" for each in spent), "ms")
    pause = max(spent[-1] for spent in worst.values())
    found["control.pause_ms"] = figure(pause * 1e3, "ms", 2 * rounds, "5 at most")
    return found


if __name__ == "__main__":
    for name, row in measure(1 if "quick" in sys.argv else ROUNDS).items():
        print(f"{name:28} {row['value']:>10} {row['unit']:4} {row['against']}")
