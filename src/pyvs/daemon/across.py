"""Which devices hand packets to the far ends of their veth pairs, without the queue that a veth device puts them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from pyvs.datapath.rtnetlink import Link

if TYPE_CHECKING:
    from pyvs.daemon.onlookers import Onlookers

Choice = Literal["auto", "on", "off"]
CHOICES: Final[tuple[Choice, ...]] = ("auto", "on", "off")

STRETCH: Final = 32
"""Devices that are looked at in one go."""


class Across:
    """As it was chosen; `auto`: where nobody looks at what leaves."""

    def __init__(self, choice: Choice, onlookers: Onlookers) -> None:
        self.choice = choice
        self.onlookers = onlookers
        self.seen: dict[int, str] = {}
        """Who looks, by number of the device; empty: nobody. Of those that could hand over."""
        self._round: Iterator[Link] = iter(())

    def reaches(self, link: Link) -> bool:
        """Whether a device's packets go to the far end of its pair."""
        if not link.reaches_out or self.choice == "off":
            self.seen.pop(link.index, None)
            return False
        if link.index not in self.seen:
            self.seen[link.index] = "" if self.choice == "on" else self.onlookers.at(link)
        return not self.seen[link.index]

    def look(self, links: Iterable[Link]) -> bool:
        """See who looks now, at some devices after the other; whether `reaches` answers otherwise for any."""
        if self.choice != "auto":
            return False
        self.onlookers.look()
        changed = False
        turn = list(islice(self._round, STRETCH))
        if not turn:
            self._round = (link for link in list(links) if link.index in self.seen)
            turn = list(islice(self._round, STRETCH))
        for link in turn:
            before, now = self.seen[link.index], self.onlookers.at(link)
            self.seen[link.index] = now
            changed = changed or bool(before) != bool(now)
        return changed

    def forget(self, index: int) -> None:
        """A device is gone."""
        self.seen.pop(index, None)
