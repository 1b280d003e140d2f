"""Every number that the kernel and its tools give a name: families, hooks, methods, flags.

The values are those of `include/uapi/linux/ip_vs.h`, `include/net/ip_vs.h` and netfilter, so that they can
be put on the wire, into listings and into synchronisation messages as they are. Flags are `IntEnum`s: several of them
together are a plain int, since the arithmetic of `IntFlag` costs a packet ten microseconds.
"""

from enum import IntEnum
from typing import Final


class Family(IntEnum):
    """Address families, as the socket API numbers them."""

    UNSPEC = 0
    INET = 2
    INET6 = 10


class Proto(IntEnum):
    """IP protocol numbers (and IPv6 extension headers) that the virtual server meets."""

    IP = 0
    ICMP = 1
    IPIP = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    ROUTING = 43
    FRAGMENT = 44
    GRE = 47
    ESP = 50
    AH = 51
    ICMPV6 = 58
    NONE = 59
    DSTOPTS = 60
    SCTP = 132


class Hook(IntEnum):
    """Where in netfilter a packet meets the virtual server. Kernel: `enum nf_inet_hooks`."""

    PRE_ROUTING = 0
    LOCAL_IN = 1
    FORWARD = 2
    LOCAL_OUT = 3
    POST_ROUTING = 4


class PacketType(IntEnum):
    """For whom a frame was, by its link-layer address. Kernel: `PACKET_HOST` and its siblings."""

    HOST = 0
    BROADCAST = 1
    MULTICAST = 2
    OTHERHOST = 3
    OUTGOING = 4
    LOOPBACK = 5


class Forward(IntEnum):
    """Forwarding methods, the lowest three bits of a connection's flags."""

    MASQ = 0
    LOCALNODE = 1
    TUNNEL = 2
    DROUTE = 3
    BYPASS = 4


FWD_MASK: Final = 7


class Direction(IntEnum):
    """Which way a packet of a connection goes. Kernel: `IP_VS_DIR_*`."""

    INPUT = 0
    OUTPUT = 1
    INPUT_ONLY = 2


class ConnFlag(IntEnum):
    """Flags of a connection. Kernel: `IP_VS_CONN_F_*`."""

    SYNC = 0x0020
    """Came by synchronisation from another director."""
    HASHED = 0x0040
    """Stands in the connection table."""
    NOOUTPUT = 0x0080
    """The servers' packets do not come by here (direct routing, tunnel)."""
    INACTIVE = 0x0100
    """Not established: counts as InActConn."""
    OUT_SEQ = 0x0200
    """The sequence numbers of the server's packets are shifted."""
    IN_SEQ = 0x0400
    """The sequence numbers of the client's packets are shifted."""
    NO_CPORT = 0x0800
    """The client's port is not known yet (passive FTP)."""
    TEMPLATE = 0x1000
    """A persistence template, not a connection."""
    ONE_PACKET = 0x2000
    """Forgotten as soon as its packet has left."""
    NFCT = 1 << 16
    """Netfilter's connection tracking stays on for it."""


CONN_BACKUP_MASK: Final = (
    FWD_MASK
    | ConnFlag.NOOUTPUT
    | ConnFlag.INACTIVE
    | ConnFlag.IN_SEQ
    | ConnFlag.OUT_SEQ
    | ConnFlag.NO_CPORT
    | ConnFlag.TEMPLATE
)
"""Flags that a backup takes over. Kernel: `IP_VS_CONN_F_BACKUP_MASK`."""

CONN_BACKUP_UPDATE_MASK: Final = ConnFlag.INACTIVE | ConnFlag.IN_SEQ | ConnFlag.OUT_SEQ
"""Flags that an update of a known connection may change. Kernel: `IP_VS_CONN_F_BACKUP_UPD_MASK`."""

CONN_DEST_MASK: Final = FWD_MASK | ConnFlag.ONE_PACKET | ConnFlag.NFCT
"""Flags that a connection takes from its destination. Kernel: `IP_VS_CONN_F_DEST_MASK`."""


class ServiceFlag(IntEnum):
    """Flags of a service. Kernel: `IP_VS_SVC_F_*`."""

    PERSISTENT = 0x0001
    HASHED = 0x0002
    ONEPACKET = 0x0004
    SCHED1 = 0x0008
    SCHED2 = 0x0010
    SCHED3 = 0x0020


SCHED_SH_FALLBACK: Final = ServiceFlag.SCHED1
SCHED_SH_PORT: Final = ServiceFlag.SCHED2
SCHED_MH_FALLBACK: Final = ServiceFlag.SCHED1
SCHED_MH_PORT: Final = ServiceFlag.SCHED2


class DestFlag(IntEnum):
    """Flags of a destination. Kernel: `IP_VS_DEST_F_*`."""

    AVAILABLE = 0x0001
    """Stands in a service; cleared when it is deleted."""
    OVERLOAD = 0x0002
    """Has reached its upper threshold and not yet fallen below its lower one."""


class TunType(IntEnum):
    """Kinds of tunnel. Kernel: `IP_VS_CONN_F_TUNNEL_TYPE_*`."""

    IPIP = 0
    GUE = 1
    GRE = 2


class TunFlag(IntEnum):
    """Checksums in a tunnel's header. Kernel: `IP_VS_TUNNEL_ENCAP_FLAG_*`."""

    NOCSUM = 0
    CSUM = 1
    REMCSUM = 2


class SyncState(IntEnum):
    """Roles in synchronisation. Kernel: `IP_VS_STATE_*`."""

    NONE = 0
    MASTER = 1
    BACKUP = 2


VERSION: Final = 0x010201
"""Version 1.2.1 of the virtual server, as GET_INFO answers it."""
