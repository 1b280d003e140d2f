"""The state of one virtual server: everything that a network namespace has of its own.

Several of them in one process share nothing but the code. Rooms take it as their first argument, as the kernel's
functions take `struct netns_ipvs`. Kernel: `struct netns_ipvs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pyvs.core import defense
from pyvs.core.command import Command
from pyvs.core.connections.table import ConnectionTable
from pyvs.core.defense import Defense
from pyvs.core.differences import OURS, Differences
from pyvs.core.environment import Environment
from pyvs.core.reasons import Reason
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.services.registry import Registry
from pyvs.core.services.trash import Trash
from pyvs.core.stats import estimator
from pyvs.core.stats.counters import Counters
from pyvs.core.sysctl.table import Sysctl
from pyvs.core.timers import Wheel

if TYPE_CHECKING:
    from pyvs.core.protocols.protocol import Protocol

CONN_TAB_BITS: Final = 12

Note = Callable[[str, str], None]
"""Told each step of a packet's walk: the room, and what was decided there."""


class Namespace:
    """Tables, settings and counters of one virtual server."""

    def __init__(
        self,
        environment: Environment,
        *,
        differences: Differences = OURS,
        schedulers: Mapping[str, type[Scheduler]] | None = None,
        conn_tab_bits: int = CONN_TAB_BITS,
        now: float = 0.0,
    ) -> None:
        self.environment = environment
        self.differences = differences
        self.now = now
        """The time handed in with the packet, timeout or verb that is being dealt with."""
        self.sysctl = Sysctl()
        self.conn_tab_size = 1 << conn_tab_bits
        """What listings say (`size=4096`); our table grows by itself."""
        self.connections = ConnectionTable()
        self.timers = Wheel()
        self.services = Registry()
        self.trash = Trash()
        """Removed destinations that still have connections."""
        self.defense = Defense()
        """What is dropped while memory is short."""
        self.expire_nodest_at: float | None = None
        """When to end the connections of removed destinations (sysctl expire_nodest_conn)."""
        self.next_estimate = now + estimator.PERIOD
        self.next_defense = now + defense.PERIOD
        self.sync: Any = None
        """The synchronisation daemons: start(spec), stop(role), configs(); see `core.sync`."""
        self.stats = Counters()
        """Of everything. Kernel: `tot_stats`."""
        self.schedulers: dict[str, type[Scheduler]] = {**SCHEDULERS, **(schedulers or {})}
        self.protocols: dict[int, Protocol] = {}
        self.commands: list[Command] = []
        self.reasons: Counter[Reason] = Counter()
        """How often each reason was a verdict's."""
        self.note: Note | None = None
        """Set while someone wants the walk explained."""

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1."""
        return self.environment.random(below)

    def setting(self, name: str) -> int:
        """The value of a numeric sysctl."""
        value = self.sysctl.extra.get(name)
        return int(getattr(self.sysctl, name)) if value is None else value
