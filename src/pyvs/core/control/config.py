"""The verbs on settings: the three timeouts and the knobs. Kernel: `ip_vs_set_timeout`, `vs_vars`."""

from __future__ import annotations

from typing import Final

from pyvs.core import defense
from pyvs.core.control.specs import Timeouts
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto
from pyvs.core.namespace import Namespace
from pyvs.core.policy.policy import settle_all
from pyvs.core.sysctl.table import INT_MAX

LONGEST: Final = INT_MAX // 100
"""Seconds: the kernel counts them in hundredths."""

ROWS: Final = (("tcp", Proto.TCP, 1), ("tcp_fin", Proto.TCP, 4), ("udp", Proto.UDP, 0))
"""Which state each is the timeout of: TCP ESTABLISHED, TCP FIN_WAIT, UDP."""

DEFENSE: Final = frozenset(("drop_entry", "drop_packet", "secure_tcp"))
"""Knobs whose change is felt at once, not with the next run of the defence."""


def set_timeouts(ns: Namespace, timeouts: Timeouts) -> None:
    """Set the timeouts that are not 0; connections take them with their next packet. Raises EINVAL."""
    for field, _, _ in ROWS:
        seconds = getattr(timeouts, field)
        if not 0 <= seconds <= LONGEST:
            raise ControlError(Errno.EINVAL, f"timeout {field} of {seconds} s: give 0 to {LONGEST}")
    for field, number, state in ROWS:
        seconds = getattr(timeouts, field)
        if seconds and number in ns.protocols:
            ns.protocols[number].timeouts[state] = seconds
    ns.jobs.begin("terms", settle_all(ns))


def get_timeouts(ns: Namespace) -> Timeouts:
    """The three timeouts, whole seconds."""
    return Timeouts(
        **{
            field: int(ns.protocols[number].timeouts[state]) if number in ns.protocols else 0
            for field, number, state in ROWS
        }
    )


def write_knob(ns: Namespace, name: str, text: str) -> None:
    """Set a knob, with what follows from it. Raises ControlError: ENOENT, EINVAL."""
    before = getattr(ns.sysctl, name, None)
    ns.sysctl.write(name, text)
    if name in DEFENSE and getattr(ns.sysctl, name) != before:
        defense.update(ns)
