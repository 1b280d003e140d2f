"""Asks the machines' agents how they are: a connection each, now and then, and the line that comes.

An agent is a program that writes a line and hangs up (the protocol of HAProxy's agent check, see
`core.masquerade.agent_line`). What it says decides which machine serves the forwarded ports, and the weights of virtual
services' destinations at its address. One that does not answer changes nothing: it may be only the agent that is gone.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pyvs.core.control.verbs import Control
from pyvs.core.errors import PyvsError
from pyvs.core.masquerade.agent_line import LONGEST
from pyvs.core.masquerade.reweigh import Reweigher
from pyvs.core.namespace import Namespace
from pyvs.core.reasons import Reason
from pyvs.core.wording import counted
from pyvs.daemon.log import Log
from pyvs.daemon.loop import Loop

INTERVAL: Final = 2.0
"""Seconds from one question to the next."""
PATIENCE: Final = 1.0
"""Seconds until a line must have come."""


@dataclass(slots=True)
class _Asked:
    """An agent that is being asked."""

    socket: socket.socket
    due: float
    """When it is given up."""
    data: bytes = b""


class Agents:
    """All agents that are listened to."""

    def __init__(
        self, ns: Namespace, control: Control, loop: Loop, log: Log, clock: Callable[[], float]
    ) -> None:
        """The agents are those of `ns.masquerade`, as it stands at each round."""
        self._ns = ns
        self._loop = loop
        self._log = log
        self._clock = clock
        self._reweigher = Reweigher(control)
        self._asked: dict[bytes, _Asked] = {}
        self._known: dict[bytes, int] = {}
        self._silent: dict[bytes, str] = {}
        """What went wrong with an agent, told once."""
        self._said: dict[bytes, bytes] = {}
        self._round = 0.0

    @property
    def due(self) -> float | None:
        """When `tick` is to be called, or None."""
        if self._asked:
            return min(self._round, *(asked.due for asked in self._asked.values()))
        return self._round if self._known or self._listened() else None

    def _listened(self) -> dict[bytes, int]:
        masquerade = self._ns.masquerade
        return {} if masquerade is None else masquerade.least_load.agents

    def tick(self) -> None:
        """Give up who is silent; ask all when it is time."""
        now = self._clock()
        for address, asked in list(self._asked.items()):
            if asked.due <= now:
                self._hang_up(address)
                self._complain(address, "gave no line in time")
        if self._round > now:
            return
        self._round = now + INTERVAL
        listened = dict(self._listened())
        for address in self._known.keys() - listened.keys():
            self._hang_up(address)
            self._reweigher.forget(address, now)
            self._silent.pop(address, None)
            self._said.pop(address, None)
        self._known = listened
        for address, port in listened.items():
            if address not in self._asked:
                self._ask(address, port, now)

    def _ask(self, address: bytes, port: int, now: float) -> None:
        asked = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        code = asked.connect_ex((str(IPv4Address(address)), port))
        if code not in (0, errno.EINPROGRESS):
            asked.close()
            self._complain(address, os.strerror(code))
            return
        self._asked[address] = _Asked(asked, now + PATIENCE)
        self._loop.watch(asked, lambda: self._read(address))

    def _read(self, address: bytes) -> None:
        asked = self._asked[address]
        try:
            some = asked.socket.recv(LONGEST + 1)
        except BlockingIOError:
            return
        except OSError as problem:
            self._hang_up(address)
            self._complain(address, problem.strerror or str(problem))
            return
        asked.data += some
        if some and len(asked.data) <= LONGEST and not (b"\n" in asked.data or b"\r" in asked.data):
            return
        self._hang_up(address)
        self._take(address, asked.data)

    def _take(self, address: bytes, data: bytes) -> None:
        masquerade = self._ns.masquerade
        if masquerade is None or address not in masquerade.least_load.agents:
            return
        now = self._clock()
        before = masquerade.least_load.chosen
        try:
            report = masquerade.least_load.report(address, data)
        except PyvsError as refused:
            self._ns.reasons[Reason.AGENT_LINE] += 1
            self._complain(address, str(refused))
            return
        self._silent.pop(address, None)
        changed = self._reweigher.apply(address, report, now)
        if changed or self._said.get(address) != data:
            self._said[address] = data
            self._log.line(
                "debug",
                f"agent of {IPv4Address(address)}: {data[:60]!r}, {counted(changed, 'weight')} changed",
            )
        chosen = masquerade.least_load.chosen
        if chosen != before:
            who = "no machine" if chosen is None else str(IPv4Address(chosen))
            self._log.info(f"port forwarding: the least loaded is {who}: it gets all new requests")

    def _complain(self, address: bytes, what: str) -> None:
        if self._silent.get(address) != what:
            self._silent[address] = what
            port = self._known.get(address, 0)
            self._log.warning(
                f"agent of {IPv4Address(address)}, port {port}: {what}; what it said last still counts"
            )

    def _hang_up(self, address: bytes) -> None:
        asked = self._asked.pop(address, None)
        if asked is not None:
            self._loop.forget(asked.socket)
            asked.socket.close()

    def close(self) -> None:
        """Hang up on all."""
        for address in list(self._asked):
            self._hang_up(address)
