"""FTP of masqueraded clients: active transfers.

The client's PORT or EPRT names an inside address, which no server reaches: the command gets a masquerade port instead,
at which the server's connection is awaited. Passive transfers need no help. Kernel: ip_masq_ftp.c of Linux 2.2.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from pyvs.core.apps.ftp.endpoint import Endpoint, extended, plain
from pyvs.core.flags import Family, Proto
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag, control_add
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.states import MasqueradeState

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade

PORT: Final = 21
DATA_PORT: Final = 20
AWAITED_MAX: Final = 32
"""Data connections that one control connection may await."""
PRIVILEGED: Final = 1024


class MasqueradedFtp:
    """Rewrites what the client says of itself. One object for all: it remembers nothing."""

    def bound(self, masquerade: Masquerade, entry: Entry) -> None:
        """A control connection begins."""

    def unbound(self, masquerade: Masquerade, entry: Entry) -> None:
        """It is over."""

    def outgoing(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        """A command of the client."""
        if entry.state != MasqueradeState.ESTABLISHED:
            return data
        named = plain(data, b"PORT", b" ")
        short = named is not None
        if named is None:
            named = extended(data, b"EPRT", b" ", Family.INET)
        # Only the client's own ports, or it could open the way to other hosts and their services.
        if named is None or named.addr != entry.saddr or named.port < PRIVILEGED:
            return data
        awaited = _awaited(masquerade, entry, named)
        if awaited is None:
            return data
        if short:
            text = b",".join(b"%d" % byte for byte in awaited.maddr + awaited.mport.to_bytes(2, "big"))
        else:
            text = b"|1|%s|%d|" % (str(IPv4Address(awaited.maddr)).encode(), awaited.mport)
        return data[: named.start] + text + data[named.end :]

    def incoming(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        """An answer of the server stays as it is."""
        return data


def _awaited(masquerade: Masquerade, entry: Entry, named: Endpoint) -> Entry | None:
    """The server's connection to come, from a port that is not known yet; found again if the client repeats."""
    awaited = masquerade.table.find_out(Proto.TCP, named.addr, named.port, entry.daddr, DATA_PORT)
    if awaited is not None:
        return awaited if awaited.control is entry else None
    if entry.n_control >= AWAITED_MAX:
        return None
    awaited = new_entry(
        masquerade,
        Proto.TCP,
        entry.maddr,
        0,
        named.addr,
        named.port,
        entry.daddr,
        0,
        MasqueradeFlag.NO_DPORT,
    )
    if awaited is not None:
        control_add(awaited, entry)
        masquerade.set_state(awaited, MasqueradeState.LISTEN)
        masquerade.put(awaited)
    return awaited
