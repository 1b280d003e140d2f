"""The state of one virtual server: everything that a network namespace has of its own.

Several of them in one process share nothing but the code. Rooms take it as their first argument, as the kernel's
functions take `struct netns_ipvs`. Kernel: `struct netns_ipvs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from pyvs.core import defense
from pyvs.core.apps.registry import AppRegistry
from pyvs.core.command import Command
from pyvs.core.connections.table import ConnectionTable
from pyvs.core.defense import Defense
from pyvs.core.differences import OURS, Differences
from pyvs.core.environment import Environment
from pyvs.core.flags import Hook
from pyvs.core.jobs import Jobs
from pyvs.core.packet.fragments import Reassembly
from pyvs.core.packet.header import Header
from pyvs.core.policy.drains import Drains
from pyvs.core.reasons import Reason
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.services.registry import Registry
from pyvs.core.services.trash import Trash
from pyvs.core.stats import estimator
from pyvs.core.stats.counters import Counters
from pyvs.core.sync.state import Sync
from pyvs.core.sysctl.table import Sysctl
from pyvs.core.timers import Wheel
from pyvs.core.tracking import Tracking

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade
    from pyvs.core.protocols.protocol import Protocol

CONN_TAB_BITS: Final = 12

_NO_HEADER: Final = Header()

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
        self.drains = Drains()
        """Servers that get no new connections and lose their old ones at a deadline."""
        self.defense = Defense()
        """What is dropped while memory is short."""
        self.expire_nodest_at: float | None = None
        """When to end the connections of removed destinations (sysctl expire_nodest_conn)."""
        self.jobs = Jobs()
        """What is done a stretch at a time, and is not at its end."""
        self.next_estimate = now + estimator.PERIOD
        self.next_defense = now + defense.PERIOD
        self.sync = Sync(self)
        """The synchronisation daemons."""
        self.masquerade: Masquerade | None = None
        """The ancestor, masquerading and port forwarding, once an administrator uses it."""
        self.apps = AppRegistry(self)
        """The helpers, by protocol and port."""
        self.tracking: Tracking = getattr(environment, "tracking", None) or Tracking()
        """Netfilter's connection tracking, where the host has one."""
        self.stats = Counters()
        """Of everything. Kernel: `tot_stats`."""
        self.schedulers: dict[str, type[Scheduler]] = {**SCHEDULERS, **(schedulers or {})}
        self.protocols: dict[int, Protocol] = {}
        """Filled by `Engine` from the register of protocols, which know the namespace."""
        self.commands: list[Command] = []
        self.reasons: Counter[Reason] = Counter()
        """How often each reason was a verdict's."""
        self.note: Note | None = None
        """Set while someone wants the walk explained."""
        self.hook = Hook.LOCAL_IN
        """Where the packet that is being dealt with is."""
        self.header: Header = _NO_HEADER
        """Its outermost IP header."""
        self.reassembly = Reassembly()
        self.use_express = True
        """Whether plain packets of established connections take the short way; off only to compare the two."""

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1."""
        return self.environment.random(below)

    def identification(self) -> int:
        """An IPv4 identification for a packet of our own."""
        return self.environment.random(0x10000)

    def tell(self, room: str, sentence: str) -> None:
        """Note a step of the walk, if someone listens."""
        if self.note is not None:
            self.note(room, sentence)

    @staticmethod
    def name_of(addr: bytes, port: int) -> str:
        """An address and port for people."""
        host = ip_address(addr)
        return f"[{host}]:{port}" if len(addr) == 16 else f"{host}:{port}"

    def setting(self, name: str) -> int:
        """The value of a numeric sysctl."""
        value = self.sysctl.extra.get(name)
        return int(getattr(self.sysctl, name)) if value is None else value
