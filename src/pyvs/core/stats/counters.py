"""Counters of one object, and what `--stats` and `--rate` show of them. Kernel: `struct ip_vs_stats`.

The walk adds to the live counters. What the tools read is the *shown* copy, which the estimator brings up to
date every two seconds, less the base that ZERO sets.
"""

from typing import Final, NamedTuple


class Totals(NamedTuple):
    """Counts since the beginning, or since ZERO. Kernel: `struct ip_vs_kstats`."""

    conns: int = 0
    inpkts: int = 0
    outpkts: int = 0
    inbytes: int = 0
    outbytes: int = 0


class Rates(NamedTuple):
    """A second's worth of each. Kernel: the second half of `struct ip_vs_kstats`."""

    cps: int = 0
    inpps: int = 0
    outpps: int = 0
    inbps: int = 0
    outbps: int = 0


ZERO: Final = Totals()


class Counters:
    """The live counters of one object, and its estimator's memory."""

    __slots__ = ("base", "conns", "estimates", "inbytes", "inpkts", "last", "outbytes", "outpkts", "shown")

    def __init__(self) -> None:
        self.conns = 0
        self.inpkts = 0
        self.outpkts = 0
        self.inbytes = 0
        self.outbytes = 0
        self.shown: Totals = ZERO
        """The live counters as the estimator last saw them. Kernel: `kstats`."""
        self.base: Totals = ZERO
        """What ZERO subtracts. Kernel: `kstats0`."""
        self.last: Totals = ZERO
        """The live counters at the estimator's last run. Kernel: `last_conns` and so on."""
        self.estimates: list[int] = [0, 0, 0, 0, 0]
        """Scaled moving averages: conns and packets by 2**10, bytes by 2**5. Kernel: `est->cps` and so on."""

    def live(self) -> Totals:
        """The counters as of now."""
        return Totals(self.conns, self.inpkts, self.outpkts, self.inbytes, self.outbytes)
