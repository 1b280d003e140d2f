"""What another daemon left in pinned maps: its destinations, found again by the services that they belong to."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from pyvs.core.flags import Family
from pyvs.fastpath import links, pins
from pyvs.fastpath.change import Changes
from pyvs.fastpath.identity import Identity
from pyvs.fastpath.layout import DEST, OWNER
from pyvs.fastpath.maps import ArrayMap

BEGINNING: Final = 120.0
"""Seconds between a director's first pin and its first link, at most."""


def left_behind(changes: Changes, dests: ArrayMap) -> dict[Identity, int]:
    """The destinations in the maps and their numbers. Raises OSError."""
    found: dict[Identity, int] = {}
    servers = dests.items()
    for (raw_number, raw_owner), (_, raw_dest) in zip(changes.owners.items(), servers, strict=True):
        owner = OWNER.unpack(raw_owner)
        if not owner["af"]:
            continue
        server = DEST.unpack(raw_dest)
        daf = int(server["af"])
        daddr = bytes(server["addr"])[: _size(daf)]
        dport = int.from_bytes(server["port"], "big")
        mark = int(owner["fwmark"])
        if mark:
            name: Identity = (int(owner["af"]), mark, 0, b"", 0, daf, daddr, dport)
        else:
            vaddr = bytes(owner["vaddr"])[: _size(int(owner["af"]))]
            vport = int.from_bytes(owner["vport"], "big")
            name = (int(owner["af"]), 0, int(owner["protocol"]), vaddr, vport, daf, daddr, dport)
        number = int.from_bytes(raw_number, sys.byteorder)
        if name in found:  # one was removed, with connections, before the other came
            if server["flags"]:
                found[_nobody(name, found[name])] = found[name]
            else:
                name = _nobody(name, number)
        found[name] = number
    return found


def _nobody(name: Identity, number: int) -> Identity:
    """A name that no rule has."""
    return (*name[:-1], -1 - number)


def forget_dead(homes: Path, own: Path) -> int:
    """Unpin what directors left in network namespaces that are gone, but for our own; how many there were.

    A namespace takes its devices along: none of the links there has one any more. Where there are no links nothing is
    served, and nobody begins for so long. Raises OSError.
    """
    gone = 0
    for home in sorted(homes.iterdir()):
        found = list(home.glob(f"layout-*/{pins.LINKS}/*"))
        dead = all(links.is_dead(pin) for pin in found) if found else _age(home) > BEGINNING
        if home != own and dead:
            pins.remove(home)
            gone += 1
    return gone


def _age(home: Path) -> float:
    """Seconds since something was pinned there."""
    return time.time() - max(place.stat().st_mtime for place in (home, *home.glob("layout-*")))


def _size(family: int) -> int:
    return 4 if family == Family.INET else 16
