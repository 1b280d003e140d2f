"""The programs of a run of scenarios: loaded once with small maps, which are emptied before each scenario."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Final, Self

from pyvs.core.errors import PyvsError
from pyvs.fastpath.change import Changes
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.testrun import Outcome
from pyvs.play.clock import HZ
from pyvs.play.fast.network import Network

ENTRIES: Final = 1 << 12
"""Of each connection table: a scenario has some hundred connections."""
START: Final = 1_000_000
"""Jiffies at time 0. Never 0, which would be the kernel's clock."""


class NoFastPath(PyvsError):
    """Why there is no fast path to play with, in a sentence."""


class Stage:
    """Programs, maps and a network namespace, for one scenario after another; nothing is left after `close`.

    new: the programs schedule new connections.
    """

    def __init__(self, mode: Mode, *, new: bool = False) -> None:
        """Raises NoFastPath, NetworkFault."""
        if os.geteuid():
            raise NoFastPath("playing with the fast path on needs root: it loads programs into the kernel")
        self.mode = mode
        self.new = new
        with ExitStack() as exits:
            try:
                self.network = exits.enter_context(closing(Network()))
                self.fast = exits.enter_context(closing(FastPath.open(mode, connections=ENTRIES)))
                self.changes = exits.enter_context(closing(Changes(self.fast.loaded, None)))
            except FastPathUnavailable as why:
                raise NoFastPath(str(why)) from None
            self._exits = exits.pop_all()
        # Half a jiffy late, so that a tick that is a little less than whole as a fraction is that tick all the same.
        self.fast.set_clock(Jiffies(HZ, START, -0.5 / HZ))
        self.places = 0
        """Destinations of the last scenario."""

    def clear(self) -> None:
        """Empty the maps, and bring the thread to the namespace."""
        self.network.enter()
        fast = self.fast
        fast.clear(self.places)
        for number in range(self.places):
            self.changes.owners.set(number, bytes(self.changes.owners.size))
        self.places = 0
        fast.configure(drop_counter=0)
        fast.renew_hops()

    def run(self, frame: bytes, interface: str) -> Outcome | None:
        """What the program makes of a frame; None: a test run does not take such a frame."""
        try:
            return self.fast.test_run(frame, self.network.indices[interface])
        except OSError:
            return None

    def close(self) -> None:
        """Let go of everything, and go back to the thread's namespace."""
        self._exits.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
