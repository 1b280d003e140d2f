"""`ip route add ...` and its like: the words of iproute2 that build a host.

    ip [-4|-6] route|rule|addr|neigh|link add|del|replace|set|flush|show ...

What is not known is refused by its name, and nothing was changed.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Final

from pyvs.host.ethernet import BadMac, mac
from pyvs.host.iplist import SHOW, show
from pyvs.host.routing import LOCAL, MAIN, TABLE_NAMES, Entry, Kind, RouteError, Rule

if TYPE_CHECKING:
    from pyvs.host.host import Host

IGNORED: Final = {
    **dict.fromkeys(("proto", "scope", "brd", "broadcast", "label", "advmss", "pref", "nud"), 1),
    **dict.fromkeys(("valid_lft", "preferred_lft"), 1),
    **dict.fromkeys(("onlink", "nodad", "noprefixroute"), 0),
}
"""Words that change nothing here -> how many words belong to them."""


def command(host: Host, words: list[str]) -> str:
    """One call of `ip`, its name left out; what it prints. Raises RouteError."""
    words = list(words)
    width = 0
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag not in ("-4", "-6"):
            raise RouteError(f"ip: the option {flag!r} is not known here")
        width = 4 if flag == "-4" else 16
    what = words.pop(0) if words else ""
    action = words.pop(0) if words else "show"
    if action in SHOW:
        return show(host, what, words, width)
    for names, function in OBJECTS.items():
        if what in names:
            function(host, action, words, width)
            return ""
    raise RouteError(f'Object "{what}" is unknown, try "ip help".')


def _unknown(what: str, action: str) -> RouteError:
    return RouteError(f"ip: '{what} {action}' is not known here")


def _options(
    words: list[str], known: tuple[str, ...], renamed: dict[str, str] | None = None
) -> dict[str, str]:
    """The options among words, each with its value."""
    found: dict[str, str] = {}
    left = list(words)
    while left:
        name = left.pop(0)
        name = (renamed or {}).get(name, name)
        if name in known:
            if not left:
                raise RouteError(f'Command line is not complete. Try option "help" (after {name!r})')
            found[name] = left.pop(0)
        elif name in IGNORED:
            del left[: IGNORED[name]]
        else:
            raise RouteError(f'Error: either "to" is duplicate, or "{name}" is a garbage.')
    return found


def _number(text: str, what: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise RouteError(f'Error: argument "{text}" is wrong: {what} value is invalid') from None


def _table(text: str) -> int:
    return TABLE_NAMES[text] if text in TABLE_NAMES else _number(text, "table id")


def _address(text: str) -> bytes:
    try:
        return ip_address(text).packed
    except ValueError:
        raise RouteError(f'Error: inet address is expected rather than "{text}".') from None


def _prefix(text: str, width: int) -> tuple[bytes, int]:
    if text == "default":
        return bytes(width or 4), 0
    try:
        net: IPv4Network | IPv6Network = ip_network(text)
    except ValueError:
        raise RouteError(f'Error: inet prefix is expected rather than "{text}".') from None
    return net.network_address.packed, net.prefixlen


def _route(host: Host, action: str, words: list[str], width: int) -> None:
    if action == "flush" and words == ["cache"]:
        host.routing.pmtu.clear()
        host.routing.changed()
        return
    if action not in ("add", "append", "replace", "del", "delete") or not words:
        raise _unknown("route", action)
    kinds = {kind.value: kind for kind in Kind}
    kind = kinds.get(words[0], Kind.UNICAST)
    typed = words[0] in kinds
    words = words[1:] if typed else words
    if words[:1] == ["to"]:
        words = words[1:]
    if not words:
        raise RouteError("Error: route destination is missing")
    options = _options(words[1:], ("via", "dev", "table", "src", "metric", "mtu"), {"priority": "metric"})
    gateway = _address(options["via"]) if "via" in options else None
    prefix, length = _prefix(words[0], len(gateway) if gateway else width)
    table = (
        _table(options["table"])
        if "table" in options
        else LOCAL
        if kind in (Kind.LOCAL, Kind.BROADCAST)
        else MAIN
    )
    if action in ("del", "delete"):
        host.routing.remove(prefix, length, table, kind if typed else None, options.get("dev", ""))
        return
    device = options.get("dev", "")
    if gateway is not None and not device:
        device = _device_towards(host, gateway)
    if not device and kind in (Kind.UNICAST, Kind.LOCAL):
        raise RouteError("RTNETLINK answers: No such device")
    if device and device not in host.interfaces:
        raise RouteError(f'Cannot find device "{device}"')
    metric = _number(
        options.get("metric", "1024" if len(prefix) == 16 and kind is not Kind.LOCAL else "0"), "metric"
    )
    source = _address(options["src"]) if "src" in options else None
    entry = Entry(
        prefix, length, kind, device, gateway, source, metric, _number(options.get("mtu", "0"), "mtu")
    )
    if action == "replace":
        with suppress(RouteError):  # if there is none, it is simply added
            host.routing.remove(prefix, length, table)
    host.routing.add(entry, table)


def _device_towards(host: Host, gateway: bytes) -> str:
    found = host.routing.find(gateway)
    if found is None or found.kind is not Kind.UNICAST or found.gateway is not None:
        raise RouteError("Error: Nexthop has invalid gateway.")
    return found.device


def _rule(host: Host, action: str, words: list[str], width: int) -> None:
    names = ("fwmark", "lookup", "preference", "from", "to", "iif")
    renamed = {"table": "lookup", "pref": "preference", "priority": "preference", "order": "preference"}
    if action not in ("add", "del", "delete"):
        raise _unknown("rule", action)
    options = _options(words, names, renamed)
    mark, _, mask = options.get("fwmark", "0").partition("/")
    nets = {
        side: _prefix(options[side], width) for side in ("from", "to") if options.get(side, "all") != "all"
    }
    width = width or next((len(prefix) for prefix, _ in nets.values()), 4)
    rules = host.routing.rules[width]
    preference = options.get("preference")
    rule = Rule(
        _number(preference, "preference") if preference else max(min(r.preference for r in rules[1:]) - 1, 0),
        _table(options.get("lookup", "main")),
        _number(mark, "fwmark"),
        _number(mask, "fwmask") if mask else 0xFFFFFFFF if "fwmark" in options else 0,
        nets.get("from"),
        nets.get("to"),
        options.get("iif", ""),
    )
    if action == "add":
        host.routing.add_rule(width, rule)
        return
    for old in rules:
        same = (old.table, old.mark, old.mask, old.source, old.destination, old.iif)
        if same == (rule.table, rule.mark, rule.mask, rule.source, rule.destination, rule.iif) and (
            preference is None or old.preference == rule.preference
        ):
            host.routing.remove_rule(width, old)
            return
    raise RouteError("RTNETLINK answers: No such file or directory")


def _addr(host: Host, action: str, words: list[str], width: int) -> None:
    if action not in ("add", "replace", "del", "delete") or not words:
        raise _unknown("addr", action)
    options = _options(words[1:], ("dev",))
    try:
        address = ip_interface(words[0])
    except ValueError:
        raise RouteError(f'Error: any valid prefix is expected rather than "{words[0]}".') from None
    if "dev" not in options:
        raise RouteError('Not enough information: "dev" argument is required.')
    if action in ("add", "replace"):
        host.add_address(options["dev"], address)
    else:
        host.remove_address(options["dev"], address)


def _neigh(host: Host, action: str, words: list[str], width: int) -> None:
    if action not in ("add", "replace", "change", "del", "delete") or not words:
        raise _unknown("neigh", action)
    options = _options(words[1:], ("dev", "lladdr"))
    device = options.get("dev", "")
    if device not in host.interfaces:
        raise RouteError(f'Cannot find device "{device}"')
    neighbours = host.interfaces[device].neighbours
    address = _address(words[0])
    if action in ("del", "delete"):
        if neighbours.pop(address, None) is None:
            raise RouteError("RTNETLINK answers: No such file or directory")
        return
    if action == "add" and address in neighbours:
        raise RouteError("RTNETLINK answers: File exists")
    try:
        neighbours[address] = mac(options.get("lladdr", ""))
    except BadMac as error:
        raise RouteError(str(error)) from None


def _link(host: Host, action: str, words: list[str], width: int) -> None:
    if words[:1] == ["dev"]:
        words = words[1:]
    if action != "set" or not words:
        raise _unknown("link", action)
    if words[0] not in host.interfaces:
        raise RouteError(f'Cannot find device "{words[0]}"')
    if words[1:2] == ["mtu"] and len(words) == 3:
        host.interfaces[words[0]].mtu = _number(words[2], "mtu")
        host.routing.changed()
    elif words[1:] != ["up"]:
        raise RouteError(f"ip: 'link set {' '.join(words)}' is not known here")


OBJECTS: Final = {
    ("route", "r", "ro"): _route,
    ("rule", "ru"): _rule,
    ("addr", "address", "a"): _addr,
    ("neigh", "neighbour", "neighbor", "n"): _neigh,
    ("link", "l"): _link,
}
"""What `ip` deals with: names -> function(host, action, words, width of addresses or 0)."""
