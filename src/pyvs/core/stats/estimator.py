"""Rates: moving averages that are brought up to date every two seconds. Kernel: ip_vs_est.c.

All in whole numbers with the kernel's scales, so that the readings are equal: conns and packets a second by
2**10, bytes by 2**5, each run going a quarter of the way to what the last two seconds were.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import add
from typing import TYPE_CHECKING, Final

from pyvs.core.stats.counters import Counters, Rates, Totals

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

PERIOD: Final = 2.0
"""Seconds between two runs."""
STRETCH: Final = 250
"""Objects of one step of a run: a quarter of a millisecond."""


def estimate(counters: Counters) -> None:
    """One run for one object. Kernel: the loop of `estimation_timer`."""
    live = counters.live()
    last = counters.last
    estimates = counters.estimates
    counters.shown = live
    if live == last:
        if any(estimates):
            counters.estimates = [estimate + (-estimate >> 2) for estimate in estimates]
        return
    # A count of two seconds, so the scale is one power of two less.
    rates = (
        (live.conns - last.conns) << 9,
        (live.inpkts - last.inpkts) << 9,
        (live.outpkts - last.outpkts) << 9,
        (live.inbytes - last.inbytes) << 4,
        (live.outbytes - last.outbytes) << 4,
    )
    counters.last = live
    counters.estimates = [
        estimate + (rate - estimate >> 2) for rate, estimate in zip(rates, estimates, strict=True)
    ]


def totals(counters: Counters) -> Totals:
    """What `--stats` shows: as of the last run, less what ZERO took. Kernel: `ip_vs_copy_stats`."""
    shown, base = counters.shown, counters.base
    return Totals(
        shown.conns - base.conns,
        shown.inpkts - base.inpkts,
        shown.outpkts - base.outpkts,
        shown.inbytes - base.inbytes,
        shown.outbytes - base.outbytes,
    )


def rates(counters: Counters) -> Rates:
    """What `--rate` shows, rounded up as the kernel does. Kernel: `ip_vs_read_estimator`."""
    cps, inpps, outpps, inbps, outbps = counters.estimates
    return Rates(
        cps + 0x1FF >> 10, inpps + 0x1FF >> 10, outpps + 0x1FF >> 10, inbps + 0xF >> 5, outbps + 0xF >> 5
    )


def zero(counters: Counters) -> None:
    """Begin to show from zero what the last run saw; the counters go on. Kernel: `ip_vs_zero_stats`."""
    counters.base = counters.last = counters.shown
    counters.estimates = [0, 0, 0, 0, 0]


def inherit(counters: Counters, past: Totals) -> None:
    """Go on from what another engine counted: it is shown at once, and no rate comes of it."""
    for name, count in past._asdict().items():
        setattr(counters, name, getattr(counters, name) + count)
    counters.shown = _sum(counters.shown, past)
    counters.last = _sum(counters.last, past)


def _sum(some: Totals, more: Totals) -> Totals:
    return Totals(*map(add, some, more))


def run(ns: Namespace) -> Iterator[None]:
    """One run for everything, a stretch of STRETCH objects with each step, so that packets need not wait for it all."""
    looked = 0
    estimate(ns.stats)
    for service in list(ns.services):
        estimate(service.stats)
        for destination in tuple(service.destinations):
            estimate(destination.stats)
        looked += 1 + len(service.destinations)
        if looked >= STRETCH:
            looked = 0
            yield


def handle(ns: Namespace) -> None:
    """A whole run, unless sysctl run_estimation is 0: then what is shown stands still."""
    if ns.sysctl.run_estimation:
        for _ in run(ns):
            pass
