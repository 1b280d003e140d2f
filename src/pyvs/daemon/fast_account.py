"""What the fast path serves, what not and why: the text of `pyvs fast`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Forward
from pyvs.core.namespace import Namespace
from pyvs.core.wording import counted
from pyvs.fastpath.objects import BY_FAMILY
from pyvs.fastpath.refusal import ELSEWHERE, is_elsewhere
from pyvs.fastpath.sizes import ENTRIES
from pyvs.fastpath.tables import LIMITS

if TYPE_CHECKING:
    from pyvs.daemon.fast import Fast
    from pyvs.fastpath.mirror import Mirror, Place

NAME = "pyvs_fast"
"""As a file of the control language."""
PART: Final = 100
"""Lines that are made in one go."""


def account(fast: Fast) -> Iterator[str]:
    """The whole text in parts: a line a fact, lists indented below their line."""
    lines = _lines(fast)
    while part := "".join(f"{line}\n" for line in islice(lines, PART)):
        yield part


def _lines(fast: Fast) -> Iterator[str]:
    mirror, table, names = fast.mirror, fast.table, fast.environment.names
    if not fast.many:
        mirror.pull()
    places = sorted(mirror.places.values(), key=lambda place: place.number)
    at = ", ".join(
        f"{names.get(index, index)} ({kind})" for index, kind in sorted(fast.links.attached.items())
    )
    yield f"programs: {fast.fast.mode} at {at or 'no device'}"
    if fast.devices.across.seen:
        ways = (
            (names.get(index, str(index)), who) for index, who in sorted(fast.devices.across.seen.items())
        )
        yield f"straight across: {', '.join(f'{name} (no: {who})' if who else name for name, who in ways)}"
    yield f"state: {'serving' if mirror.refused is None else 'resting: ' + mirror.refused}"
    new = "by the programs" if fast.newcomers is not None else "by the engine, after the host's filter"
    yield f"new connections: scheduled {new}"
    live = sum(place.active + place.inactive for place in places)
    yield f"connections in the maps: {live}"
    yield f"templates in the maps: {sum(place.persistent for place in places)}"
    yield f"handed over by the engine: {table.handover.count}"
    yield f"came back to the engine: {table.came_back}"
    yield f"ended in the maps: {table.ended}"
    if mirror.ns.sync.is_master:
        yield f"reported to the synchronisation master: {fast.relay.told}, lost: {fast.fast.untold()}"
    yield f"served: {counted(mirror.served, 'packet')}"
    missed = fast.fast.misses().items()
    yield from _list(
        "not served, by reason", (f"{count:>12}  {miss.sentence}" for miss, count in missed if count)
    )
    yield from _list(
        "connections that stayed with the engine, by reason",
        (f"{many:>12}  {why}" for why, many in table.handover.kept.most_common()),
    )
    if fast.newcomers is not None:
        refused = fast.newcomers.refused.items()
        yield from _list(
            "services whose new connections go up, by reason", (f"{name}: {why}" for name, why in refused)
        )
    yield from _list(
        "servers", (f"{place.number:>5}  {_server(mirror, place)}" for place in places if _matters(place))
    )
    yield "maps:"
    for family, name in BY_FAMILY.items():
        filled = sum(
            (place.active + place.inactive) * (2 if place.dest.forward == Forward.MASQ else 1)
            for place in places
            if place.service.af == family
        )
        many = fast.fast.loaded.entries(name)
        yield f"  {name:<12} {filled} of {many} entries, room for {many // ENTRIES} connections with NAT"
    filled = sum(place.persistent for place in places)
    yield f"  {'templates':<12} {filled} of {fast.fast.loaded.entries('templates')} entries"
    yield f"  {'dests':<12} {len(places)} of {LIMITS['MAX_DESTS']} entries"


def _list(head: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines below a heading, if there are any."""
    for number, line in enumerate(lines):
        if not number:
            yield f"{head}:"
        yield f"  {line}"


def _matters(place: Place) -> bool:
    """Whether it stands in its service, or did and has left something behind."""
    return place.dest.available or place.active + place.inactive + place.persistent > 0


def _server(mirror: Mirror, place: Place) -> str:
    name = Namespace.name_of(place.dest.addr, place.dest.port)
    if not place.dest.available:
        gone = "connections end" if mirror.ns.sysctl.expire_nodest_conn else "clients' packets are dropped"
        why = f"removed, its {gone}"
    elif place.refused is not None:
        why = place.refused
    elif mirror.refused is not None:
        why = "rests"
    else:
        why = f"waits, {ELSEWHERE}" if is_elsewhere(mirror.ns, place.dest) else "offloaded"
    return f"{place.service} -> {name}: {why}, {place.active} active, {place.inactive} inactive in the maps"
