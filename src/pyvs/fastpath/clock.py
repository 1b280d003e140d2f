"""The programs' clock: jiffies, which cost them nothing, against the seconds of the engine."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Final

RATES: Final = (100, 250, 300, 1000)
"""What kernels are made with. Kernel: CONFIG_HZ."""
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
        before, monotonic = _now(), time.monotonic()
        return cls(_rate(), before, monotonic)


def _now() -> int:
    for line in Path("/proc/timer_list").read_text(encoding="ascii").splitlines():
        if line.startswith("jiffies:"):
            return int(line.split()[1])
    raise OSError("/proc/timer_list does not tell the jiffies")


@cache
def _rate() -> int:
    first, begin = _now(), time.monotonic()
    time.sleep(0.06)
    last, end = _now(), time.monotonic()
    seen = (last - first) / (end - begin)
    return min(RATES, key=lambda rate: abs(rate - seen))
