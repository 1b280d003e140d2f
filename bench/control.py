"""What a great many services cost: restored, listed and changed, by pyvsadm and by the distribution's ipvsadm.

`measure()` gives the figures whose names begin with `control.`: 10,000 services with 4 servers each, the director in a
network namespace of its own. Pauses are processor time between two looks at the packets' queues. `control.fast_*`: the
same with the fast path on, which takes root; ratios are of processor time of the director, with it to without.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from figures import Row, figure, processor_seconds, show

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, Timeouts
from pyvs.core.errors import ControlError
from pyvs.core.flags import Family, Forward, Proto
from pyvs.lab import wait
from pyvs.lab.director import program
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology
from pyvs.netlink.client import Client
from pyvs.netlink.unix import VARIABLE, UnixTransport

SERVICES, SERVERS = 10_000, 4
COVERED = (
    "5 at most: processor time between two looks at the queues, while all is restored, listed, changed by one, "
    "told as /proc texts, applied anew, removed, and kept in a journal that is written anew"
)
Turn = tuple[float, dict[str, float]]
"""Seconds of a turn of the loop, and of its parts."""
FIRST = int(ip_address("198.18.0.0"))
ROUNDS = 3
NETWORK = Topology("one", (Host("director", (Interface("lan", ("198.18.0.1/15",)),)),))

DIRECTOR = """
import json, sys, time
from pathlib import Path
from pyvs.daemon import director as module
from pyvs.daemon import loop
from pyvs.daemon.log import Log

turns, parts, parted = [], {}, {}

class Poll:
    # Between two looks at the queues lies a turn: handlers, timers, tidying.
    def __init__(self, epoll):
        self.epoll, self.begin = epoll, None

    def __getattr__(self, name):
        return getattr(self.epoll, name)

    def poll(self, timeout):
        if self.begin is not None:
            turns.append((time.thread_time() - self.begin, dict(parts)))
            if len(turns) > 1000:
                turns.sort(key=lambda turn: turn[0])
                del turns[:-20]
        parts.clear()
        found = self.epoll.poll(timeout)
        self.begin = time.thread_time()
        return found

def timed(name, call):
    def work():
        begin = time.thread_time()
        call()
        parts[name] = parts.get(name, 0.0) + time.thread_time() - begin
    return work

watch, run, tidy = loop.Loop.watch, loop.Loop.run, loop.tidy

def watching(self, source, handler):
    watch(self, source, timed(getattr(handler, "__qualname__", type(source).__name__), handler))

def running(self, next_time, tick):
    self._epoll = Poll(self._epoll)
    run(self, next_time, timed("timers", tick))

loop.Loop.watch, loop.Loop.run, loop.tidy = watching, running, timed("tidy", tidy)
options = module.Options(state_dir=Path(sys.argv[4]), state_must=True, fast=sys.argv[5])
with module.Director(options, Log(open(sys.argv[2], "w", 1)), sys.argv[1]) as director:
    director.start(None)
    director.run()
    turns.sort(key=lambda turn: turn[0])
    Path(sys.argv[3]).write_text(json.dumps(turns[-8:]))
"""
"""A director that notes the processor time between two looks at the packets' queues, and of what it consists."""


def rules(weight: int = 1) -> str:
    """As ipvsadm-save would write them."""
    lines = []
    for number in range(SERVICES):
        virtual = ip_address(FIRST + number)
        lines.append(f"-A -t {virtual}:80 -s wlc\n")
        high, low = divmod(number, 256)
        lines += [
            f"-a -t {virtual}:80 -r 10.{n}.{high}.{low}:80 -m -w {weight}\n" for n in range(1, SERVERS + 1)
        ]
    return "".join(lines)


