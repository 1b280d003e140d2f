"""Local node: this host serves. Kernel: `ip_vs_null_xmit`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.transmit.send import mark_owned
from pyvs.core.verdict import Verdict, accept


def local(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Verdict:
    """Leave a client's packet to the own stack."""
    mark_owned(ns, conn, packet, inward=True)
    return accept(Reason.LOCAL_NODE)
