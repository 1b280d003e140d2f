"""Which client went where, and what became of all packets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from pyvs.core.flags import Proto
from pyvs.core.verdict import Verdict
from pyvs.replay.sorting import Skipped

MOST_FLOWS: Final = 100_000
"""Connections that are listed one by one; those after them only count for their server."""

FlowKey = tuple[int, bytes, bytes]
"""Protocol, client and virtual address with their ports, packed."""


@dataclass(slots=True)
class Flow:
    """One connection, as the table shows it."""

    client: str
    service: str
    server: str
    packets: int = 0
    """Both ways."""
    state: str = ""
    """After its last packet."""


@dataclass(slots=True)
class Share:
    """What one server got of one service."""

    connections: int = 0
    packets: int = 0


class Tally:
    """Counts of one replay."""

    def __init__(self, most_flows: int = MOST_FLOWS) -> None:
        self._most = most_flows
        self.flows: dict[FlowKey, Flow] = {}
        self.shares: dict[tuple[str, str], Share] = {}
        """By service and server."""
        self.verdicts: Counter[Verdict] = Counter()
        self.skipped: Counter[Skipped] = Counter()
        self.frames = 0
        """Read from the capture."""
        self.sent = 0
        """Frames written."""
        self.fragments = 0
        """Fragments that were kept until their packets were whole."""
        self.unknown_replies = 0
        """Packets of servers that belong to no connection."""
        self.cut_short = 0
        """Packets whose end the capture did not keep."""
        self.not_sent: Counter[str] = Counter()
        """Packets that the engine wanted to be sent and the host did not send, by the reason."""
        self.logs: list[str] = []

    def packet(
        self, key: FlowKey, client: str, service: str, server: str, state: str, *, first: bool
    ) -> None:
        """Count a packet of a connection; `first` when it is the first of it."""
        share = self.shares.get((service, server))
        if share is None:
            share = self.shares[service, server] = Share()
        share.packets += 1
        share.connections += first
        flow = self.flows.get(key)
        if flow is None:
            if len(self.flows) >= self._most:
                return
            flow = self.flows[key] = Flow(client, service, server)
        flow.server = server
        flow.packets += 1
        flow.state = state

    @property
    def unlisted(self) -> int:
        """Connections that are counted and not listed."""
        return max(0, sum(share.connections for share in self.shares.values()) - len(self.flows))


def endpoint(address: bytes, port: int) -> str:
    """`192.0.2.1:80` or `[2001:db8::1]:80`."""
    host = ip_address(address)
    return f"[{host}]:{port}" if len(address) == 16 else f"{host}:{port}"


def protocol_name(number: int) -> str:
    """`TCP`, or the number of a protocol without a name."""
    try:
        return Proto(number).name
    except ValueError:
        return str(number)
