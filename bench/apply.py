"""What `pyvs apply` costs: 10,000 services with 4 servers each are there, the file differs in 10 lines.

Measured from the start of the program to its end, against a director of this process over its control socket: so both
share the time that is counted.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

from figures import Row, figure, show

from pyvs.cli.rules import parse_rules, trial
from pyvs.core.control.verbs import Control
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.netlink.unix import VARIABLE

SERVICES = 10_000
SERVERS = 4
ROUNDS = 3


def rules(changed: int = 0) -> str:
    """A file as ipvsadm-save writes it; the weight of the first server of `changed` services is another one."""
    lines = []
    for n in range(SERVICES):
        virtual = f"10.{64 + n // 65536}.{n // 256 % 256}.{n % 256}:80"
        lines.append(f"-A -t {virtual} -s wlc")
        for server in range(SERVERS):
            weight = changed + 1 if changed and server == 0 and n % (SERVICES // 10) == 0 else 1
            lines.append(f"-a -t {virtual} -r 10.1.{server}.{n % 250 + 1}:8080 -m -w {weight}")
    return "\n".join(lines) + "\n"


class Door:
    """A director's control socket, served in a thread; the longest turn is noted."""

    def __init__(self, control: Control, path: str) -> None:
        self.door = ControlSocket(path, Server(control), time.monotonic)
        self.longest = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if select([self.door.fileno()], [], [], 0.1)[0]:
                begin = time.thread_time()
                self.door.on_readable()
                self.longest = max(self.longest, time.thread_time() - begin)

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()
        self.door.close()


@contextmanager
def director() -> Iterator[tuple[Door, Path]]:
    """One with all services, and a folder."""
    control = trial()
    parse_rules(rules()).apply(control)
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        door = Door(control, f"{folder}/socket")
        try:
            yield door, Path(folder)
        finally:
            door.close()


def apply(folder: Path, file: Path) -> tuple[float, str]:
    """Seconds of one run of the program, and what it wrote."""
    program = Path(sys.executable).with_name("pyvs")
    begin = time.perf_counter()
    done = subprocess.run(
        [program, "apply", str(file)],
        env={**os.environ, VARIABLE: f"{folder}/socket"},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - begin, done.stdout


def measure() -> dict[str, Row]:
    """The figures of `apply`."""
    with director() as (door, folder):
        file = folder / "rules"
        times = []
        for turn in range(1, ROUNDS + 1):
            file.write_text(rules(turn))
            seconds, shown = apply(folder, file)
            assert shown.count("\n") == 10, shown
            times.append(seconds)
        pause = door.longest
    return {
        "control.apply_s": figure(statistics.median(times), "s", ROUNDS, "1.5 at most"),
        "control.apply_turn_ms": figure(pause * 1e3, "ms", ROUNDS, "5 at most"),
    }


if __name__ == "__main__":
    show(measure().items())
