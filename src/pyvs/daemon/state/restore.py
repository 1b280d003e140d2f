"""Rows made true again: each is a verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyvs.core.control.native_specs import DrainKey
from pyvs.core.control.specs import DaemonSpec, Timeouts
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError
from pyvs.core.flags import SyncState
from pyvs.daemon.state.kept import Kept, Row
from pyvs.netlink.native_rows import (
    judged,
    number,
    read_dest_key,
    read_key,
    read_masquerade,
    read_policy,
    read_server,
    read_service,
    seconds,
    text_of,
    word,
)


def restore(kept: Kept, control: Control, now: float, wall: float, tell: Callable[[str], None]) -> int:
    """Do what the rows say; how many could be done. What is refused is told, and stays in the journal.

    wall: seconds since 1970, at `now`.
    """
    count = 0
    for row in list(kept.rows()):
        try:
            _MAKE[row[0]](control, row, now, wall)
            count += 1
        except ControlError as refusal:
            tell(f"kept rule refused: {text_of(row)}: {refusal}; it is tried again at the next start")
    return count


def _service(control: Control, row: Row, now: float, wall: float) -> None:
    control.new_service(read_service(row), now)


def _server(control: Control, row: Row, now: float, wall: float) -> None:
    control.new_dest(*read_server(row), now)


def _policy(control: Control, row: Row, now: float, wall: float) -> None:
    control.set_policy(*read_policy(row), now)


@judged
def _drain(control: Control, row: Row, now: float, wall: float) -> None:
    _, key, dest, deadline = row
    place = read_dest_key(dest)
    left = None if deadline is None else max(0.0, seconds(deadline) - wall)
    control.drain(DrainKey(place.addr, place.port, read_key(key)), left, now)


@judged
def _timeouts(control: Control, row: Row, now: float, wall: float) -> None:
    _, tcp, tcp_fin, udp = row
    control.set_config(Timeouts(*(number(each, 0, 0x7FFFFFFF) for each in (tcp, tcp_fin, udp))), now)


@judged
def _sysctl(control: Control, row: Row, now: float, wall: float) -> None:
    control.sysctl_write(word(row[1], 64), word(row[2], 4096), now)


@judged
def _daemon(control: Control, row: Row, now: float, wall: float) -> None:
    _, role, ifn, syncid, maxlen, group, port, ttl = row
    sizes = (number(each, 0, 0xFFFFFFFF) for each in (syncid, maxlen, port, ttl))
    syncid, maxlen, port, ttl = sizes
    spec = DaemonSpec(SyncState(role), word(ifn, 15), syncid, maxlen, bytes.fromhex(group), port, ttl)
    control.new_daemon(spec, now)


def _masquerade(control: Control, row: Row, now: float, wall: float) -> None:
    control.masquerade(read_masquerade(row), now)


def _nothing(control: Control, row: Row, now: float, wall: float) -> None:
    """It says nothing of the tables."""


_MAKE: Final[dict[str, Callable[[Control, Row, float, float], None]]] = {
    "service": _service,
    "server": _server,
    "policy": _policy,
    "drain": _drain,
    "timeouts": _timeouts,
    "sysctl": _sysctl,
    "daemon": _daemon,
    "masquerade": _masquerade,
    "rules": _nothing,
}
