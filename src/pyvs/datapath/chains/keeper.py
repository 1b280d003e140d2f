"""Keeps our chains as the services want them: in at the start, replaced on change, out at the end."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

from pyvs.core.flags import Family
from pyvs.datapath.chains.iptables import ChainError, Iptables, Restoring, jumps, remove_lock
from pyvs.datapath.chains.rules import Aim, tables
from pyvs.datapath.chains.watch import Watch

FAMILIES: Final = (Family.INET, Family.INET6)


@dataclass(slots=True)
class _Tables:
    """The chains of one family."""

    tool: Iptables | None = None
    """The variant that took them; None while they are not in."""
    stands: str = ""
    """What was put in last."""
    coming: str = ""
    restoring: Restoring | None = None


class Chains:
    """Our chains in this network namespace. One at a time: the queue that they lead to can be bound only once."""

    def __init__(self) -> None:
        self._families = {family: _Tables() for family in FAMILIES}

    def take_leftovers(self) -> list[str]:
        """Take over what an earlier director that was killed has left: the names of the programs that had it.

        What is whole stays until it is replaced: without it packets of services would meet this host's own stack,
        which resets connections. What is not is removed. Raises ChainError.
        """
        found: list[str] = []
        for family, ours in self._families.items():
            for tool in Iptables.all(family):
                saved = tool.save()
                if saved:
                    found.append(tool.name)
                    if ours.tool is None and saved.whole:
                        ours.tool = tool
                        continue
                    tool.restore(saved.removal())
                    if (
                        ours.tool is not None and not ours.tool.save().whole
                    ):  # it was the same under another name
                        ours.tool = None
        return found

    def update(self, watches: list[Watch], aim: Aim) -> None:
        """Put in what is wanted, and wait until it stands. Raises ChainError; then the rest is as it was."""
        self.begin(watches, aim)
        self.finish(wait=True)

    def begin(self, watches: list[Watch], aim: Aim) -> list[int]:
        """Start to put in what is wanted: descriptors that become readable when `finish` should be called.

        A family whose chains are still on their way is left alone: call again afterwards. Raises ChainError.
        """
        waiting: list[int] = []
        for watch in watches:
            family = self._families[watch.family]
            if family.restoring is not None or (family.tool is None and not watch):
                continue
            text = tables(watch, aim)
            if text == family.stands:
                continue
            if family.tool is None:
                self._install(watch.family, text)
                continue
            family.coming = text
            family.restoring = family.tool.begin(text)
            waiting.append(family.restoring.pidfd)
        return waiting

    def finish(self, *, wait: bool = False) -> None:
        """Take note of what has ended (or wait for it). Raises ChainError if it was refused."""
        refused: ChainError | None = None
        for family in self._families.values():
            if family.restoring is None or not (wait or family.restoring.ended()):
                continue
            restoring, family.restoring = family.restoring, None
            try:
                restoring.wait()
                family.stands = family.coming
            except ChainError as error:
                refused = error
        if refused is not None:
            raise refused

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return any(family.restoring is not None for family in self._families.values())

    def _install(self, family: Family, text: str) -> None:
        """The first time: by the variant that works."""
        tools = Iptables.all(family)
        if not tools:
            raise ChainError("iptables is not installed: install the package iptables")
        first: ChainError | None = None
        for tool in tools:
            try:
                tool.restore(text + jumps())
            except ChainError as error:
                first = first or error
                saved = tool.save()
                if saved:  # tables are replaced one by one: some may have been
                    tool.restore(saved.removal())
                continue
            self._families[family].tool = tool
            self._families[family].stands = text
            return
        raise ChainError(
            f"{first}; the kernel needs the tables raw, mangle and security, the target NFQUEUE and the matches "
            "mark, multiport and pkttype of iptables"
        )

    def close(self) -> None:
        """Take everything out that is ours. Raises ChainError if something could not be."""
        with contextlib.suppress(ChainError):  # it is taken out now anyway
            self.finish(wait=True)
        refused: ChainError | None = None
        for family in self._families.values():
            if family.tool is None:
                continue
            saved = family.tool.save()
            try:
                if saved:
                    family.tool.restore(saved.removal())
                family.tool, family.stands = None, ""
            except ChainError as error:
                refused = error
        remove_lock()
        if refused is not None:
            raise refused
