"""The least loaded machine gets all new requests: the rules are forgotten and made anew for it alone.

What machines say of themselves comes by their agents (`agent_line`). Kernel: the system call `getip` of the cluster
that this descends from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.masquerade.agent_line import AgentReport, Readiness, parse_line
from pyvs.core.masquerade.portfw import DEFAULT_PREF, PortForwarding

FULL: Final = 100
"""Percent of its weight that a machine has until its agent says otherwise."""

Place = tuple[int, bytes, int]
"""Protocol, local address and local port."""


def getip(forwarding: PortForwarding, address: bytes, ports: dict[Place, int] | None = None) -> None:
    """Empty the rules and make each anew with `address` as its only machine.

    ports: the machine's ports, where they are not those of the rule that came first.
    """
    places: dict[Place, int] = {}
    for rule in forwarding:
        places.setdefault((rule.protocol, rule.laddr, rule.lport), rule.rport)
    places.update(ports or {})
    forwarding.flush()
    for (protocol, laddr, lport), rport in reversed(places.items()):
        forwarding.add(protocol, laddr, lport, address, rport, DEFAULT_PREF)


@dataclass(slots=True)
class Machine:
    """What is known of a machine."""

    ports: dict[Place, int] = field(default_factory=dict)
    """The ports at which it serves."""
    percent: int = FULL
    """How much of its weight it wants: the more, the less load it has."""
    ready: bool = True
    """Its administrator lets it have new requests."""
    up: bool = True

    @property
    def usable(self) -> bool:
        """It may be chosen."""
        return self.ready and self.up and self.percent > 0


class LeastLoad:
    """Follows the reports of the machines' agents and keeps the rules at the least loaded one."""

    def __init__(self, forwarding: PortForwarding) -> None:
        self.forwarding = forwarding
        self.machines: dict[bytes, Machine] = {}
        self.chosen: bytes | None = None

    def offer(self, protocol: int, laddr: bytes, lport: int, raddr: bytes, rport: int) -> None:
        """A machine can serve a local port."""
        self.machines.setdefault(raddr, Machine()).ports[protocol, laddr, lport] = rport
        self.choose(anew=True)

    def withdraw(self, raddr: bytes) -> None:
        """A machine serves no longer."""
        if self.machines.pop(raddr, None) is not None:
            self.choose(anew=True)

    def report(self, raddr: bytes, line: bytes) -> AgentReport:
        """Take an agent's line. Raises PyvsError, and nothing has changed then."""
        machine = self.machines.get(raddr)
        if machine is None:
            raise PyvsError(f"{IPv4Address(raddr)} reports, but serves no port here; offer one first")
        report = parse_line(line)
        if report.percent is not None:
            machine.percent = report.percent
        if report.readiness is not None:
            machine.ready = report.readiness is Readiness.READY
        if report.up is not None:
            machine.up = report.up
        self.choose()
        return report

    def choose(self, *, anew: bool = False) -> bytes | None:
        """Lead all ports to the least loaded machine; of equals the present one stays. None: there is none."""
        usable = {address: machine for address, machine in self.machines.items() if machine.usable}
        best = max(
            usable, key=lambda address: (usable[address].percent, address == self.chosen), default=None
        )
        if best == self.chosen and not anew:
            return best
        self.chosen = best
        if best is None:
            self.forwarding.flush()
        else:
            self.forwarding.flush()
            getip(self.forwarding, best, usable[best].ports)
        return best
