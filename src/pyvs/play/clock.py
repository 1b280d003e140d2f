"""The clock of a scenario: it stands, and moves in ticks of the recorded kernel."""

from typing import Final

HZ: Final = 100
BOOT: Final = 300 * HZ
"""The tick at which a scenario's director is made; any would do, but 0 hides mistakes."""


class Clock:
    """Time in ticks since the start of the machine."""

    def __init__(self) -> None:
        self.ticks = BOOT
        self.start = BOOT
        """The tick at which the steps began."""

    @property
    def now(self) -> float:
        """The time in seconds, as the engine takes it."""
        return self.ticks / HZ

    @property
    def since_start(self) -> float:
        """Seconds since the steps began."""
        return (self.ticks - self.start) / HZ


def ticks(seconds: float) -> int:
    """So many whole ticks are over after so many seconds."""
    return int(seconds * HZ + 1e-6)
