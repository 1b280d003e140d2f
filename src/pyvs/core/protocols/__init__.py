"""What the transport says: the protocols that the virtual server handles, by number.

A new protocol is one file and one line here. Kernel: `ip_vs_proto_table`.
"""

from collections.abc import Mapping
from typing import Final

from pyvs.core.flags import Proto
from pyvs.core.protocols.ah_esp import Ah, Esp
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.protocols.sctp import Sctp
from pyvs.core.protocols.tcp import Tcp
from pyvs.core.protocols.udp import Udp

PROTOCOLS: Final[Mapping[int, type[Protocol]]] = {
    Proto.TCP: Tcp,
    Proto.UDP: Udp,
    Proto.SCTP: Sctp,
    Proto.AH: Ah,
    Proto.ESP: Esp,
}