class Bench:
    """A director and the programs that are timed at it."""

    def __init__(self, lab: Lab, folder: Path, fast: str) -> None:
        self.lab = lab
        self.log = folder / "log"
        self.file = folder / "rules"
        self.file.write_text(rules())
        self.socket = folder / "socket"
        self.pauses = folder / "pauses"
        self.other = folder / "other"
        self.other.write_text(rules(weight=2))
        command = [
            sys.executable, "-c", DIRECTOR, str(self.socket), str(self.log), str(self.pauses),
            str(folder / "state"), fast,
        ]  # fmt: skip
        self.process = lab.start("director", command)
        self.client = Client(UnixTransport(self.socket))
        wait.until(self.answers, "the director was not ready", 20)

    def answers(self) -> bool:
        """It has begun to serve."""
        try:
            self.client.get_info()
        except ControlError:
            return False
        return True

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
        before = self.processor()
        times = 500
        step = max(SERVICES // times, 1)
        for number in range(min(times, SERVICES)):
            key = ServiceKey(Family.INET, Proto.TCP, (FIRST + number * step).to_bytes(4, "big"), 80)
            high, low = divmod(number * step, 256)
            dest = DestSpec(DestKey(bytes((10, 1, high, low)), 80), Forward.MASQ, weight=7)
            self.client.set_dest(key, dest)
        return (self.processor() - before) / times

    def settle(self) -> None:
        """Wait until nothing is left to do of what was asked for."""
        spent = self.processor()
        for _ in range(30):
            time.sleep(1.0)
            before, spent = spent, self.processor()
            if spent - before < 0.1:
                return
        raise RuntimeError("the director does not come to rest")

    def processor(self) -> float:
        """Processor seconds of the director's main thread, which packets wait for.

        In the lab that is the process itself, after nsenter.
        """
        return processor_seconds(f"{self.process.pid}/task/{self.process.pid}")

    def all_at_once(self) -> None:
        """What takes longest: texts, counters and timeouts of all, other rules for all, none."""
        for name in ("ip_vs", "ip_vs_stats", "ip_vs_conn"):
            self.client.proc(name)
        self.client.zero()
        self.client.set_config(Timeouts(tcp=800))
        self.timed(program("pyvs"), "apply", "-q", str(self.other))
        self.client.flush()
        self.timed(program("pyvs"), "apply", "-q", str(self.file))
        self.full()
        self.client.flush()
        if self.client.get_services():
            raise RuntimeError("services are there after all were removed")

    def end(self) -> list[Turn]:
        """The longest times away from the queues, in seconds, and their parts."""
        self.client.close()
        self.lab.stop(self.process)
        wait.until(self.pauses.exists, "the director did not tell its pauses", 20)
        found: list[Turn] = json.loads(self.pauses.read_text())
        return found


WAYS = {
    "": (["pyvsadm", "-R"], ["pyvsadm", "-Ln"], "5 at most", "2 at most"),
    "exec_": (["pyvs", "exec", "--", "ipvsadm-restore"], ["pyvs", "exec", "--", "ipvsadm", "-Ln"],
              "12 at most", "5 at most"),
}  # fmt: skip
"""Part of the figures' names -> how it is restored and listed, and what that is to be compared with."""


def _hiccup(seconds: float) -> float:
    """The longest time that a loop of a tenth of a millisecond takes: what the machine itself adds to a turn."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.thread_time()
        for _ in range(3000):
            pass
        worst = max(worst, time.thread_time() - begin)
    return worst


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured at a director of its own: seconds to restore and to list, of its processor and for a change."""

    restored: float
    listed: float
    spent: float
    """Of the director's processor, until nothing was left to do of what was restored."""
    changed: float
    turns: list[Turn]
    """The longest ones."""


def _round(restore: list[str], listing: list[str], fast: str = "off") -> Round:
    """Raises RuntimeError when the fast path can't be had."""
    with tempfile.TemporaryDirectory(prefix="pyvs-bench-") as folder, Lab(NETWORK) as lab:
        bench = Bench(lab, Path(folder), fast)
        if "the fast path is off" in bench.log.read_text():
            raise RuntimeError(bench.log.read_text())
        before = bench.processor()
        restored = bench.timed(program(restore[0]), *restore[1:], given=bench.file)
        bench.settle()
        spent = bench.processor() - before
        bench.full()
        listed = bench.timed(program(listing[0]), *listing[1:])
        changed = bench.change()
        bench.all_at_once()
        return Round(restored, listed, spent, changed, bench.end())


def _least(rounds: list[Round]) -> list[Turn]:
    """A turn that is long by itself is so in every round; what is long once is the machine's hiccup."""
    least = min((each.turns for each in rounds), key=lambda turns: turns[-1][0])
    if "-v" in sys.argv:
        for spent, parts in least:
            told = ", ".join(f"{name} {part * 1e3:.1f}" for name, part in parts.items())
            print(f"{spent * 1e3:6.1f} ms: {told}")
    return least


def measure(rounds: int = ROUNDS) -> dict[str, Row]:
    """All figures of control. Needs root."""
    found: dict[str, Row] = {}
    pause, fast_pause = 0.0, 0.0
    changes: list[float] = []
    for name, (restore, listing, restore_at_most, list_at_most) in WAYS.items():
        plain = [_round(restore, listing) for _ in range(rounds)]
        pause = max(pause, _least(plain)[-1][0])
        changes += [each.changed for each in plain]
        restored = statistics.median(each.restored for each in plain)
        listed = statistics.median(each.listed for each in plain)
        found[f"control.{name}restore_s"] = figure(restored, "s", rounds, restore_at_most)
        found[f"control.{name}list_s"] = figure(listed, "s", rounds, list_at_most)
        fast = [_round(restore, listing, "tc") for _ in range(rounds)]
        fast_pause = max(fast_pause, _least(fast)[-1][0])
        ratio = min(each.spent for each in fast) / min(each.spent for each in plain)
        found[f"control.fast_{name}restore_ratio"] = figure(ratio, "", rounds, "1.3 at most")
    found["control.change_ms"] = figure(statistics.median(changes) * 1e3, "ms", len(changes), "2 at most")
    found["control.pause_ms"] = figure(pause * 1e3, "ms", 2 * rounds, COVERED)
    found["control.fast_pause_ms"] = figure(fast_pause * 1e3, "ms", 2 * rounds, "the same, 5 at most")
    hiccup = max(_hiccup(5) for _ in range(rounds))
    found["control.hiccup_ms"] = figure(
        hiccup * 1e3, "ms", rounds, "the longest turn of a loop that does nothing: the machine's own"
    )
    return found


if __name__ == "__main__":
    show(measure(1 if "quick" in sys.argv else ROUNDS).items())
