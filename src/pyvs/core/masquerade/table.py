"""The tables of masqueraded connections, in all directions. Kernel: `ip_masq_m_tab`, `ip_masq_s_tab`, `ip_masq_d_tab`.

    from outside   what the outside sees (maddr:mport) and the outside end    find_in
    from inside    the inside end (saddr:sport) and the outside end           find_out
    by outside end                                                            toward

Entries whose outside end is not fixed stand apart from the others, by the near end alone. Of several that fit, the
newest is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyvs.core.masquerade.entry import ANY_ADDRESS, ANY_PORT, LOOSE, Entry, MasqueradeFlag

End = tuple[int, bytes, int]
Pair = tuple[int, bytes, int, bytes, int]


class MasqueradeTable:
    """All entries."""

    DIRECTIONS: Final = 3
    """Tables that hold an entry: so many references it has while nobody works on it."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        """By identity, in order of age."""
        self._in: dict[Pair, list[Entry]] = {}
        self._in_loose: dict[End, list[Entry]] = {}
        self._out: dict[Pair, list[Entry]] = {}
        self._out_loose: dict[End, list[Entry]] = {}
        self._toward: dict[End, list[Entry]] = {}
        self.pinned = 0
        """Entries whose port was asked for: while there are any, ports outside of the range are looked up too.

        Kernel: `mport_count`.
        """

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, the oldest first."""
        return iter(list(self._entries.values()))

    def find_in(self, protocol: int, saddr: bytes, sport: int, daddr: bytes, dport: int) -> Entry | None:
        """The entry of a packet from outside, by the packet's own ends. Kernel: `__ip_masq_in_get`."""
        exact = self._in.get((protocol, daddr, dport, saddr, sport))
        if exact:
            return exact[0]
        return _fitting(self._in_loose.get((protocol, daddr, dport)), saddr, sport)

    def find_out(self, protocol: int, saddr: bytes, sport: int, daddr: bytes, dport: int) -> Entry | None:
        """The entry of a packet from inside; last, one that doesn't know its port. Kernel: `__ip_masq_out_get`."""
        exact = self._out.get((protocol, saddr, sport, daddr, dport))
        if exact:
            return exact[0]
        found = _fitting(self._out_loose.get((protocol, saddr, sport)), daddr, dport)
        if found is not None:
            return found
        exact = self._out.get((protocol, saddr, 0, daddr, dport))
        if exact and exact[0].flags & MasqueradeFlag.NO_SPORT:
            return exact[0]
        unknown = [
            entry
            for entry in self._out_loose.get((protocol, saddr, 0), ())
            if entry.flags & MasqueradeFlag.NO_SPORT
        ]
        return _fitting(unknown, daddr, dport)

    def toward(self, protocol: int, daddr: bytes, dport: int) -> list[Entry]:
        """The entries to an outside end, the newest first."""
        return list(self._toward.get((protocol, daddr, dport), ()))

    def add(self, entry: Entry) -> None:
        """Hash an entry. Kernel: `ip_masq_hash`."""
        if entry.flags & MasqueradeFlag.HASHED:
            return
        entry.flags |= MasqueradeFlag.HASHED
        entry.references += self.DIRECTIONS
        self._entries[id(entry)] = entry
        for place, key in self._places(entry):
            place.setdefault(key, []).insert(0, entry)

    def remove(self, entry: Entry) -> bool:
        """Unhash it, before any of its ends changes; whether it was hashed. Kernel: `ip_masq_unhash`."""
        if not entry.flags & MasqueradeFlag.HASHED:
            return False
        for place, key in self._places(entry):
            place[key].remove(entry)
            if not place[key]:
                del place[key]
        del self._entries[id(entry)]
        entry.references -= self.DIRECTIONS
        entry.flags &= ~MasqueradeFlag.HASHED
        return True

    def _places(self, entry: Entry) -> Iterator[tuple[dict, tuple]]:  # type: ignore[type-arg]
        protocol, outside = entry.protocol, (entry.daddr, entry.dport)
        if entry.flags & LOOSE:
            yield self._in_loose, (protocol, entry.maddr, entry.mport)
            yield self._out_loose, (protocol, entry.saddr, entry.sport)
        else:
            yield self._in, (protocol, entry.maddr, entry.mport, *outside)
            yield self._out, (protocol, entry.saddr, entry.sport, *outside)
        yield self._toward, (protocol, *outside)


def _fitting(entries: list[Entry] | None, address: bytes, port: int) -> Entry | None:
    for entry in entries or ():
        if (entry.daddr == address or entry.flags & ANY_ADDRESS) and (
            entry.dport == port or entry.flags & ANY_PORT
        ):
            return entry
    return None
