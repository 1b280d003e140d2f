"""The services in the maps, and who has which part of the table of slots."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from pyvs.core.flags import Family
from pyvs.fastpath.layout import SERVICE, SERVICE_KEY
from pyvs.fastpath.maps import ArrayMap, BpfMap
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.tables import LIMITS, SELECT_FALLBACK, Selector


class SlotsFull(Exception):
    """The table of slots has no room for this service: the engine has to schedule it."""


class Services:
    """Services whose new connections the programs schedule. Addresses packed, ports numbers."""

    def __init__(self, services: BpfMap, slots: ArrayMap) -> None:
        """Takes over what the maps hold already."""
        self._services = services
        self._slots = slots
        self._end: int | None = None
        """Where the part of the table begins that was never given out; None: nobody has looked."""

    def __iter__(self) -> Iterator[tuple[tuple[int, bytes, int], dict[str, Any]]]:
        """(protocol, address, port) and what the maps hold of it."""
        for raw, value in self._services.items():
            key = SERVICE_KEY.unpack(raw)
            size = 4 if key["af"] == Family.INET else 16
            yield (
                (key["protocol"], bytes(key["addr"])[:size], int.from_bytes(key["port"], "big")),
                SERVICE.unpack(value),
            )

    def set(
        self,
        protocol: int,
        addr: bytes,
        port: int,
        selection: Selection,
        *,
        cursor: int = 0,
        persist: int = 0,
        mask: bytes = b"",
    ) -> None:
        """Schedule a service's new connections by a selection from now on.

        cursor: where it stands, one past the last pick; persist: jiffies that its templates live, 0: it has none;
        mask: of the clients that have one together. Raises SlotsFull, OSError.
        """
        base = self._room(len(selection.slots))
        self._slots.put_many(
            ((base + at).to_bytes(4, sys.byteorder), number.to_bytes(4, sys.byteorder))
            for at, number in enumerate(selection.slots)
        )
        value = SERVICE.pack(
            selector=selection.selector | (SELECT_FALLBACK if selection.fallback else 0),
            base=base,
            size=len(selection.slots),
            cursor=cursor,
            persist=persist,
            mask=mask.ljust(16, b"\0"),
        )
        self._services.put(_key(protocol, addr, port), value)

    def stop(self, protocol: int, addr: bytes, port: int) -> int:
        """Let its new connections go up; the cursor as it stands. Raises OSError."""
        cursor = self.cursor(protocol, addr, port)
        self._services.put(_key(protocol, addr, port), SERVICE.pack(selector=Selector.NONE, cursor=cursor))
        return cursor

    def cursor(self, protocol: int, addr: bytes, port: int) -> int:
        """Where it stands in its slots: one past the last pick, 0 if there was none. Raises OSError."""
        value = self._services.get(_key(protocol, addr, port))
        return 0 if value is None else int(SERVICE.unpack(value)["cursor"])

    def remove(self, protocol: int, addr: bytes, port: int) -> bool:
        """Forget it; whether it was there. Raises OSError."""
        return self._services.delete(_key(protocol, addr, port))

    def _room(self, size: int) -> int:
        """The first gap of the table that is large enough; present slots stay until the new ones are in use."""
        # Behind the last that was given out there is room most of the time: so not all services are looked at.
        if self._end is not None and self._end + size <= LIMITS["MAX_SLOTS"]:
            self._end += size
            return self._end - size
        taken = sorted((row["base"], row["size"]) for _, row in self if row["size"])
        at = 0
        for base, length in taken:
            if base - at >= size:
                break
            at = max(at, base + length)
        if at + size > LIMITS["MAX_SLOTS"]:
            raise SlotsFull(
                f"the fast path's table of {LIMITS['MAX_SLOTS']} slots has no room for {size} more"
            )
        self._end = max([at + size, *(base + length for base, length in taken)])
        return at


def _key(protocol: int, addr: bytes, port: int) -> bytes:
    return SERVICE_KEY.pack(
        addr=addr.ljust(16, b"\0"),
        port=port.to_bytes(2, "big"),
        protocol=protocol,
        af=Family.INET if len(addr) == 4 else Family.INET6,
    )
