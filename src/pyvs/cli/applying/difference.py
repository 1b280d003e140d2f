"""What has to change, and how that is shown: lines as in a rule file after + (new), - (goes) and ~ (changes)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import click

from pyvs.cli.applying.tables import Row, Tables, policy_of
from pyvs.cli.ipvsadm.save import save_dest, save_service
from pyvs.cli.marked_lines import marked_line, masquerade_place
from pyvs.cli.policy import service_words
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
from pyvs.core.control.specs import (
    DestKey,
    DestSpec,
    DestView,
    ServiceKey,
    ServiceSpec,
    ServiceView,
    Timeouts,
)
from pyvs.core.masquerade.portfw import Command
from pyvs.core.masquerade.requests import ForwardingRequest, NetworkRequest, Request
from pyvs.core.policy.policy import DEFAULT
from pyvs.netlink.native_rows import (
    key_text,
    masquerade_row,
    read_dest_key,
    read_key,
    read_masquerade,
    read_server,
    read_service,
)

COLOURS: Final = {"+": "green", "-": "red", "~": "yellow"}


def difference(
    present: Tables, wanted: Tables, timeouts: Callable[[], Timeouts], knob: Callable[[str], str]
) -> list[Change]:
    """The changes that lead from one to the other. timeouts, knob: tell what those of the director are now.

    A service without a policy in the file gets the default one; timeouts and sysctls change only where they are named.
    """
    changes: list[Change] = [*_services(present, wanted), *_masquerade(present.masquerade, wanted.masquerade)]
    if wanted.timeouts is not None:
        now, then = timeouts(), wanted.timeouts
        pairs = ((now.tcp, then.tcp), (now.tcp_fin, then.tcp_fin), (now.udp, then.udp))
        if any(after not in (0, before) for before, after in pairs):
            changes.append(SetTimeouts(then))
    for name, text in wanted.knobs.items():
        if knob(name).split() != text.split():
            changes.append(SetKnob(name, text))
    return changes


def _services(present: Tables, wanted: Tables) -> Iterator[Change]:
    before, after = present.services, wanted.services
    for key in before:
        if key not in after:
            yield RemoveService(read_key(key))
    for key, (row, servers) in after.items():
        known = before.get(key)
        if known is None:
            yield AddService(read_service(row))
        elif row != known[0]:
            yield SetService(read_service(row))
        old = known[1] if known is not None else {}
        if servers != old:
            yield from _servers(key, old, servers)
        policy = policy_of(wanted, key)
        if policy != (policy_of(present, key) if known is not None else DEFAULT):
            yield SetPolicy(read_key(key), policy)


def _servers(key: str, before: dict[str, Row], after: dict[str, Row]) -> Iterator[Change]:
    for place in before:
        if place not in after:
            yield RemoveDest(read_key(key), read_dest_key(place))
    for place, row in after.items():
        if place not in before:
            yield AddDest(*read_server(row))
        elif row != before[place]:
            yield SetDest(*read_server(row))


def _masquerade(before: dict[tuple[str, ...], Row], after: dict[tuple[str, ...], Row]) -> Iterator[Change]:
    for place, row in before.items():
        if place not in after or (row != after[place] and row[1] == "network"):
            yield ChangeMasquerade(_other(read_masquerade(row), add=False))
    for place, row in after.items():
        old = before.get(place)
        if old is None or (row != old and row[1] == "network"):
            yield ChangeMasquerade(read_masquerade(row))
        elif row != old:
            yield ChangeMasquerade(_other(read_masquerade(row), add=True))


def _other(request: Request, *, add: bool) -> Request:
    """The request that takes away what this one adds; add: that changes what is there already."""
    if isinstance(request, ForwardingRequest):
        return replace(request, command=Command.EDIT if add else Command.DELETE)
    return replace(request, add=add)


# ---- shown -----------------------------------------------------------------


def shown(change: Change, present: Tables) -> tuple[str, str]:
    """The sign of a change, and its line."""
    match change:
        case AddService(spec):
            return "+", service_line(spec)
        case SetService(spec):
            return "~", service_line(spec)
        case RemoveService(key):
            return "-", f"-D {service_words(key)}"
        case AddDest(key, dest):
            return "+", dest_line(key, dest)
        case SetDest(key, dest):
            return "~", dest_line(key, dest)
        case RemoveDest(key, place):
            return "-", f"-d {service_words(key)} -r {_place(key, place)}"
        case SetPolicy(key, policy):
            was = policy_of(present, key_text(key))
            sign = "-" if policy == DEFAULT else "+" if was == DEFAULT else "~"
            return sign, marked_line(SetPolicy(key, was if sign == "-" else policy))
        case SetTimeouts(timeouts):
            return "~", f"--set {timeouts.tcp} {timeouts.tcp_fin} {timeouts.udp}"
        case SetKnob(name, text):
            return "~", f"net.ipv4.vs.{name} = {text}"
        case ChangeMasquerade(request):
            was_row = present.masquerade.get(masquerade_place(masquerade_row(request)))
            if isinstance(request, ForwardingRequest):
                gone, there = request.command is Command.DELETE, request.command is Command.EDIT
            else:
                gone, there = not request.add, was_row is not None and not isinstance(request, NetworkRequest)
            if gone and was_row is not None:
                return "-", marked_line(ChangeMasquerade(read_masquerade(was_row)))
            return "~" if there else "+", marked_line(change)


def show(changes: list[Change], present: Tables) -> None:
    """Print the difference, in colours on a terminal."""
    for change in changes:
        sign, line = shown(change, present)
        click.secho(f"{sign} {line}", fg=COLOURS[sign])


def service_line(spec: ServiceSpec) -> str:
    """The line that adds a service."""
    return save_service(ServiceView(spec, 0), None)


def dest_line(key: ServiceKey, spec: DestSpec) -> str:
    """The line that adds a server, with its thresholds."""
    line = save_dest(DestView(spec, 0, 0, 0), key, None)
    if spec.u_threshold:
        line += f" -x {spec.u_threshold}"
    if spec.l_threshold:
        line += f" -y {spec.l_threshold}"
    return line


def _place(key: ServiceKey, place: DestKey) -> str:
    line = dest_line(key, DestSpec(place))
    return line.partition(" -r ")[2].split()[0]
