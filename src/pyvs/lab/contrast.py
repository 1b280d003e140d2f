"""The same requests with the fast path and without it: what they cost the director, side by side."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pyvs.core.wording import counted
from pyvs.lab import course
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab
from pyvs.lab.load import Load, Target

REQUESTS: Final = 160
RATE: Final = 400.0
PATIENCE: Final = 20.0
WAYS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("by the engine alone", ("--fast", "off")),
    ("with the fast path", ("--fast", "tc")),
    ("new connections too", ("--fast", "tc", "--fast-new", "on")),
)
"""What is shown, and the options of `pyvs run`."""
_TICK: Final = os.sysconf("SC_CLK_TCK")
UNAVAILABLE: Final = "the fast path is off"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way came to."""

    way: str
    served: int
    failed: int
    cpu: float
    """Milliseconds of the director's processor time a request."""
    median: float
    """Milliseconds from connect to the last byte."""

    def __str__(self) -> str:
        return (
            f"{self.way + ':':<22}{counted(self.served, 'request')}, {self.failed} failed; "
            f"{self.cpu:.2f} ms of the director's time each; median {self.median:.1f} ms"
        )


def run(
    ways: Sequence[tuple[str, tuple[str, ...]]] = WAYS, requests: int = REQUESTS, rate: float = RATE
) -> Iterator[Cost | str]:
    """NAT over IPv4, one way after another; a sentence instead where the fast path can't be had.

    Raises LabError.
    """
    plan = PLANS[4]
    with Lab(topology("nat", (4,))) as lab, TemporaryDirectory(prefix="pyvs-contrast-") as folder:
        course.start_servers(lab, "nat", (4,))
        rules = Path(folder, "rules")
        rules.write_text("\n".join(ipvsadm_lines("nat", 4)) + "\n")
        clients = [lab[f"client{index + 1}"] for index in range(len(plan.clients))]
        sources = {client.name: address for client, address in zip(clients, plan.clients, strict=True)}
        for way, options in ways:
            with Director(lab, [*options, "--rules", str(rules)]) as director:
                why = [line for line in director.log_file.read_text().splitlines() if UNAVAILABLE in line]
                if why:
                    yield why[0][why[0].index(UNAVAILABLE) :]
                    return
                target = Target(plan.virtual, 80, tuple(f"server{n + 1}" for n in range(len(plan.servers))))
                load = Load(clients, sources, target, requests=requests, rate=rate)
                before = _processor_time(director)
                load.start()
                load.wait(requests / rate + PATIENCE)
                load.stop()
                spent = _processor_time(director) - before
                tally = load.snapshot()
                yield Cost(
                    way,
                    tally.good,
                    requests - tally.good,
                    1000 * spent / requests,
                    1000 * statistics.median(tally.seconds or [0.0]),
                )


def _processor_time(director: Director) -> float:
    """Seconds that the director's process has had."""
    assert director.process is not None
    fields = Path(f"/proc/{director.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
