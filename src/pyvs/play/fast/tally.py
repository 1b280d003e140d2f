"""How many packets the programs served, and why others went up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pyvs.core.wording import counted

UNTRIED: Final = "no frame that a test run takes: up"


@dataclass(slots=True)
class Tally:
    """Of one scenario, or of many."""

    served: int = 0
    """Packets that the programs sent."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Packets that they dropped, by reason."""
    up: Counter[str] = field(default_factory=Counter)
    """Packets that they left to the engine, by reason."""

    @property
    def packets(self) -> int:
        """All of them."""
        return self.served + self.dropped.total() + self.up.total()

    def add(self, other: Tally) -> None:
        """Count what another one has counted."""
        self.served += other.served
        self.dropped += other.dropped
        self.up += other.up

    def lines(self) -> list[str]:
        """A line for each fact, for people."""
        packets = self.packets
        share = 100 * self.served / packets if packets else 0.0
        lines = [f"{self.served} of {counted(packets, 'packet')} served by the programs ({share:.0f} %)"]
        for reasons in (self.up, self.dropped):
            lines += [f"  {count:>8}  {reason}" for reason, count in reasons.most_common()]
        return lines
