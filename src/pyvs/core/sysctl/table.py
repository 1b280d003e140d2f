"""The sysctls `net.ipv4.vs.*`: a row a knob, and this file alone decides. Kernel: `vs_vars` in ip_vs_ctl.c.

A row says the default, what may be written and how it reads. Times are in seconds here and in the files,
also where the kernel counts jiffies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from pyvs.core.errors import ControlError, Errno

INT_MAX: Final = 0x7FFFFFFF

LONG_MAX: Final = 0xFFFFFFFFFFFFFFFF

JIFFIES: Final = INT_MAX // 100
"""Most seconds of a time: the kernel counts them in hundredths."""

DIGITS: Final = 20
"""Longest number that is read. Kernel: `TMPBUFLEN`."""

_NUMBER: Final = re.compile(r"\s*(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(?=[ \t\n]|$)", re.ASCII)

Parser = Callable[[str, str, Any], Any]
"""Name of the knob, text, present value; the new value. Raises ControlError."""


def _refuse(name: str, text: str, expected: str) -> ControlError:
    return ControlError(Errno.EINVAL, f"net.ipv4.vs.{name} = {text.strip()!r}: expected {expected}")


def _numbers(name: str, text: str, most: int) -> list[int]:
    """One number or several, decimal, 0x hexadecimal or 0 octal; what stands behind the last is not looked at.

    Kernel: `__do_proc_dointvec`, `proc_get_long`.
    """
    values: list[int] = []
    at = 0
    while len(values) < most and text[at:].strip():
        match = _NUMBER.match(text, at)
        if match is None or len(match[1]) + len(match[2]) > DIGITS:
            break
        digits = match[2]
        base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
        values.append(-int(digits, base) if match[1] else int(digits, base))
        at = match.end()
    else:
        if values:
            return values
    raise _refuse(name, text, "a whole number" if most == 1 else f"up to {most} whole numbers")


def number(low: int = -INT_MAX - 1, high: int = INT_MAX) -> Parser:
    """Takes a whole number from low to high. Kernel: `proc_dointvec_minmax`."""

    def parse(name: str, text: str, present: int) -> int:
        value = _numbers(name, text, 1)[0]
        if not low <= value <= high:
            raise _refuse(name, text, f"a number from {low} to {high}")
        return value

    return parse


seconds: Final = number(-JIFFIES, JIFFIES)
"""Takes a time. Kernel: `proc_dointvec_jiffies`."""


def power_of_two(name: str, text: str, present: int) -> int:
    """Takes 1, 2, 4 and so on. Kernel: `proc_do_sync_ports`."""
    value = _numbers(name, text, 1)[0]
    if not 1 <= value <= INT_MAX or value & (value - 1):
        raise _refuse(name, text, "a power of two")
    return value


def threshold(name: str, text: str, present: tuple[int, int]) -> tuple[int, int]:
    """Takes `N PERIOD`, or N alone: then the period stays. Kernel: `proc_do_sync_threshold`."""
    at, period = (*_numbers(name, text, 2), present[1])[:2]
    if not 0 <= at <= INT_MAX or not 0 <= period <= INT_MAX or (period and at >= period):
        raise _refuse(name, text, "two numbers, the first smaller than the second, or the second 0")
    return at, period


def _knob(default: Any, parse: Parser, about: str) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about})


@dataclass(slots=True)
class Sysctl:
    """The values of one namespace, an attribute a knob."""

    am_droprate: int = _knob(10, number(), "drop_packet 3 drops one new connection in so many")
    amemthresh: int = _knob(1024, number(), "pages of free memory below which the defence begins")
    backup_only: int = _knob(0, number(), "a backup leaves packets to its host")
    cache_bypass: int = _knob(0, number(), "no server: send a marked packet to where it was going")
    conn_reuse_mode: int = _knob(
        1, number(), "1: schedule a SYN to a closed connection anew; 2: also one half closed"
    )
    conntrack: int = _knob(0, number(), "keep netfilter's connection tracking for our connections")
    debug_level: int = _knob(0, number(), "how much is logged")
    drop_entry: int = _knob(
        0, number(0, 3), "0 never, 1 and 2 under pressure, 3 always: drop half-open connections"
    )
    drop_packet: int = _knob(0, number(0, 3), "likewise: drop packets that begin connections")
    expire_nodest_conn: int = _knob(0, number(), "connections of a removed server end at once")
    expire_quiescent_template: int = _knob(0, number(), "templates of a server of weight 0 don't count")
    ignore_tunneled: int = _knob(0, number(), "leave what comes out of tunnels alone")
    nat_icmp_send: int = _knob(0, number(), "tell servers whose packets belong to no connection")
    pmtu_disc: int = _knob(1, number(), "respect DF in tunnels and tell clients of smaller paths")
    run_estimation: int = _knob(1, number(), "compute rates")
    schedule_icmp: int = _knob(0, number(), "ICMP errors of no connection may begin one")
    secure_tcp: int = _knob(0, number(0, 3), "0 never, 1 and 2 under pressure, 3 always: the wary TCP table")
    sloppy_sctp: int = _knob(0, number(), "any SCTP chunk but ABORT may begin a connection")
    sloppy_tcp: int = _knob(0, number(), "any TCP packet but RST may begin a connection")
    snat_reroute: int = _knob(1, number(), "look up the route of replies again after rewriting")
    sync_persist_mode: int = _knob(0, number(), "1: synchronise templates, not their connections")
    sync_ports: int = _knob(1, power_of_two, "number of ports that synchronisation uses")
    sync_qlen_max: int = _knob(3900, number(0, LONG_MAX), "most synchronisation messages that wait")
    sync_refresh_period: int = _knob(0, seconds, "seconds in which an unchanged connection is not sent again")
    sync_retries: int = _knob(0, number(0, 3), "repetitions within the refresh period")
    sync_sock_size: int = _knob(0, number(), "socket buffer of synchronisation; 0: the system's")
    sync_threshold: tuple[int, int] = _knob((3, 50), threshold, "packet N of every PERIOD is synchronised")
    sync_version: int = _knob(1, number(0, 1), "format of synchronisation messages")
    extra: dict[str, int] = field(default_factory=dict)
    """Knobs that a scheduler brings (`lblc_expiration`), in seconds."""

    @classmethod
    def names(cls) -> list[str]:
        """All knobs, sorted."""
        return sorted(f.name for f in fields(cls) if f.name != "extra")

    def bring(self, settings: Mapping[str, int]) -> None:
        """Add the knobs of a scheduler that is used for the first time; they stay, with their values."""
        for name, default in settings.items():
            self.extra.setdefault(name, default)

    def read(self, name: str) -> str:
        """The text of a knob's file. Raises ControlError(ENOENT)."""
        if name in self.extra:
            return str(self.extra[name])
        if name not in _ROWS:
            raise ControlError(Errno.ENOENT, f"there is no sysctl net.ipv4.vs.{name}")
        value = getattr(self, name)
        return "\t".join(map(str, value)) if isinstance(value, tuple) else str(value)

    def write(self, name: str, text: str) -> None:
        """Set a knob from text; empty text changes nothing. Raises ControlError: ENOENT, or EINVAL."""
        if name in self.extra:
            if text:
                self.extra[name] = seconds(name, text, self.extra[name])
        elif name in _ROWS:
            if text:
                setattr(self, name, _ROWS[name]["parse"](name, text, getattr(self, name)))
        else:
            raise ControlError(Errno.ENOENT, f"there is no sysctl net.ipv4.vs.{name}")


_ROWS: Final = {f.name: f.metadata for f in fields(Sysctl) if f.name != "extra"}
