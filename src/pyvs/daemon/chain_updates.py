"""Keeps the chains in step with the services: at once, as long as changes come one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from pyvs.core.flags import Family
from pyvs.core.namespace import Namespace
from pyvs.daemon.environment import LiveEnvironment
from pyvs.daemon.log import Log
from pyvs.daemon.loop import Loop
from pyvs.datapath.chains.iptables import ChainError
from pyvs.datapath.chains.keeper import Chains
from pyvs.datapath.chains.rules import Aim
from pyvs.datapath.chains.watch import Watch, watch

BURST: Final = 8
"""Changes that are put into the kernel before their verb is answered; then they are gathered."""
REFILL_SECONDS: Final = 0.2
"""Time without changes after which one more may be put in at once."""
GATHER_SECONDS: Final = 0.1
"""How long gathered changes wait at least."""
PATIENCE_SECONDS: Final = 2.0
"""How long an answer waits for iptables; it goes on in the background if it takes longer."""
MANY: Final = 60
"""Services and servers, removed ones too, from which on a thread writes the chains: packets must not wait for that."""
REST: Final = 19
"""So many times the processor time that it took to put many chains in, nothing is put in again."""
REST_MAX: Final = 0.8
"""But not longer: a new service's packets come within a second."""


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
        answered: Callable[[], str] = lambda: "",
        loop: Loop | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """`answered` tells how to match what the fast path has dealt with in OUTPUT.

        `settled` is called when what was put in stands, or has taken too long; `loop` tells when.
        """
        self._chains = chains
        self._ns = ns
        self._environment = environment
        self._log = log
        self._clock = clock
        self._queue, self._gso_queue = queue, gso_queue
        self._own_mark = own_mark
        self._bypass = bypass
        self._answered = answered
        self._credit = float(BURST)
        self._changed_at = clock()
        self._loop = loop
        self._settled = settled
        self._until: float | None = None
        """So long answers wait."""
        self._worker: _Worker | None = None
        self._wanted = False
        """Something has changed since the last time."""
        self._rests_until = 0.0
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
            answered=self._answered(),
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
        gap = now - self._changed_at
        self._changed_at = now
        self._credit = min(float(BURST), self._credit + int(gap / REFILL_SECONDS + 0.001))
        self._wanted = True
        if self._credit >= 1 and not self.busy and not self._many:
            self._credit -= 1
            self.put_in()
        elif self.due is None:
            self.due = max(now + GATHER_SECONDS, self._rests_until)

    @property
    def busy(self) -> bool:
        """Something is on its way into the kernel."""
        return self._worker is not None or self._chains.busy

    def settling(self) -> bool:
        """Whether answers have to wait."""
        return self._until is not None and self._clock() < self._until

    @property
    def _many(self) -> bool:
        services, trash = self._ns.services, self._ns.trash
        return bool(trash.coming) or len(services) + services.places + len(trash) > MANY

    def look(self) -> None:
        """Now and then: removed servers may have been forgotten."""
        if len(self._ns.trash) != self._trash and self.due is None:
            self._wanted = True
            self.due = self._clock()

    def put_in(self) -> None:
        """Replace the chains by what is wanted now, or look after what is on its way."""
        self.due = None
        self.finish()
        if self.busy:
            self.due = self._clock() + GATHER_SECONDS
            return
        if not self._wanted:
            return
        if self._clock() < self._rests_until:
            self.due = self._rests_until
            return
        self._wanted = False
        self._trash = len(self._ns.trash)
        if self._many:
            self._worker = _Worker(lambda: self._chains.update(self.watches(), self.aim()))
            self.due = self._clock() + GATHER_SECONDS
            return
        try:
            waiting = self._chains.begin(self.watches(), self.aim())
        except ChainError as error:
            self._log.error(str(error))
            self.finish()
            return
        for pidfd in waiting if self._loop is not None else ():
            self._watch(pidfd)
        self.finish()
        if self._chains.busy:
            self._until = self._clock() + PATIENCE_SECONDS
            self.due = self._until

    def _watch(self, pidfd: int) -> None:
        loop = self._loop
        assert loop is not None

        def ended() -> None:
            loop.forget(pidfd)
            self.put_in()  # what has changed meanwhile, or nothing

        loop.watch(pidfd, ended)

    def finish(self) -> None:
        """Take note of what has ended."""
        worker = self._worker
        if worker is not None:
            if worker.is_alive():
                return
            self._worker = None
            self._rests_until = self._clock() + min(REST * worker.seconds, REST_MAX)
            if worker.problem is not None:
                self._log.error(f"{worker.problem}; the chains are as they were")
        try:
            self._chains.finish()
        except ChainError as error:
            self._log.error(f"{error}; the chains are as they were")
        stands = not self._chains.busy and not self._wanted
        if self._until is not None and (stands or self._clock() >= self._until):
            self._until = None
            self._settled()

    def close(self) -> None:
        """Wait for what is on its way; what has changed since is not put in any more."""
        if self._worker is not None:
            self._worker.join()
            self._worker = None


class _Worker(threading.Thread):
    """Puts chains in while packets go on."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="chains", daemon=True)
        self._work = work
        self.problem: Exception | None = None
        self.seconds = 0.0
        """Of the processor, which the director's other thread had to wait for."""
        self.start()

    def run(self) -> None:
        """Do it; what goes wrong is for others to tell."""
        begin = time.thread_time()
        try:
            self._work()
        except Exception as problem:
            self.problem = problem
        self.seconds = time.thread_time() - begin
