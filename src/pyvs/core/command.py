"""What the engine asks of the host: drained with `engine.drain()` after each packet and timeout."""

from dataclasses import dataclass
from typing import TypeAlias

from pyvs.core.environment import Route
from pyvs.core.flags import SyncState
from pyvs.core.packet.packet import Packet


@dataclass(slots=True)
class Transmit:
    """Send a packet that the virtual server forwards: LOCAL_OUT (marked as ours), POST_ROUTING, device.

    The route is already found. A packet longer than its MTU is cut by the host when `packet.ignore_df` is
    set or DF is not; `packet.fragment_size`, when not 0, is the size of the fragments that it came in.
    Kernel: `ip_vs_nat_send_or_cont`, `ip_vs_send_or_cont`, `ip_local_out` for tunnels.
    """

    packet: Packet
    route: Route
    destination: bytes
    """The address that the route was asked for: its neighbour entry is the next hop unless a gateway is."""


@dataclass(slots=True)
class Output:
    """Send a packet made here (an ICMP error) as the host's own stack would: route look-up, LOCAL_OUT and on.

    The host limits the rate of ICMP errors as its own stack does.
    """

    packet: Packet


@dataclass(slots=True)
class Multicast:
    """Send a synchronisation datagram by the socket of the daemon with this role.

    `channel` counts the sync ports from 0.
    """

    role: SyncState
    channel: int
    message: bytes


@dataclass(slots=True)
class Log:
    """A line for the host's log. Kernel: `IP_VS_ERR_RL`, `pr_info` and their like."""

    level: str
    """`error`, `warning`, `info` or `debug`."""
    text: str


Command: TypeAlias = Transmit | Output | Multicast | Log
