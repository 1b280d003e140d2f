"""The programs' clock: jiffies, which cost them nothing, against the seconds of the engine."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

RATES: Final = (100, 250, 300, 1000)
"""What kernels are made with. Kernel: CONFIG_HZ."""
LOOKS: Final = 9
"""How often the jiffies are looked at for one reading."""
RATE_PAUSE: Final = 0.03
RATE_LOOKS: Final = 300
RATE_AGREED: Final = 3
"""Seconds between two looks that tell the rate, how many there are at most, and how many stretches have to agree."""
_MASK: Final = 0xFFFFFFFF


class Jiffies:
    """Turns times of `time.monotonic` into jiffies modulo 2**32, and back. hz: jiffies in a second."""

    def __init__(self, hz: int, jiffies: int, monotonic: float) -> None:
        self.hz = hz
        self._offset = jiffies - monotonic * hz

    def at(self, seconds: float) -> int:
        """The jiffies of a time."""
        return int(self._offset + seconds * self.hz) & _MASK

    def length(self, seconds: float) -> int:
        """As many jiffies as a time is long, at most 2**31 - 1."""
        return min(int(seconds * self.hz), (1 << 31) - 1)

    def ago(self, jiffies: int, now: float) -> float:
        """How many seconds before `now` a reading was taken; negative after it."""
        passed = (self.at(now) - jiffies) & _MASK
        return (passed - (1 << 32) if passed >> 31 else passed) / self.hz

    @classmethod
    def read(cls) -> Jiffies:
        """The clock of this kernel. Raises OSError when it can't be read."""
        rate = _rate()
        # Whether this reader lost the processor or the kernel counts late: the look with the most jiffies is nearest.
        look = max((_Look.now() for _ in range(LOOKS)), key=lambda look: look.jiffies - look.after * rate)
        return cls(rate, look.jiffies, look.after)


class _Look(NamedTuple):
    """Jiffies, and the times between which they were read."""

    before: float
    jiffies: int
    after: float

    @classmethod
    def now(cls) -> _Look:
        """Raises OSError."""
        before = time.monotonic()
        return cls(before, _now(), time.monotonic())


def _now() -> int:
    for line in Path("/proc/timer_list").read_text(encoding="ascii").splitlines():
        if line.startswith("jiffies:"):
            return int(line.split()[1])
    raise OSError("/proc/timer_list does not tell the jiffies")


@cache
def _rate() -> int:
    """What stretches of time agree on: in one alone the kernel may have been late. Raises OSError."""
    first = _Look.now()
    found: list[int] = []
    for _ in range(RATE_LOOKS):
        time.sleep(RATE_PAUSE)
        last = _Look.now()
        passed = last.jiffies - first.jiffies
        least, most = last.before - first.after, last.after - first.before
        fitting = [rate for rate in RATES if (passed - 1) / most < rate < (passed + 1) / least]
        if len(fitting) > 1:
            continue  # it was too short to tell
        first = last
        found = [*found, *fitting] if fitting and set(found) <= set(fitting) else fitting
        if len(found) == RATE_AGREED:
            return found[0]
    raise OSError("the jiffies in /proc/timer_list fit no rate that kernels are made with")
