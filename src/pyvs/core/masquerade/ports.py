"""The ports that masquerading lends: 61000 to 65095, one after another. Kernel: `get_next_mport`."""

from __future__ import annotations

from itertools import count
from typing import Final

from pyvs.core.flags import Proto

BEGIN: Final = 61000
END: Final = BEGIN + 4096
"""The first port beyond the range."""
TRIES: Final = END - BEGIN + 1
"""How many ports a search looks at."""
PER_PORT: Final = 10
"""Entries that a port is counted for: it may serve several connections to different places."""


class PortPool:
    """Which port comes next, and how many entries each protocol may still have."""

    def __init__(self) -> None:
        self._turn = count()
        self.free: dict[int, int] = dict.fromkeys(
            (Proto.UDP, Proto.TCP, Proto.ICMP), (END - BEGIN) * PER_PORT
        )
        """Kernel: `ip_masq_free_ports`."""

    def next_port(self) -> int:
        """The present port; the next one is one higher, the first after the last.

        Safe without a lock: whoever asks gets a turn of their own.
        """
        return BEGIN + next(self._turn) % (END - BEGIN)

    def begin_at(self, port: int) -> None:
        """Let `port` be the present one."""
        self._turn = count(port - BEGIN)
