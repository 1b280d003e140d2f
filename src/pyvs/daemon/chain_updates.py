"""Keeps the chains in step with the services: at once, as long as changes come one by one."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final

from pyvs.core.flags import Family
from pyvs.core.namespace import Namespace
from pyvs.daemon.environment import LiveEnvironment
from pyvs.daemon.log import Log
from pyvs.datapath.chains.iptables import ChainError
from pyvs.datapath.chains.keeper import Chains
from pyvs.datapath.chains.rules import Aim
from pyvs.datapath.chains.watch import Watch, watch

BURST: Final = 30
"""Changes that are put into the kernel before their verb is answered; then they are gathered."""
REFILL_SECONDS: Final = 0.2
"""Time after which one more change may be put in at once."""
GATHER_SECONDS: Final = 0.1
"""How long gathered changes wait at most."""
PATIENCE_MS: Final = 100
"""How long packets may wait for iptables; it goes on in the background if it takes longer."""


class ChainUpdates:
    """Decides when the chains are replaced."""

    def __init__(
        self,
        chains: Chains,
        ns: Namespace,
        environment: LiveEnvironment,
        log: Log,
        clock: Callable[[], float],
        *,
        queue: int,
        gso_queue: int,
        own_mark: int,
        bypass: bool,
    ) -> None:
        self._chains = chains
        self._ns = ns
        self._environment = environment
        self._log = log
        self._clock = clock
        self._queue, self._gso_queue = queue, gso_queue
        self._own_mark = own_mark
        self._bypass = bypass
        self._credit = float(BURST)
        self._credit_at = clock()
        self._trash = 0
        self.due: float | None = None
        """When `put_in` is to be called, or None."""

    def aim(self) -> Aim:
        """Where packets go, as things stand."""
        # A reply that may have to take another way is sent by a raw socket, which takes no large pieces.
        plain = self._environment.policy_routing
        return Aim(
            queue=self._queue,
            gso_queue=self._queue if plain else self._gso_queue,
            own_mark=self._own_mark,
            bypass=self._bypass,
            track=bool(self._ns.sysctl.conntrack),
        )

    def watches(self) -> list[Watch]:
        """What is to be queued, IPv4 and IPv6."""
        return [watch(self._ns, family) for family in (Family.INET, Family.INET6)]

    def start(self) -> None:
        """Put the chains in for the first time. Raises ChainError."""
        self._trash = len(self._ns.trash)
        self._chains.update(self.watches(), self.aim())

    def changed(self) -> None:
        """Something has changed: now if it may be, else soon."""
        now = self._clock()
        self._credit = min(float(BURST), self._credit + (now - self._credit_at) / REFILL_SECONDS)
        self._credit_at = now
        if self._credit >= 1 and not self._chains.busy:
            self._credit -= 1
            self.put_in()
        elif self.due is None:
            self.due = now + GATHER_SECONDS

    def look(self) -> None:
        """Now and then: removed servers may have been forgotten."""
        if len(self._ns.trash) != self._trash and self.due is None:
            self.due = self._clock()

    def put_in(self) -> None:
        """Replace the chains by what is wanted now."""
        self.due = None
        if self._chains.busy:
            self.finish()
            if self._chains.busy:
                self.due = self._clock() + GATHER_SECONDS
                return
        self._trash = len(self._ns.trash)
        try:
            waiting = self._chains.begin(self.watches(), self.aim())
        except ChainError as error:
            self._log.error(str(error))
            return
        for pidfd in waiting:
            select.select([pidfd], [], [], PATIENCE_MS / 1000)
        self.finish()
        if self._chains.busy:
            self.due = self._clock() + GATHER_SECONDS

    def finish(self) -> None:
        """Take note of what has ended."""
        try:
            self._chains.finish()
        except ChainError as error:
            self._log.error(f"{error}; the chains are as they were")
