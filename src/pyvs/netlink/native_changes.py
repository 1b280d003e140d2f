"""The changes of `apply` as rows: a sign, then what is added (+), changed (~) or removed (-).

["+", "service", ...]  ["~", "server", ...]  ["-", "server", KEY, SERVER]  ["-", "service", KEY]
["~", "policy", ...]   ["~", "timeouts", tcp, tcp_fin, udp]   ["~", "sysctl", NAME, TEXT]
["~", "masquerade", WORD, ...]                                      words as in masquerade.py
"""

from __future__ import annotations

from typing import Any

from pyvs.core.control.native_specs import (
    AddDest,
    AddService,
    Change,
    ChangeMasquerade,
    RemoveDest,
    RemoveService,
    SetDest,
    SetKnob,
    SetPolicy,
    SetService,
    SetTimeouts,
)
from pyvs.core.control.specs import Timeouts
from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.native_rows import (
    Row,
    dest_text,
    judged,
    key_text,
    masquerade_row,
    number,
    policy_row,
    read_dest_key,
    read_key,
    read_masquerade,
    read_policy,
    read_server,
    read_service,
    server_row,
    service_row,
    word,
)

_NAME: int = 64
_TEXT: int = 4096
_SECONDS: int = 0x7FFFFFFF


def change_row(change: Change) -> Row:
    """A change as a row."""
    match change:
        case AddService(spec):
            return "+", *service_row(spec)
        case SetService(spec):
            return "~", *service_row(spec)
        case RemoveService(key):
            return "-", "service", key_text(key)
        case AddDest(key, dest):
            return "+", *server_row(key, dest)
        case SetDest(key, dest):
            return "~", *server_row(key, dest)
        case RemoveDest(key, place):
            return "-", "server", key_text(key), dest_text(place)
        case SetPolicy(key, policy):
            return "~", *policy_row(key, policy)
        case SetTimeouts(timeouts):
            return "~", "timeouts", timeouts.tcp, timeouts.tcp_fin, timeouts.udp
        case SetKnob(name, text):
            return "~", "sysctl", name, text
        case ChangeMasquerade(request):
            return "~", *masquerade_row(request)


@judged
def read_change(row: list[Any]) -> Change:
    """The change of a row. Raises ControlError(EINVAL)."""
    match row:
        case ["+", "service", *_]:
            return AddService(read_service(row[1:]))
        case ["~", "service", *_]:
            return SetService(read_service(row[1:]))
        case ["-", "service", key]:
            return RemoveService(read_key(key))
        case ["+", "server", *_]:
            return AddDest(*read_server(row[1:]))
        case ["~", "server", *_]:
            return SetDest(*read_server(row[1:]))
        case ["-", "server", key, dest]:
            return RemoveDest(read_key(key), read_dest_key(dest))
        case ["~", "policy", *_]:
            return SetPolicy(*read_policy(row[1:]))
        case ["~", "timeouts", tcp, tcp_fin, udp]:
            return SetTimeouts(Timeouts(*(number(each, 0, _SECONDS) for each in (tcp, tcp_fin, udp))))
        case ["~", "sysctl", name, text]:
            return SetKnob(word(name, _NAME), word(text, _TEXT))
        case ["~", "masquerade", *_]:
            return ChangeMasquerade(read_masquerade(row[1:]))
    raise ControlError(Errno.EINVAL, f"{str(row)[:60]} is no change")
