"""A walk over all connections in short stretches, so that packets never wait for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace


class Sweep:
    """Calls something for each connection that there is when its turn comes."""

    def __init__(self, ns: Namespace, act: Callable[[Connection], None]) -> None:
        self._rest = iter(ns.connections)
        self._act = act

    def step(self, limit: int) -> bool:
        """Go on for `limit` connections; whether that was the end."""
        seen = 0
        for conn in islice(self._rest, limit):
            seen += 1
            self._act(conn)
        return seen < limit
