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
class Share:
    """What one server got of one service."""

    connections: int = 0
    packets: int = 0


@dataclass(slots=True)
class Flow:
    """One connection, as the table shows it."""

    client: str
    service: str
    server: str
    share: Share
    """Of the server that it went to last."""
    place: bytes = b""
    """That server's address and port, packed."""
    packets: int = 0
    """Both ways."""
    state: str = ""
    """After its last packet."""


class Tally:
    """Counts of one replay."""

    def __init__(self, most_flows: int = MOST_FLOWS) -> None:
        self._most = most_flows
        self.flows: dict[FlowKey, Flow] = {}
        self.unlisted = 0
        """Connections that are counted and not listed."""
        self.shares: dict[tuple[str, str], Share] = {}
        """By service and server."""
        self.verdicts: Counter[Verdict] = Counter()
        self.skipped: Counter[Skipped] = Counter()
        self.frames = 0
        """Read from the capture."""
        self.moved = 0
        """Those that stood in the capture after later ones."""
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

    def known(self, key: FlowKey, place: bytes, state: str, *, first: bool) -> bool:
        """Count a packet of a connection that is listed, with this server; whether it is.

        place: the server's address and port, packed; first: the packet begins the connection (anew).
        """
        flow = self.flows.get(key)
        if flow is None or flow.place != place:
            return False
        flow.packets += 1
        flow.state = state
        flow.share.packets += 1
        flow.share.connections += first
        return True

    def packet(
        self, key: FlowKey, place: bytes, names: tuple[str, str, str], state: str, *, first: bool
    ) -> None:
        """Count a packet of any connection; `names` are those of client, service and server."""
        if self.known(key, place, state, first=first):
            return
        client, service, server = names
        share = self.shares.get((service, server))
        if share is None:
            share = self.shares[service, server] = Share()
        share.packets += 1
        share.connections += first
        flow = self.flows.get(key)
        if flow is None:
            if len(self.flows) >= self._most:
                self.unlisted += first
                return
            flow = self.flows[key] = Flow(client, service, server, share)
        flow.server, flow.share, flow.place = server, share, place
        flow.packets += 1
        flow.state = state


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
