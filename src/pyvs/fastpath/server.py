"""A destination as the programs know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyvs.core.flags import Family, Forward
from pyvs.fastpath.tables import Flag


@dataclass(slots=True, frozen=True, kw_only=True)
class Server:
    """What an administrator says of a destination, and the way to it where the daemon knows it.

    hop: device number, its address, the next hop's address, path MTU; without it the programs look it up themselves.
    source: this host's address in a tunnel's outer header.
    """

    addr: bytes
    port: int
    forward: int = Forward.MASQ
    weight: int = 1
    available: bool = True
    u_threshold: int = 0
    l_threshold: int = 0
    tun_type: int = 0
    tun_port: int = 0
    tun_flags: int = 0
    source: bytes = b""
    hop: tuple[int, bytes, bytes, int] | None = None

    @property
    def flags(self) -> int:
        """Its flags, but for overload."""
        return (Flag.AVAILABLE if self.available else 0) | (Flag.FIXED_HOP if self.hop else 0)

    def fields(self) -> dict[str, int | bytes]:
        """The fields of `layout.DEST` that it sets."""
        fields: dict[str, int | bytes] = {
            "addr": self.addr.ljust(16, b"\0"),
            "port": self.port.to_bytes(2, "big"),
            "af": Family.INET if len(self.addr) == 4 else Family.INET6,
            "method": self.forward,
            "weight": self.weight,
            "u_threshold": self.u_threshold,
            "l_threshold": self.l_threshold,
            "tun_type": self.tun_type,
            "tun_port": self.tun_port.to_bytes(2, "big"),
            "tun_flags": self.tun_flags,
            "source": self.source.ljust(16, b"\0"),
        }
        if self.hop is not None:
            ifindex, smac, dmac, mtu = self.hop
            fields |= {
                "hop_ifindex": ifindex,
                "hop_smac": smac,
                "hop_dmac": dmac,
                "hop_mtu": min(mtu, 0xFFFF),
                "hop_generation": 0,
            }
        return fields

    def same_way(self, present: Mapping[str, Any]) -> bool:
        """Whether a destination in the maps has this address, so that its next hop may stay."""
        return bytes(present["addr"]) == self.addr.ljust(16, b"\0")

    def keeps_overload(self, u_threshold: int) -> bool:
        """Whether a mark of overload outlives the change of thresholds. Kernel: `__ip_vs_update_dest`."""
        return self.u_threshold != 0 and self.u_threshold <= u_threshold
