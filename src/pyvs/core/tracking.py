"""What the virtual server asks of netfilter's connection tracking, where the host has one. Kernel: ip_vs_nfct.c.

The methods here do nothing: a host without connection tracking uses this class as it is. With sysctl `conntrack`
off, packets of our connections are untracked (`packet.untracked`), so that stateful filters leave them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection


class Tracking:
    """No connection tracking."""

    def uses_old(self, packet: Packet) -> bool:
        """Whether the packet belongs to a tracked connection that was confirmed. Kernel: `nf_ct_is_confirmed`."""
        return False

    def update(self, packet: Packet, conn: Connection, inward: bool) -> None:
        """Tell what the reply will look like after NAT. Kernel: `ip_vs_update_conntrack`."""

    def forget(self, conn: Connection) -> None:
        """A connection is over. Kernel: `ip_vs_conn_drop_conntrack`."""
