"""What another daemon left in pinned maps: its destinations, found again by the services that they belong to."""

from __future__ import annotations

import sys

from pyvs.core.flags import Family
from pyvs.fastpath.change import Changes
from pyvs.fastpath.layout import DEST, OWNER
from pyvs.fastpath.maps import ArrayMap
from pyvs.fastpath.mirror import Identity


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
        found[name] = int.from_bytes(raw_number, sys.byteorder)
    return found


def _size(family: int) -> int:
    return 4 if family == Family.INET else 16
