"""A scenario played, step by step: the result is what a recording holds.

    {"scenario", "kernel", "setup", "log", "final", "dmesg"}

What a frame causes at once belongs to its step, what timers do to step None, as in the recordings.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from pyvs.core.errors import ControlError, PyvsError
from pyvs.host.ethernet import BadMac
from pyvs.host.routing import RouteError
from pyvs.play.director import Director, Ipvsadm
from pyvs.play.files import FileFault
from pyvs.play.scenario import Scenario, Step, parse
from pyvs.play.shell.interpreter import Shell
from pyvs.play.shell.programs import PROGRAMS

STATE: Final = ("ipvsadm -Ln", "ipvsadm -Lnc", "/proc/net/ip_vs", "/proc/net/ip_vs_conn")
"""What a look at the tables holds."""
REST: Final = (
    "ipvsadm -Ln --stats --exact",
    "ipvsadm -Ln --rate",
    "ipvsadm -Ln --thresholds",
    "ipvsadm -Ln --persistent-conn",
    "ipvsadm -Sn",
    "ipvsadm -L --timeout",
    "ipvsadm -L --daemon",
    "/proc/net/ip_vs_app",
    "/proc/net/ip_vs_conn_sync",
    "/proc/net/ip_vs_stats",
)
"""What the last look holds besides."""


PROGRAM: Final = 2
"""Ticks that it takes to start a program: what ends "at once" is gone when it looks."""


SETUP: Final = 4
"""Ticks that a line of the setup takes, about as long as it took where the recordings were made."""


class CannotPlay(PyvsError):
    """A scenario that can't be played here, and why."""


Making = Callable[[Scenario, Ipvsadm, int], Director]
"""Makes the director of a scenario."""


def play(
    scenario: dict[str, Any], ipvsadm: Ipvsadm, seed: int = 1, make: Making = Director
) -> dict[str, Any]:
    """Play a scenario (or a recording's) and give the result. Raises ScenarioError, CannotPlay."""
    return Player(parse(scenario), ipvsadm, seed, make).run()


class Player:
    """Plays one scenario."""

    def __init__(self, scenario: Scenario, ipvsadm: Ipvsadm, seed: int = 1, make: Making = Director) -> None:
        self.scenario = scenario
        self.log: list[dict[str, Any]] = []
        try:
            self.director = make(scenario, ipvsadm, seed)
        except (RouteError, BadMac, ControlError, ValueError) as error:
            raise CannotPlay(f"{scenario.name}: the director can't be built: {error}") from None
        self.director.between = self._timer

    def run(self) -> dict[str, Any]:
        """Play it all."""
        director, scenario = self.director, self.scenario
        setup = []
        for line in scenario.setup:
            status, output = self._command(line, "setup")
            director.advance(director.clock.ticks + SETUP)
            setup.append({"cmd": line, "rc": status, "output": output})
        director.sleep(scenario.settle)
        director.host.drain()
        self.log.clear()
        director.clock.start = director.clock.ticks
        for number, step in enumerate(scenario.steps):
            director.wait_until(step.t)
            if step.frame is None:
                director.advance(director.clock.ticks + PROGRAM)
            self._collect(None)
            self._step(number, step)
        director.sleep(scenario.linger)
        self._collect(None)
        final = self._state((*STATE, *REST))
        names = director.engine.control.sysctl_names()
        final["sysctl"] = {
            name: " ".join(director.sysctl_read(f"net.ipv4.vs.{name}").split()) for name in names
        }
        return {
            "scenario": scenario.raw,
            "kernel": f"pyvs {version('pyvs')}",
            "setup": setup,
            "log": self.log,
            "final": final,
            "dmesg": [f"IPVS: {line.text}" for line in director.host.log],
        }

    def _step(self, number: int, step: Step) -> None:
        director = self.director
        if step.frame is not None:
            self._note("in", number, iface=step.iface, hex=step.frame.hex())
            director.receive(step.frame, step.iface)
            self._collect(number)
        elif step.cmd is not None:
            # What timers send while a command runs is found when it has ended: it gets the command's number.
            director.between = lambda: None
            status, output = self._command(step.cmd, f"step {number}")
            director.between = self._timer
            self._note("cmd", number, cmd=step.cmd, rc=status, output=output)
            self._collect(number)
        else:
            self._note("snap", number, label=step.snap, state=self._state(STATE))

    def _command(self, line: str, where: str) -> tuple[int, str]:
        try:
            return Shell(self.director, PROGRAMS).run(line)
        except PyvsError as error:
            raise CannotPlay(f"{self.scenario.name}, {where}: {error}") from None

    def _state(self, names: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            if name.startswith("/"):
                try:
                    found[name] = self.director.files.read(name)
                except FileFault:
                    continue
            else:
                output = io.StringIO()
                self.director.ipvsadm(name.split(), io.StringIO(), output, output)
                found[name] = output.getvalue()
        return found

    # ---- the log ---------------------------------------------------------------

    def _timer(self) -> None:
        self._collect(None)

    def _note(self, kind: str, step: int | None, **more: Any) -> None:
        self.log.append({"t": round(self.director.clock.since_start, 6), "ev": kind, "step": step, **more})

    def _collect(self, step: int | None) -> None:
        for interface, frame in self.director.host.drain():
            self._note("out", step, iface=interface, hex=frame.hex())
