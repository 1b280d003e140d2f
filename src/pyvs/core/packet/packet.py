"""A packet on its walk: its bytes and what the host knows of it. Kernel: `struct sk_buff`."""

from typing import Any

from pyvs.core.flags import PacketType


class Packet:
    """One IP packet (no link layer) with its metadata.

    `data` is immutable bytes: whoever rewrites a packet puts new bytes there.
    """

    __slots__ = (
        "checksum_partial",
        "conntrack",
        "data",
        "fragment_df",
        "fragment_size",
        "ignore_df",
        "iif",
        "mark",
        "oif",
        "owned",
        "pieces",
        "type",
        "untracked",
    )

    def __init__(
        self,
        data: bytes,
        *,
        mark: int = 0,
        iif: str = "",
        oif: str = "",
        type: PacketType = PacketType.HOST,  # noqa: A002  the kernel's name
    ) -> None:
        self.data = data
        self.mark = mark
        """Firewall mark. Kernel: `skb->mark`."""
        self.iif = iif
        """Name of the device it came in by; empty for packets made here, `lo` on loopback."""
        self.oif = oif
        """Name of the device it is to leave by, where known."""
        self.type = type
        self.owned = False
        """The virtual server has dealt with it: all its hooks pass it on. Kernel: `skb->ipvs_property`."""
        self.ignore_df = False
        """May be cut although it says DF. Kernel: `skb->ignore_df`."""
        self.fragment_df = False
        """If it is cut, its fragments say DF. Kernel: `IPSKB_FRAG_PMTU`."""
        self.fragment_size = 0
        """Longest of the fragments it was put together from, IP header included. Kernel: `frag_max_size`."""
        self.pieces: tuple[int, ...] = ()
        """How long the data of those fragments were, in order."""
        self.checksum_partial = False
        """Its transport checksum is only that of the pseudo header. Kernel: `CHECKSUM_PARTIAL`."""
        self.untracked = False
        """Connection tracking is off for it. Kernel: `IP_CT_UNTRACKED`."""
        self.conntrack: Any = None
        """The host's entry of connection tracking, for the hosts that have one. Kernel: `skb->_nfct`."""

    def become(self, other: "Packet") -> None:
        """Take over the bytes of a packet that was put together from fragments, this the last of them."""
        self.data = other.data
        self.fragment_df, self.fragment_size = other.fragment_df, other.fragment_size
        self.pieces = other.pieces
        self.checksum_partial = False
