"""What becomes of a packet at a hook: accept (perhaps rewritten), drop, or stolen (we send it ourselves).

Verdicts are made once; `engine.receive` returns one of them and the walk counts its reason.
Kernel: `NF_ACCEPT`, `NF_DROP`, `NF_STOLEN`.
"""

from enum import Enum
from typing import Final

from pyvs.core.reasons import Reason


class Action(Enum):
    """The three things that netfilter can do with a packet; the value is netfilter's number."""

    DROP = 0
    ACCEPT = 1
    STOLEN = 2


class Verdict:
    """An action and why. `accept(R)`, `drop(R)` and `stolen(R)` give the one instance of each."""

    __slots__ = ("action", "reason")

    def __init__(self, action: Action, reason: Reason) -> None:
        self.action = action
        self.reason = reason

    def __repr__(self) -> str:
        return f"<{self.action.name} {self.reason.name}>"


_ACCEPT: Final = {reason: Verdict(Action.ACCEPT, reason) for reason in Reason}
_DROP: Final = {reason: Verdict(Action.DROP, reason) for reason in Reason}
_STOLEN: Final = {reason: Verdict(Action.STOLEN, reason) for reason in Reason}


def accept(reason: Reason) -> Verdict:
    """The host goes on with the packet, which may have been rewritten."""
    return _ACCEPT[reason]


def drop(reason: Reason) -> Verdict:
    """The packet ends here."""
    return _DROP[reason]


def stolen(reason: Reason) -> Verdict:
    """The packet is ours now; what is to be sent for it stands in the commands."""
    return _STOLEN[reason]
