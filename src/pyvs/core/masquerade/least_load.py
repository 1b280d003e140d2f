"""The least loaded machine gets all new requests: the rules are forgotten and made anew for it alone.

What machines say of themselves comes by their agents (`agent_line`). As long as nobody listens to any, port forwarding
is as its rules say. Kernel: the system call `getip` of the cluster that this descends from.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.masquerade.agent_line import AgentReport, Readiness, parse_line
from pyvs.core.masquerade.portfw import DEFAULT_PREF, Command, PortForwarding, Rule

FULL: Final = 100
"""Percent of its weight that a machine has until its agent says otherwise."""

Place = tuple[int, bytes, int]
"""Protocol, local address and local port."""


def getip(forwarding: PortForwarding, address: bytes, ports: dict[Place, int] | None = None) -> None:
    """Empty the rules and make each anew with `address` as its only machine.

    ports: where the machine serves; of a place that is not named, the port of the rule that came first stays.
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
    """How a machine is, by its agent."""

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
        self.offers = PortForwarding()
        """All rules that there may be, while agents are listened to."""
        self.agents: dict[bytes, int] = {}
        """The ports of the agents, by machine."""
        self.machines: dict[bytes, Machine] = {}
        self.chosen: bytes | None = None

    # ---- agents ------------------------------------------------------------

    def listen(self, address: bytes, port: int) -> None:
        """Listen to a machine's agent from now on; with the first one the present rules become offers."""
        if not self.agents:
            self.offers.replace(self.forwarding)
        self.agents[address] = port
        self.machines.setdefault(address, Machine())
        self.choose(anew=True)

    def forget(self, address: bytes) -> None:
        """Listen to it no more; with the last one all offers are rules again."""
        self.agents.pop(address, None)
        self.machines.pop(address, None)
        if self.agents:
            self.choose(anew=True)
        else:
            self.chosen = None
            self.forwarding.replace(self.offers)
            self.offers.flush()

    def report(self, address: bytes, line: bytes) -> AgentReport:
        """Take an agent's line. Raises PyvsError, and nothing has changed then."""
        machine = self.machines.get(address)
        if machine is None:
            raise PyvsError(f"{IPv4Address(address)} reports, but its agent is not listened to")
        report = parse_line(line)
        if report.percent is not None:
            machine.percent = report.percent
        if report.readiness is not None:
            machine.ready = report.readiness is Readiness.READY
        if report.up is not None:
            machine.up = report.up
        self.choose()
        return report

    # ---- rules -------------------------------------------------------------

    def control(self, command: Command, rule: Rule | None = None) -> None:
        """Change the offers as one changes rules. Raises ControlError."""
        self.offers.control(command, rule)
        self.choose(anew=True)

    def choose(self, *, anew: bool = False) -> bytes | None:
        """Lead all ports to the least loaded machine; of equals the present one stays. None: there is none.

        A machine without an agent counts as having no load.
        """
        served: dict[bytes, dict[Place, int]] = {}
        for rule in self.offers:
            served.setdefault(rule.raddr, {}).setdefault((rule.protocol, rule.laddr, rule.lport), rule.rport)
        usable = {
            address: machine.percent
            for address in sorted(served)
            if (machine := self.machines.get(address, _UNHEARD)).usable
        }
        best = max(usable, key=lambda address: (usable[address], address == self.chosen), default=None)
        if best == self.chosen and not anew:
            return best
        self.chosen = best
        self.forwarding.flush()
        if best is not None:
            getip(self.forwarding, best, served[best])
        return best


_UNHEARD: Final = Machine()
