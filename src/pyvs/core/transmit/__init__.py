"""How it leaves: the forwarding methods, chosen by a connection's flags.

A transmitter takes (ns, conn, packet, header) and gives the verdict; what is sent stands in the commands.
Kernel: ip_vs_xmit.c, `ip_vs_bind_xmit`.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Forward
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.transmit.bypass import bypass
from pyvs.core.transmit.direct import direct
from pyvs.core.transmit.local import local
from pyvs.core.transmit.nat import nat
from pyvs.core.transmit.tunnel import tunnel
from pyvs.core.verdict import Verdict

Transmitter: TypeAlias = Callable[[Namespace, Connection, Packet, Header], Verdict]

TRANSMITTERS: Final[Mapping[int, Transmitter]] = {
    Forward.MASQ: nat,
    Forward.LOCALNODE: local,
    Forward.TUNNEL: tunnel,
    Forward.DROUTE: direct,
    Forward.BYPASS: bypass,
}
