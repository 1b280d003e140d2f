"""One masqueraded connection: an inside end, an outside end, and the end that the outside sees.

Kernel: `struct ip_masq`.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Any, Final, Protocol

from pyvs.core.connections.connection import Sequence

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade


class MasqueradeFlag(IntFlag):
    """What is not known yet of an entry, and how it came about. Kernel: `IP_MASQ_F_*`."""

    OUT_SEQ = 0x0001
    """The inside host's sequence numbers are shifted."""
    IN_SEQ = 0x0002
    """The outside host's are."""
    NO_DPORT = 0x0004
    """The outside port is not known yet."""
    NO_DADDR = 0x0008
    """Nor is the outside address."""
    HASHED = 0x0010
    """Stands in the tables."""
    NO_SPORT = 0x0200
    """The inside port is not known yet."""
    DLOOSE = 0x0400
    """The outside end may change with every packet."""
    NO_REPLY = 0x0800
    """Nothing came back yet: the masquerade address may still change."""
    MPORT = 0x1000
    """Its masquerade port was asked for, not taken from the range."""
    USER = 0x2000
    """Made by an administrator, not by a packet."""


LOOSE: Final = MasqueradeFlag.NO_DADDR | MasqueradeFlag.NO_DPORT | MasqueradeFlag.DLOOSE
"""With any of these the outside end need not be the same. Kernel: `MASQ_DADDR_PASS`, `MASQ_DPORT_PASS`."""
ANY_ADDRESS: Final = MasqueradeFlag.NO_DADDR | MasqueradeFlag.DLOOSE
ANY_PORT: Final = MasqueradeFlag.NO_DPORT | MasqueradeFlag.DLOOSE


class Helper(Protocol):
    """Sees the data of the entries it is bound to, and may change them. Kernel: `struct ip_masq_app`."""

    def bound(self, masquerade: Masquerade, entry: Entry) -> None:
        """An entry to its port begins."""
        ...

    def unbound(self, masquerade: Masquerade, entry: Entry) -> None:
        """The entry is over."""
        ...

    def outgoing(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        """What goes out in place of the inside host's data."""
        ...

    def incoming(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        """What goes in in place of the outside host's data."""
        ...


class Entry:
    """Inside (saddr:sport), outside (daddr:dport), and what the outside sees (maddr:mport)."""

    __slots__ = (
        "app",
        "app_data",
        "control",
        "daddr",
        "dport",
        "expires",
        "flags",
        "in_seq",
        "maddr",
        "mport",
        "n_control",
        "out_seq",
        "protocol",
        "references",
        "saddr",
        "slot",
        "sport",
        "state",
        "timeout",
    )

    def __init__(
        self, protocol: int, maddr: bytes, mport: int, saddr: bytes, sport: int, daddr: bytes, dport: int
    ) -> None:
        self.protocol = protocol
        self.maddr = maddr
        self.mport = mport
        self.saddr = saddr
        self.sport = sport
        self.daddr = daddr
        self.dport = dport
        self.flags = 0
        self.state = 0
        self.timeout: float = 0.0
        """Seconds of silence that it survives in its present state."""
        self.expires: float = 0.0
        self.slot = -1
        self.references = 0
        """The tables that hold it, and who works on it. Kernel: `refcnt`."""
        self.control: Entry | None = None
        """The entry that it belongs to (of FTP data: the control connection)."""
        self.n_control = 0
        self.app: Helper | None = None
        self.app_data: Any = None
        self.in_seq: Sequence | None = None
        self.out_seq: Sequence | None = None


def put_quietly(entry: Entry) -> None:
    """Let an entry go without restarting its timer. Kernel: `__ip_masq_put`."""
    entry.references -= 1


def control_add(entry: Entry, control: Entry) -> None:
    """Let an entry belong to another. Kernel: `ip_masq_control_add`."""
    if entry.control is not None:
        control_del(entry)
    entry.control = control
    control.n_control += 1


def control_del(entry: Entry) -> None:
    """Release it. Kernel: `ip_masq_control_del`."""
    if entry.control is not None:
        entry.control.n_control -= 1
        entry.control = None
