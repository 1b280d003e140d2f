"""The director's log: one readable line an event, on standard error. What repeats itself is counted, not repeated."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from pyvs.core.wording import counted

QUIET_SECONDS: Final = 10.0
"""For so long the same line is not written again."""
REMEMBERED: Final = 256


class Log:
    """Writes lines `2026-11-20 12:00:00 level text`."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.time,
        debug: bool = False,
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._debug = debug
        self._seen: dict[str, tuple[float, int]] = {}
        """Line -> (when it was written, how often it came since)."""

    def error(self, text: str) -> None:
        """Something does not work."""
        self.line("error", text)

    def warning(self, text: str) -> None:
        """Something will not work as one thinks."""
        self.line("warning", text)

    def info(self, text: str) -> None:
        """Something happened."""
        self.line("info", text)

    def fault(self, what: str, fault: Exception) -> None:
        """An exception that should not have been: what became of it, and where it came from."""
        frames = traceback.extract_tb(fault.__traceback__)[-4:]
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        self.error(f"{what} because of a fault of ours: {type(fault).__name__}: {fault} at {where}")

    def line(self, level: str, text: str) -> None:
        """One event. An end of line in it becomes a space."""
        if level == "debug" and not self._debug:
            return
        now = self._clock()
        text = " ".join(text.split("\n"))
        written = self._seen.get(text)
        times = ""
        if written is not None:
            since, count = written
            if now - since < QUIET_SECONDS:
                self._seen[text] = since, count + 1
                return
            if count:
                times = f" ({counted(count, 'time')} more since)"
        elif len(self._seen) >= REMEMBERED:
            self._seen = {line: seen for line, seen in self._seen.items() if now - seen[0] < QUIET_SECONDS}
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
        self._seen[text] = now, 0
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        try:
            self._stream.write(f"{stamp} {level:7} {text}{times}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # whoever read the log has gone; packets go on
