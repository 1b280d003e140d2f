"""The line by which a machine's agent tells how it is: the protocol of HAProxy's agent check.

    75%             wants this share of its weight; 0% nothing new
    up, down, stopped, fail, failed      its health, after # a reason in words
    ready, drain, maint                  what its administrator wants
    maxconn:200     so many connections at most

Words stand in any order, between them spaces, tabs or commas; of one kind the last counts. A line ends with CR or LF.
What an agent sends may be anything: a line is short, or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pyvs.core.errors import PyvsError

LONGEST: Final = 1024
"""Bytes that an agent may send."""
PERCENT_MAX: Final = 25_600
"""HAProxy's weights end at 256 of 1, so more than this can't be meant."""
_NUMBER_MAX: Final = 10
"""Digits of a number."""


class Readiness(Enum):
    """What the administrator of a machine wants."""

    READY = "ready"
    DRAIN = "drain"
    """No new connections."""
    MAINT = "maint"
    """Nothing at all."""


@dataclass(slots=True, frozen=True)
class AgentReport:
    """What a line said; None where it said nothing."""

    percent: int | None = None
    up: bool | None = None
    readiness: Readiness | None = None
    maxconn: int | None = None
    reason: str = ""
    """Why it is down, in the agent's words."""

    def weight(self, configured: int) -> int | None:
        """The weight that follows, of one that was configured: rounded up, so that little is not nothing.

        None: it stays.
        """
        if self.up is False or self.readiness in (Readiness.DRAIN, Readiness.MAINT):
            return 0
        if self.percent is not None:
            return -(-configured * self.percent // 100)
        if self.up or self.readiness is Readiness.READY:
            return configured
        return None


_HEALTH: Final = {"up": True, "down": False, "stopped": False, "fail": False, "failed": False}
_READINESS: Final = {readiness.value: readiness for readiness in Readiness}


def parse_line(data: bytes) -> AgentReport:
    """What an agent's bytes say. Raises PyvsError: too long, no end of line, or nothing that is understood.

    Words that are not known are passed over when others are.
    """
    line = _line_of(data)
    words, _, reason = line.partition("#")
    found: dict[str, object] = {}
    for word in words.replace(",", " ").lower().split():
        if word in _HEALTH:
            found["up"] = _HEALTH[word]
        elif word in _READINESS:
            found["readiness"] = _READINESS[word]
        elif word.endswith("%") and (percent := _number(word[:-1])) is not None:
            found["percent"] = min(percent, PERCENT_MAX)
        elif word.startswith("maxconn:") and (most := _number(word[8:])) is not None:
            found["maxconn"] = most
    if not found:
        raise PyvsError(
            f"the agent's line {line[:60]!r} says nothing; expected a weight like 75%, or up, or down"
        )
    if found.get("up") is False:
        found["reason"] = reason.strip()
    return AgentReport(**found)  # type: ignore[arg-type]


def _line_of(data: bytes) -> str:
    for at, byte in enumerate(data[:LONGEST]):
        if byte in (10, 13):
            return data[:at].decode("ascii", "replace")
    if len(data) > LONGEST:
        raise PyvsError(f"the agent's line is longer than {LONGEST} bytes")
    raise PyvsError("the agent's line has no end; it must close with CR or LF")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX else None
