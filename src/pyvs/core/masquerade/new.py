"""An entry begins: it gets the masquerade port that was asked for, or one of the range. Kernel: `ip_masq_new`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.command import Log
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.ports import TRIES
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.reasons import Reason

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade

LOGGED_FAILURES: Final = 4
"""So many failures in a row are logged."""


def new_entry(
    masquerade: Masquerade,
    protocol: int,
    maddr: bytes,
    mport: int,
    saddr: bytes,
    sport: int,
    daddr: bytes,
    dport: int,
    flags: int = 0,
) -> Entry | None:
    """Make an entry, hold it and bind its helper; its timer starts with `Masquerade.put`.

    mport: 0 takes the next free one of the range. None: no free port, no memory, or the given port already serves
    a connection between these ends. Only TCP, UDP and ICMP have ports of the range.
    """
    pool, table = masquerade.pool, masquerade.table
    given = bool(mport) or protocol not in pool.free
    if not given and not pool.free[protocol]:
        _fail(masquerade, Reason.MASQUERADE_PORTS, f"no free port for protocol {protocol}")
        return None
    room = masquerade.most_entries + (masquerade.reserve if flags & MasqueradeFlag.USER else 0)
    if len(table) >= room:
        _fail(masquerade, Reason.MASQUERADE_MEMORY, f"{len(table)} entries are the most there may be")
        return None
    entry = Entry(protocol, maddr, mport, saddr, sport, daddr, dport)
    entry.flags = int(flags) & ~MasqueradeFlag.HASHED | MasqueradeFlag.NO_REPLY
    if given:
        if table.find_in(protocol, daddr, dport, maddr, mport) is not None:
            masquerade.ns.reasons[Reason.MASQUERADE_IN_USE] += 1
            return None
        entry.flags |= MasqueradeFlag.MPORT
        table.pinned += 1
    else:
        free = _search(masquerade, entry)
        if not free:
            _fail(masquerade, Reason.MASQUERADE_PORTS, f"{TRIES} ports of protocol {protocol} are in use")
            return None
        entry.mport = free
        pool.free[protocol] -= 1
        masquerade.failures = 0
    table.add(entry)
    masquerade.bind_helper(entry)
    entry.references += 1
    masquerade.set_state(entry, MasqueradeState.NONE)
    return entry


def _search(masquerade: Masquerade, entry: Entry) -> int:
    """A port of the range that no connection between these ends uses, or 0."""
    for _ in range(TRIES):
        port = masquerade.pool.next_port()
        if masquerade.table.find_in(entry.protocol, entry.daddr, entry.dport, entry.maddr, port) is None:
            return port
    return 0


def _fail(masquerade: Masquerade, reason: Reason, sentence: str) -> None:
    masquerade.ns.reasons[reason] += 1
    masquerade.failures += 1
    if masquerade.failures <= LOGGED_FAILURES:
        masquerade.ns.commands.append(Log("warning", f"masquerading: {sentence}; a connection was refused"))
