"""The programs' clock: jiffies, which cost them nothing, against the seconds of the engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

LOOKS: Final = 9
"""How often the jiffies are looked at for one reading, at most."""
LONG: Final = 0.5
"""Seconds after which no more looks are begun: one takes that long where thousands of threads wait for a time."""
_TIMERS: Final = Path("/proc/timer_list")
_COARSE: Final = 6
"""The clock that goes on with the jiffies. Kernel: CLOCK_MONOTONIC_COARSE."""
_CHUNK: Final = 1 << 16
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
        looks = [_Look.now()]
        while len(looks) < LOOKS and looks[-1].after - looks[0].before < LONG:
            looks.append(_Look.now())
        # Whether this reader lost the processor or the kernel counts late: the look with the most jiffies is nearest.
        look = max(looks, key=lambda look: look.jiffies - look.after * rate)
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
    """As the first processor's list tells: what follows would only take time."""
    known = b""
    with _TIMERS.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            known = known[known.rfind(b"\n") + 1 :] + chunk
            for line in known.split(b"\n")[:-1]:
                if line.startswith(b"jiffies:"):
                    return int(line.split()[1])
    raise OSError(f"{_TIMERS} does not tell the jiffies")


def _rate() -> int:
    """Jiffies in a second. Kernel: CONFIG_HZ, TICK_NSEC."""
    return round(1 / time.clock_getres(_COARSE))
