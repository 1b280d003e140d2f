"""Servers on this host: served by the fast path where iptables can ask a program about what they answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pyvs.fastpath.answers import Answers
from pyvs.fastpath.errors import FastPathUnavailable

if TYPE_CHECKING:
    from pyvs.daemon.log import Log
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror


class OwnServers:
    """Whether they are served, and how the host's chains know what they have answered."""

    def __init__(self, fast: FastPath, mirror: Mirror, folder: Path, log: Log) -> None:
        """folder: where the program is pinned that chains ask."""
        self._fast = fast
        self._mirror = mirror
        self._folder = folder
        self._log = log
        self._answers: Answers | None = None
        self._changed: Callable[[], None] = lambda: None
        self._known = ""
        """`answered` as it was after the last renewal."""

    def see_answers(
        self, can_match: Callable[[str], bool], own_mark: int, changed: Callable[[], None]
    ) -> None:
        """Serve them, if iptables can ask a program about what they answer.

        can_match: whether a match can be put in here. changed: called when `answered` is another than at the start.
        """
        if self._fast.mode != "tc":  # packets can't be marked before tc
            return
        try:
            answers = Answers(self._fast.loaded, self._folder)
        except (FastPathUnavailable, OSError) as reason:
            self._log.info(f"servers on this host are served by the engine: {reason}")
            return
        if not can_match(answers.match):
            answers.close()
            self._log.info("servers on this host are served by the engine: iptables has no match bpf here")
            return
        self._answers = answers
        self._changed = changed
        self._mirror.answers, self._mirror.own_mark = True, own_mark

    @property
    def answered(self) -> str:
        """A match of iptables for what programs have dealt with in OUTPUT; empty while there is no need for it."""
        return self._answers.match if self._answers is not None and self._mirror.some_here else ""

    def renewed(self, *, tell: bool) -> None:
        """There may be such servers now, or none any more. tell: the chains are there, and are to follow."""
        known, self._known = self._known, self.answered
        if tell and self._known != known:
            self._changed()

    def close(self) -> None:
        """Let go of the program; its pin, and rules that name it, stay."""
        if self._answers is not None:
            self._answers.close()
