"""What entries learn from packets: the address they go under, and ends that were not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.masquerade.entry import Entry, MasqueradeFlag

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade


def follow(masq: Masquerade, entry: Entry, maddr: bytes) -> Entry | None:
    """Let an entry without replies go with the masquerade address.

    None: its port is in use there, so it has ended. Kernel: `sysctl_ip_dynaddr` in `ip_fw_masquerade`.
    """
    if entry.maddr == maddr or not entry.flags & MasqueradeFlag.NO_REPLY:
        return entry
    taken = masq.table.find_in(entry.protocol, entry.daddr, entry.dport, maddr, entry.mport)
    if taken is not None:
        entry.references -= 1
        masq.end(entry)
        return None
    masq.table.remove(entry)
    entry.maddr = maddr
    masq.table.add(entry)
    return entry


def from_inside(masq: Masquerade, entry: Entry, sport: int, daddr: bytes, dport: int) -> None:
    """A packet goes out: take over the source port, and the destination of a loose entry."""
    unknown = entry.flags & MasqueradeFlag.NO_SPORT
    moved = entry.flags & MasqueradeFlag.DLOOSE and (entry.daddr, entry.dport) != (daddr, dport)
    if not unknown and not moved:
        return
    masq.table.remove(entry)
    if unknown:
        entry.flags &= ~MasqueradeFlag.NO_SPORT
        entry.sport = sport
    if moved:
        entry.daddr, entry.dport = daddr, dport
    masq.table.add(entry)


def from_outside(masq: Masquerade, entry: Entry, saddr: bytes, sport: int) -> None:
    """A packet came back: that it did, and what was not known of the outside end."""
    entry.flags &= ~MasqueradeFlag.NO_REPLY
    flags = entry.flags
    if not flags & (MasqueradeFlag.DLOOSE | MasqueradeFlag.NO_DPORT | MasqueradeFlag.NO_DADDR):
        return
    masq.table.remove(entry)
    if flags & MasqueradeFlag.DLOOSE:
        entry.daddr, entry.dport = saddr, sport
    else:
        if flags & MasqueradeFlag.NO_DPORT:
            entry.flags &= ~MasqueradeFlag.NO_DPORT
            entry.dport = sport
        if flags & MasqueradeFlag.NO_DADDR:
            entry.flags &= ~MasqueradeFlag.NO_DADDR
            entry.daddr = saddr
    masq.table.add(entry)
