"""The defence against floods: what is dropped when memory gets short. Kernel: `update_defense_level`.

Three knobs, each 0 (never), 1 (when memory is short, it isn't now), 2 (when it is short, it is now) or
3 (always): drop_entry ends half-open connections, drop_packet refuses packets that would begin one,
secure_tcp takes the wary TCP table. 1 and 2 turn into each other by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

PERIOD: Final = 1.0
"""Seconds between two runs. Kernel: `DEFENSE_TIMER_PERIOD`."""


class Defense:
    """The present levels of one namespace."""

    def __init__(self) -> None:
        self.drop_rate = 0
        """drop_packet drops one in so many; 0: none."""
        self.drop_counter = 0
        self.drop_entries = False
        """drop_entry is at work. Kernel: `dropentry`."""
        self.secure = False
        """The wary TCP table is in use."""
        self.turns = [0] * 9
        """By number of packets: how many more are spared. Kernel: `todrop_counter`."""


def todrop(ns: Namespace) -> bool:
    """Whether drop_packet takes this packet, which would begin a connection. Kernel: `ip_vs_todrop`."""
    defense = ns.defense
    if not defense.drop_rate:
        return False
    defense.drop_counter -= 1
    if defense.drop_counter > 0:
        return False
    defense.drop_counter = defense.drop_rate
    return True


def update(ns: Namespace) -> None:
    """Set the levels by the knobs and the free memory. Kernel: `update_defense_level`."""
    sysctl, defense = ns.sysctl, ns.defense
    missing = sysctl.amemthresh - ns.environment.available_pages()
    short = missing > 0

    sysctl.drop_entry = _level(sysctl.drop_entry, short)
    defense.drop_entries = sysctl.drop_entry > 1

    sysctl.drop_packet = _level(sysctl.drop_packet, short)
    if sysctl.drop_packet == 3:
        defense.drop_rate = sysctl.am_droprate
    elif sysctl.drop_packet == 2:
        defense.drop_rate = defense.drop_counter = sysctl.amemthresh // missing
    else:
        defense.drop_rate = 0

    sysctl.secure_tcp = _level(sysctl.secure_tcp, short)
    secure = sysctl.secure_tcp > 1
    if secure != defense.secure:
        defense.secure = secure
        for protocol in ns.protocols.values():
            protocol.set_timeouts(secure)


def _level(level: int, short: bool) -> int:
    """0 and 3 stay; 1 and 2 follow the memory."""
    return (2 if short else 1) if level in (1, 2) else level
