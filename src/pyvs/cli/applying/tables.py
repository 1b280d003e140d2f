"""Services, servers, policies and masquerading as rows by their names, which can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pyvs.cli.marked_lines import masquerade_place
from pyvs.core.control.specs import Timeouts
from pyvs.core.flags import Forward
from pyvs.core.policy.policy import DEFAULT, Policy
from pyvs.netlink.native_rows import read_policy

Row = tuple[Any, ...]

SWITCHES: Final = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
METHODS: Final[dict[int, str]] = {Forward.MASQ: "-m", Forward.DROUTE: "-g"}


@dataclass(slots=True)
class Tables:
    """What a director has, or is to have."""

    services: dict[str, tuple[Row, dict[str, Row]]] = field(default_factory=dict)
    """By service: its row, and its servers' rows by server."""
    policies: dict[str, Policy] = field(default_factory=dict)
    masquerade: dict[tuple[str, ...], Row] = field(default_factory=dict)
    """Networks, rules of port forwarding and agents, by what each is about."""
    timeouts: Timeouts | None = None
    """None: nothing is said of them."""
    knobs: dict[str, str] = field(default_factory=dict)


def tables_of(rows: Iterable[list[Any]]) -> Tables:
    """The tables of a director's rows."""
    tables = Tables()
    for listed in rows:
        row = tuple(listed)
        if row[0] == "service":
            tables.services[row[1]] = row, {}
        elif row[0] == "server":
            tables.services[row[1]][1][row[2]] = row
        elif row[0] == "policy":
            tables.policies[row[1]] = read_policy(row)[1]
        elif row[0] == "masquerade":
            tables.masquerade[masquerade_place(row)] = row
    return tables


def lines_of(tables: Tables) -> dict[str, Row]:
    """The rows by the line that ipvsadm-save -n writes for them, of those that are usual."""
    known: dict[str, Row] = {}
    for key, (row, servers) in tables.services.items():
        words = _service_words(key)
        if words is None:
            continue
        _, _, scheduler, flags, _, netmask, engine = row
        if not flags and not engine and netmask == (128 if "[" in words else 0xFFFFFFFF):
            known[f"-A {words} -s {scheduler}"] = row
        for place, server in servers.items():
            method = METHODS.get(server[3])
            if method is not None and server[5:] == _PLAIN:
                addr, _, port = place.rpartition("/")
                host = f"[{addr}]" if ":" in addr else addr
                known[f"-a {words} -r {host}:{port} {method} -w {server[4]}"] = server
    return known


_PLAIN: Final = (0, 0, 0, 0, 0)
"""No thresholds, no kind of tunnel."""


def _service_words(key: str) -> str | None:
    parts = key.split("/")
    switch = SWITCHES.get(parts[0])
    if switch is None:
        return None
    host = f"[{parts[1]}]" if ":" in parts[1] else parts[1]
    return f"{switch} {host}:{parts[2]}"


def policy_of(tables: Tables, key: str) -> Policy:
    """A service's policy."""
    return tables.policies.get(key, DEFAULT)
