"""A folder's state and a director: taken up at the start, kept while it runs, left whole at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.wording import counted
from pyvs.daemon.state import connections
from pyvs.daemon.state.control import KeptControl
from pyvs.daemon.state.folder import Lock
from pyvs.daemon.state.journal import Journal
from pyvs.daemon.state.restore import restore


class RuleFile(Protocol):
    """Rules from a file, checked, as a director that keeps its state needs them."""

    @property
    def digest(self) -> str:
        """Another one when the file says something else."""
        ...

    def apply(self, control: Control, now: float) -> None:
        """Put them into an engine without rules. Raises PyvsError."""
        ...

    def bring(self, control: Control, now: float) -> int:
        """Bring an engine to them, in one step: how many changes. Raises PyvsError."""
        ...


class Log(Protocol):
    """Where things are told."""

    def info(self, text: str) -> None:
        """What happens."""
        ...

    def warning(self, text: str) -> None:
        """What should not."""
        ...


class State:
    """What is kept in a folder."""

    def __init__(
        self,
        folder: Path,
        log: Log,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Take the folder and read its journal. Raises PyvsError.

        clock: the director's time; wall: seconds since 1970.
        """
        self.folder = folder
        self._log = log
        self._clock = clock
        self._wall = wall
        self._lock = Lock(folder)
        try:
            self._journal = Journal(folder / "journal", log.warning, clock)
        except BaseException:
            self._lock.close()
            raise

    def begin(self, engine: Engine, control: KeptControl, rules: RuleFile | None) -> None:
        """Take up the rules and connections that were left, and keep all changes from now on. Raises PyvsError.

        rules: from a file. They count where nothing was kept, and when the file has changed since it was last read.
        """
        now, kept = self._clock(), self._journal.kept
        had_any = bool(kept)
        read = kept.settings.get("rules", ["rules", ""])[1]
        count = restore(kept, control, now, self._wall(), self._log.warning) if had_any else 0
        control.keep, control.keep_many = self._journal.append, self._journal.append_all
        control.ready, control.forget = self._journal.ready, kept.forget
        if had_any:
            self._log.info(f"{counted(count, 'kept rule')} from {self.folder}")
        if rules is not None and rules.digest != read:
            if had_any:
                self._log.info(f"the rule file has changed: {counted(rules.bring(control, now), 'change')}")
            else:
                rules.apply(control, now)
            self._journal.append(["rules", rules.digest])
        taken = connections.load(engine.ns, self._connections, self._wall(), self._log.warning)
        if taken:
            self._log.info(counted(taken, "connection goes on", "connections go on"))

    @property
    def _connections(self) -> Path:
        return self.folder / "connections"

    @property
    def due(self) -> float | None:
        """When to call `tick`."""
        return self._journal.due

    def tick(self) -> None:
        """What is to be done once a second."""
        self._journal.tick()

    def save_connections(self, engine: Engine, *, views: bool) -> None:
        """At a clean end: write down what goes on. views: with the fast path's connections, for it ends too."""
        engine.ns.now = self._clock()
        try:
            count = connections.save(engine.ns, self._connections, self._wall(), views=views)
        except OSError as error:
            self._log.warning(f"{self._connections}: connections are lost: {error.strerror}")
        else:
            if count:
                self._log.info(f"{counted(count, 'connection is', 'connections are')} kept in {self.folder}")

    def close(self) -> None:
        """Write through to the disk, and let others use the folder."""
        self._journal.close()
        self._lock.close()


def opened(folder: Path, log: Log, clock: Callable[[], float], *, must: bool) -> State | None:
    """The state of a folder; must: raise PyvsError when it can't be had, else say so and go on without one."""
    if must or folder.exists():
        return State(folder, log, clock)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        log.warning(
            f"rules are not kept: {folder} can't be made: {error.strerror}; give --state-dir, or --no-state"
        )
        return None
    return State(folder, log, clock)
