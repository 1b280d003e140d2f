"""`ip route show` and its like: what a host has, as iproute2 prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from pyvs.host.interface import LOOPBACK
from pyvs.host.routing import LOCAL, MAIN, TABLE_NAMES, Entry, Kind, RouteError

if TYPE_CHECKING:
    from pyvs.host.host import Host

SHOW: Final = ("show", "list", "lst", "ls", "sh")
NAMES: Final = {number: name for name, number in TABLE_NAMES.items()}


def show(host: Host, what: str, words: list[str], width: int) -> str:
    """The text of `ip WHAT show WORDS`; width: length of addresses, or 0. Raises RouteError."""
    for names, function in OBJECTS.items():
        if what in names:
            return "".join(f"{line}\n" for line in function(host, words, width))
    raise RouteError(f'Object "{what}" is unknown, try "ip help".')


def _prefix(entry: Entry) -> str:
    if not entry.length:
        return "default"
    address = str(ip_address(entry.prefix))
    return address if entry.length == len(entry.prefix) * 8 else f"{address}/{entry.length}"


def _routes(host: Host, words: list[str], width: int) -> Iterator[str]:
    number = MAIN
    if words[:1] == ["table"] and len(words) == 2:
        number = TABLE_NAMES.get(words[1], int(words[1]) if words[1].isdigit() else MAIN)
    elif words:
        raise RouteError(f"ip: 'route show {' '.join(words)}' is not known here")
    table = host.routing.table(width or 4, number)
    entries = [entry for routes in table.lengths.values() for found in routes.values() for entry in found]
    for entry in sorted(entries, key=lambda e: (e.length > 0, e.prefix, e.length)):
        kind = "" if entry.kind is Kind.UNICAST else f"{entry.kind.value} "
        via = f" via {ip_address(entry.gateway)}" if entry.gateway else ""
        device = f" dev {entry.device}" if entry.device else ""
        source = f" src {ip_address(entry.source)}" if entry.source else ""
        scope = " proto kernel scope link" if number != LOCAL and entry.source and not entry.gateway else ""
        metric = f" metric {entry.metric}" if entry.metric else ""
        yield f"{kind}{_prefix(entry)}{via}{device}{scope}{source}{metric} "


def _rules(host: Host, words: list[str], width: int) -> Iterator[str]:
    for rule in host.routing.rules[width or 4]:
        source = f"{ip_address(rule.source[0])}/{rule.source[1]}" if rule.source else "all"
        to = f" to {ip_address(rule.destination[0])}/{rule.destination[1]}" if rule.destination else ""
        mask = "" if rule.mask == 0xFFFFFFFF else f"/{rule.mask:#x}"
        mark = f" fwmark {rule.mark:#x}{mask}" if rule.mask else ""
        iif = f" iif {rule.iif}" if rule.iif else ""
        yield f"{rule.preference}:\tfrom {source}{to}{mark}{iif} lookup {NAMES.get(rule.table, rule.table)}"


def _addresses(host: Host, words: list[str], width: int) -> Iterator[str]:
    wanted = words[-1] if words else ""
    if wanted and wanted not in host.interfaces:
        raise RouteError(f'Device "{wanted}" does not exist.')
    for number, interface in enumerate(host.interfaces.values(), 1):
        if wanted not in ("", interface.name):
            continue
        kind = "loopback" if interface.name == LOOPBACK else "ether"
        flags = "LOOPBACK,UP" if interface.name == LOOPBACK else "BROADCAST,MULTICAST,UP"
        yield f"{number}: {interface.name}: <{flags},LOWER_UP> mtu {interface.mtu}"
        yield f"    link/{kind} {interface.mac.hex(':')}"
        for address in interface.addresses:
            if width in (0, len(address.packed)):
                scope = "host" if interface.name == LOOPBACK else "global"
                yield f"    {'inet' if address.version == 4 else 'inet6'} {address} scope {scope}"


def _neighbours(host: Host, words: list[str], width: int) -> Iterator[str]:
    for interface in host.interfaces.values():
        for address, mac in interface.neighbours.items():
            if width in (0, len(address)):
                yield f"{ip_address(address)} dev {interface.name} lladdr {mac.hex(':')} PERMANENT "


OBJECTS: Final[dict[tuple[str, ...], Callable[[Host, list[str], int], Iterator[str]]]] = {
    ("route", "r", "ro"): _routes,
    ("rule", "ru"): _rules,
    ("addr", "address", "a", "link", "l"): _addresses,
    ("neigh", "neighbour", "neighbor", "n"): _neighbours,
}
"""What can be shown: names -> function(host, words, width)."""
