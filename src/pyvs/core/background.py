"""What goes on without packets: the defence every second, the estimator every two, the trash every minute; jobs.

The engine asks `next_time` and calls `handle` then; connections have timers of their own.
"""

from __future__ import annotations

from typing import Final

from pyvs.core import defense, drop_entry
from pyvs.core.connections.expiry import expire_nodest
from pyvs.core.namespace import Namespace
from pyvs.core.policy import deadline
from pyvs.core.stats import estimator

SLACK: Final = 1e-6
"""Seconds by which a clock that counts in fractions may be early."""


def next_time(ns: Namespace) -> float:
    """When to call `handle` next."""
    if len(ns.jobs):
        return ns.now
    time = min(ns.next_defense, ns.next_estimate)
    if ns.trash.next_time is not None:
        time = min(time, ns.trash.next_time)
    if ns.expire_nodest_at is not None:
        time = min(time, ns.expire_nodest_at)
    drains = ns.drains.next_time() if len(ns.drains) else None
    return time if drains is None else min(time, drains)


def handle(ns: Namespace) -> None:
    """Do what is due at `ns.now`; runs that were missed are not made up for."""
    now = ns.now + SLACK
    ns.jobs.step()
    if ns.expire_nodest_at is not None and now >= ns.expire_nodest_at:
        ns.expire_nodest_at = None
        ns.jobs.begin("expire_nodest", expire_nodest(ns))
    if now >= ns.next_defense:
        ns.next_defense = _following(ns.next_defense, defense.PERIOD, now)
        defense.update(ns)
        if ns.defense.drop_entries:
            ns.jobs.begin("drop_entry", drop_entry.run(ns))
    if now >= ns.next_estimate:
        ns.next_estimate = _following(ns.next_estimate, estimator.PERIOD, now)
        if ns.sysctl.run_estimation:
            ns.jobs.begin("estimation", estimator.run(ns))
    if ns.trash.next_time is not None and now >= ns.trash.next_time:
        ns.jobs.begin("trash", ns.trash.sweep(ns.now))
    if len(ns.drains):
        deadline.handle(ns)


def _following(last: float, period: float, now: float) -> float:
    """The first of the times `last`, `last` + `period` and so on that is later than now."""
    return last + period * (int((now - last) / period) + 1)
