"""Port forwarding: rules by local address and port, with shares. Kernel: ip_masq_portfw.c.

Of several rules for one port the first serves; each new connection takes one from its counter, at zero the counter
begins again and the rule goes to the end. So weights are shares of the connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address
from typing import Final

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto

DEFAULT_PREF: Final = 10
"""The weight that `ipmasqadm portfw` gives unless told otherwise."""
PORT_MAX: Final = 65535

ANY: Final = bytes(4)


class Command(Enum):
    """What may be done to the rules. Kernel: `IP_MASQ_CMD_*`."""

    ADD = "add"
    EDIT = "edit"
    DELETE = "delete"
    FLUSH = "flush"


@dataclass(slots=True)
class Rule:
    """A local port and the machine that serves it. Kernel: `struct ip_portfw`."""

    protocol: int
    laddr: bytes
    lport: int
    raddr: bytes
    rport: int
    pref: int = DEFAULT_PREF
    """Weight: connections in a row."""
    pref_cnt: int = 0
    """How many of them are left."""

    def __str__(self) -> str:
        name = "TCP" if self.protocol == Proto.TCP else "UDP"
        local = f"{name} {IPv4Address(self.laddr)}:{self.lport}"
        return local if self.raddr == ANY else f"{local} > {IPv4Address(self.raddr)}:{self.rport}"


class PortForwarding:
    """The two lists of rules, of UDP and of TCP."""

    def __init__(self) -> None:
        self._rules: dict[int, list[Rule]] = {Proto.UDP: [], Proto.TCP: []}

    def __len__(self) -> int:
        return sum(len(rules) for rules in self._rules.values())

    def __iter__(self) -> Iterator[Rule]:
        """All rules in the order of the listing."""
        for rules in self._rules.values():
            yield from list(rules)

    def rules(self, protocol: int) -> list[Rule]:
        """The rules of a protocol, in the order in which they are looked at."""
        return list(self._rules.get(protocol, ()))

    # ---- administration ----------------------------------------------------

    def control(self, command: Command, rule: Rule | None = None) -> None:
        """Add, edit, delete or flush. Raises ControlError, and changed nothing then. Kernel: `portfw_ctl`."""
        if command is Command.FLUSH:
            self.flush()
            return
        if rule is None:
            raise ControlError(Errno.EINVAL, f"{command.value} what? name protocol, local address and port")
        _judge(rule, command)
        where = (rule.protocol, rule.laddr, rule.lport, rule.raddr, rule.rport)
        if command is Command.ADD:
            self.add(*where, rule.pref)
        elif command is Command.DELETE:
            self.delete(*where)
        else:
            _judge_pref(rule.pref)
            if not self.edit(*where, rule.pref):
                raise ControlError(Errno.ESRCH, f"no port forwarding rule matches {rule}")

    def add(self, protocol: int, laddr: bytes, lport: int, raddr: bytes, rport: int, pref: int) -> None:
        """Edit the rules that match, or add one at the head. Raises ControlError. Kernel: `ip_portfw_add`."""
        _judge_pref(pref)
        if not self.edit(protocol, laddr, lport, raddr, rport, pref):
            self._rules[protocol].insert(0, Rule(protocol, laddr, lport, raddr, rport, pref, pref))

    def edit(self, protocol: int, laddr: bytes, lport: int, raddr: bytes, rport: int, pref: int) -> int:
        """Set weight and counter of the rules that match; how many did. Kernel: `ip_portfw_edit`."""
        matching = self._matching(protocol, laddr, lport, raddr, rport)
        for rule in matching:
            rule.pref = rule.pref_cnt = pref
        return len(matching)

    def delete(self, protocol: int, laddr: bytes, lport: int, raddr: bytes = ANY, rport: int = 0) -> None:
        """Take out the rules that match. Raises ControlError(ESRCH): none did. Kernel: `ip_portfw_del`."""
        matching = self._matching(protocol, laddr, lport, raddr, rport)
        if not matching:
            rule = Rule(protocol, laddr, lport, raddr, rport)
            raise ControlError(Errno.ESRCH, f"no port forwarding rule matches {rule}")
        gone = {id(rule) for rule in matching}
        self._rules[protocol] = [rule for rule in self._rules[protocol] if id(rule) not in gone]

    def replace(self, other: PortForwarding) -> None:
        """Take over the rules of another list, in their order, and forget the own."""
        for protocol in self._rules:
            self._rules[protocol] = [replace(rule) for rule in other.rules(protocol)]

    def flush(self) -> None:
        """Forget all rules. Kernel: `ip_portfw_flush`."""
        for rules in self._rules.values():
            rules.clear()

    def _matching(self, protocol: int, laddr: bytes, lport: int, raddr: bytes, rport: int) -> list[Rule]:
        """Rules with this local port; an address or remote port of zero fits any."""
        return [
            rule
            for rule in self._rules.get(protocol, ())
            if rule.lport == lport
            and laddr in (ANY, rule.laddr)
            and raddr in (ANY, rule.raddr)
            and rport in (0, rule.rport)
        ]

    # ---- packets -----------------------------------------------------------

    def lookup(self, protocol: int, lport: int, laddr: bytes) -> Rule | None:
        """The first rule for a local address and port. Kernel: `ip_portfw_lookup`."""
        for rule in self._rules.get(protocol, ()):
            if rule.lport == lport and rule.laddr == laddr:
                return rule
        return None

    def in_rule(self, protocol: int, laddr: bytes, lport: int) -> bool:
        """Whether a local port is forwarded. Kernel: `portfw_in_rule`."""
        return self.lookup(protocol, lport, laddr) is not None

    def took(self, rule: Rule) -> None:
        """The rule got a new connection: count it, and at the end of its share let others come first."""
        rules = self._rules[rule.protocol]
        if len(rules) <= 1:
            return
        rule.pref_cnt -= 1
        if rule.pref_cnt <= 0:
            rule.pref_cnt = rule.pref
            rules.remove(rule)
            rules.append(rule)


def _judge_pref(pref: int) -> None:
    if pref <= 0:
        raise ControlError(Errno.EINVAL, f"preference {pref} gives no share; take 1 or more")


def _judge(rule: Rule, command: Command) -> None:
    if rule.protocol not in (Proto.TCP, Proto.UDP):
        raise ControlError(Errno.EINVAL, f"protocol {rule.protocol} can't be forwarded; take tcp or udp")
    if not 1 <= rule.lport <= PORT_MAX:
        raise ControlError(Errno.EINVAL, f"local port {rule.lport} is none; take 1 to {PORT_MAX}")
    lowest = 1 if command is Command.ADD else 0
    if not lowest <= rule.rport <= PORT_MAX:
        raise ControlError(Errno.EINVAL, f"remote port {rule.rport} is none; take {lowest} to {PORT_MAX}")
