"""/proc/net/ip_masquerade and /proc/net/ip_portfw as Linux 2.2 had them, and the masqueraded networks.

Kernel: `ip_msqhst_procinfo`, `portfw_procinfo` of Linux 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Proto
from pyvs.core.masquerade.ports import PortPool

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Sequence
    from pyvs.core.namespace import Namespace

PART: Final = 100
"""Lines that are made in one go: a third of a millisecond."""
_NAMES: Final[dict[int, str]] = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.ICMP: "ICMP"}


def show_entries(ns: Namespace) -> Iterator[str]:
    """A line of 128 bytes an entry; the ports that are still free of UDP, TCP and ICMP in the heading. In parts."""
    masquerade = ns.masquerade
    free = (masquerade.pool if masquerade is not None else PortPool()).free
    counts = ",".join(str(free[protocol]) for protocol in (Proto.UDP, Proto.TCP, Proto.ICMP))
    lines = [
        f"Prc FromIP   FPrt ToIP     TPrt Masq Init-seq  Delta PDelta Expires (free={counts})".ljust(127)
    ]
    for entry in list(masquerade.table) if masquerade is not None else ():
        if len(lines) >= PART:
            yield "\n".join(lines) + "\n"
            lines = []
        init, delta, previous = _sequence(entry.out_seq)
        left = max(0, int((entry.expires - ns.now) * 100))
        lines.append(
            (
                f"{_NAMES.get(entry.protocol, 'IP')} {_hex(entry.saddr)}:{entry.sport:04X} {_hex(entry.daddr)}:"
                f"{entry.dport:04X} {entry.mport:04X} {init:08X} {delta:6} {previous:6} {left:7}"
            ).ljust(127)
        )
    yield "\n".join(lines) + "\n"


def show_rules(ns: Namespace) -> str:
    """A line of 64 bytes a rule, UDP first; within a protocol in the order in which they serve."""
    lines = ["Prot LAddr    LPort > RAddr    RPort PrCnt  Pref".ljust(63)]
    for rule in ns.masquerade.portfw if ns.masquerade is not None else ():
        lines.append(
            (
                f"{_NAMES[rule.protocol]}  {_hex(rule.laddr)} {rule.lport:5} > {_hex(rule.raddr)} {rule.rport:5} "
                f"{rule.pref_cnt:5} {rule.pref:5}"
            ).ljust(63)
        )
    return "\n".join(lines) + "\n"


def show_networks(ns: Namespace) -> str:
    """A line a masqueraded network, then one for each agent that is listened to."""
    masquerade = ns.masquerade
    if masquerade is None:
        return ""
    lines = []
    for network in masquerade.networks:
        under = "device" if network.address is None else str(IPv4Address(network.address))
        lines.append(f"network {network} address {under}")
    for address, port in sorted(masquerade.least_load.agents.items()):
        machine = masquerade.least_load.machines[address]
        how = f"{machine.percent}%" + ("" if machine.up else " down") + ("" if machine.ready else " drain")
        lines.append(f"agent {IPv4Address(address)}:{port} {how}")
    return "".join(f"{line}\n" for line in lines)


def _hex(address: bytes) -> str:
    return address.hex().upper()


def _sequence(sequence: Sequence | None) -> tuple[int, int, int]:
    return (0, 0, 0) if sequence is None else (sequence.init_seq, sequence.delta, sequence.previous_delta)
