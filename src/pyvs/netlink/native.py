"""Commands of our own beside the family's: far above the kernel's numbers, and not in what GETFAMILY tells.

Clients that know only the kernel's never see them. All have one table of attributes; texts are rows (`native_rows.py`),
one a line.

    GET_RULES (dump)          ["generation", N], then all services, servers, policies and masquerading
    STAGE, APPLY              rows of changes, kept for this client; then all are made in one step, if N still holds
    SET_POLICY                a row
    DRAIN, CANCEL_DRAIN       ["drain", SERVER or address, KEY or null, seconds or null]; answers who drains
    GET_DRAINS (dump)
    GET_CONNECTIONS (dump)    a filter; a row a connection
    DROP_CONNECTIONS (dump)   a filter, whether to reset; at the end how many
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from enum import IntEnum
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, Final, Protocol

from pyvs.core.control.connections import Filter
from pyvs.core.control.native import Rule
from pyvs.core.control.native_specs import Change, ConnectionView, DrainKey, DrainView
from pyvs.core.control.specs import ServiceKey
from pyvs.core.errors import ControlError, Errno
from pyvs.core.masquerade.requests import Request
from pyvs.core.policy.policy import Policy
from pyvs.netlink.attributes import Attribute, Kind, Table
from pyvs.netlink.native_changes import read_change
from pyvs.netlink.native_filter import read_filter, read_place
from pyvs.netlink.native_rows import (
    Row,
    dest_text,
    judged,
    key_text,
    masquerade_row,
    number,
    read_dest_key,
    read_key,
    read_policy,
    row_of,
    rule_rows,
    seconds,
    text_of,
    word,
)

PAGE: Final = 30_000
"""Bytes of text in one answer; a frame of the control socket takes twice as many."""
STAGED_MAX: Final = 500_000
"""Changes that one client may prepare."""
_STRETCH: Final = 25
"""Changes that are read in one go."""
_FORGOTTEN: Final = 500
STAGERS_MAX: Final = 4
"""Clients that may prepare changes at once; one more, and the first has to begin again."""


class NativeCommand(IntEnum):
    """What a message of ours asks."""

    GET_RULES = 0x80
    STAGE = 0x81
    APPLY = 0x82
    SET_POLICY = 0x83
    DRAIN = 0x84
    CANCEL_DRAIN = 0x85
    GET_DRAINS = 0x86
    GET_CONNECTIONS = 0x87
    DROP_CONNECTIONS = 0x88


NATIVE: Final = Table(
    "NATIVE",
    Attribute(1, "text", Kind.STRING),
    Attribute(2, "generation", Kind.U32),
    Attribute(3, "reset", Kind.U8),
    Attribute(4, "first", Kind.U8),
    Attribute(5, "count", Kind.U32),
)
"""first: a STAGE that begins anew. count: how many there were."""

_C = NativeCommand
DUMPS: Final = frozenset({_C.GET_RULES, _C.GET_DRAINS, _C.GET_CONNECTIONS, _C.DROP_CONNECTIONS})
_U32: Final = 0xFFFFFFFF

Answers = Iterator[dict[str, Any] | None]
"""Attributes of each answer; None where others may have their turn."""


class NativeVerbs(Protocol):
    """What is needed of `pyvs.core.control.Control`."""

    def set_policy(self, key: ServiceKey, policy: Policy, now: float) -> None: ...  # noqa: D102
    def drain(self, key: DrainKey, seconds: float | None, now: float) -> list[DrainView]: ...  # noqa: D102
    def cancel_drain(self, key: DrainKey, now: float) -> list[DrainView]: ...  # noqa: D102
    def get_drains(self, now: float) -> list[DrainView]: ...  # noqa: D102
    def each_connection(self, wanted: Filter, now: float) -> Iterator[ConnectionView | None]: ...  # noqa: D102
    def drop_connections(  # noqa: D102
        self, wanted: Filter, now: float, *, reset: bool = False
    ) -> Iterator[int | None]: ...
    def generation(self) -> int: ...  # noqa: D102
    def each_rule(self) -> Iterator[Rule]: ...  # noqa: D102
    def get_masquerade(self) -> list[Request]: ...  # noqa: D102
    def applying(  # noqa: D102
        self, changes: Sequence[Change], generation: int | None, now: float
    ) -> Generator[None, None, int]: ...


class Native:
    """The director's side of these commands."""

    def __init__(self, control: NativeVerbs) -> None:
        self._control = control
        self._staged: dict[int, list[Change]] = {}
        """By the requester's port."""

    def serve(self, command: NativeCommand, values: dict[str, Any], portid: int, now: float) -> Answers:
        """The answers to a request, made as far as they are read. Raises ControlError."""
        text = values.get("text", "")
        control = self._control
        match command:
            case _C.GET_RULES:
                yield from paged(self._rules())
            case _C.STAGE:
                yield from self._stage(portid, text, anew=bool(values.get("first")))
            case _C.APPLY:
                changes = self._staged.pop(portid, [])
                try:
                    count = yield from control.applying(changes, values.get("generation"), now)
                except ControlError as problem:
                    refusal: ControlError | None = problem
                else:
                    refusal = None
                while changes:  # to forget them takes time as well
                    del changes[-_FORGOTTEN:]
                    yield None
                if refusal is not None:
                    raise refusal
                yield {"count": count}
            case _C.SET_POLICY:
                control.set_policy(*read_policy(row_of(text)), now)
            case _C.DRAIN:
                key, limit = read_drain(row_of(text))
                yield from paged(map(drain_row, control.drain(key, limit, now)))
            case _C.CANCEL_DRAIN:
                key, _ = read_drain(row_of(text))
                yield from paged(map(drain_row, control.cancel_drain(key, now)))
            case _C.GET_DRAINS:
                yield from paged(map(drain_row, control.get_drains(now)))
            case _C.GET_CONNECTIONS:
                views = control.each_connection(read_filter(text), now)
                yield from paged(None if view is None else connection_row(view) for view in views)
            case _C.DROP_CONNECTIONS:
                yield from self._drop(read_filter(text), bool(values.get("reset")), now)

    def _rules(self) -> Iterator[Row | None]:
        yield "generation", self._control.generation()
        for count, rule in enumerate(self._control.each_rule(), 1):
            yield from rule_rows(rule)
            if count % 10 == 0:
                yield None
        yield from map(masquerade_row, self._control.get_masquerade())

    def _stage(self, portid: int, text: str, *, anew: bool) -> Iterator[None]:
        if anew:
            self._staged.pop(portid, None)
            while len(self._staged) >= STAGERS_MAX:
                self._staged.pop(next(iter(self._staged)))
            self._staged[portid] = []
        staged = self._staged.get(portid)
        if staged is None:
            raise ControlError(Errno.EBUSY, "too many prepare changes at once: begin again")
        changes: list[Change] = []
        for line in text.splitlines():
            changes.append(read_change(row_of(line)))
            if len(changes) % _STRETCH == 0:
                yield
        if len(staged) + len(changes) > STAGED_MAX:
            self._staged.pop(portid, None)
            raise ControlError(Errno.ENOSPC, f"more than {STAGED_MAX} changes: apply them in parts")
        staged += changes

    def _drop(self, wanted: Filter, reset: bool, now: float) -> Answers:
        count = 0
        for one in self._control.drop_connections(wanted, now, reset=reset):
            if one is None:
                yield None
            else:
                count += one
        yield {"count": count & _U32}


def paged(rows: Iterable[Row | None]) -> Answers:
    """Rows as lines, as many in an answer as it holds."""
    page: list[str] = []
    size = 0
    for row in rows:
        if row is None:
            yield None
            continue
        line = text_of(row)
        if size + len(line) >= PAGE:
            yield {"text": "\n".join(page)}
            page, size = [], 0
        page.append(line)
        size += len(line) + 1
    if page:
        yield {"text": "\n".join(page)}


# ---- rows of these commands ------------------------------------------------


def drain_request(key: DrainKey, limit: float | None) -> Row:
    """Which servers, and in how many seconds."""
    place = inet_ntop(AF_INET if len(key.addr) == 4 else AF_INET6, key.addr)
    if key.port is not None:
        place = f"[{place}]:{key.port}" if ":" in place else f"{place}:{key.port}"
    return "drain", place, None if key.service is None else key_text(key.service), limit


@judged
def read_drain(row: Row) -> tuple[DrainKey, float | None]:
    """The same from a row. Raises ControlError(EINVAL)."""
    _, place, service, limit = row
    addr, port = read_place(word(place, 64))
    key = DrainKey(addr, port, None if service is None else read_key(service))
    return key, None if limit is None else seconds(limit)


def drain_row(view: DrainView) -> Row:
    """A server that drains."""
    return (
        key_text(view.service), dest_text(view.dest), view.weight, view.active, view.inactive, view.begun_with,
        view.ended, view.left, view.swept, view.kept,
    )  # fmt: skip


@judged
def read_drain_view(row: Row) -> DrainView:
    """The same from a row. Raises ControlError(EINVAL)."""
    service, dest, weight, active, inactive, begun, ended, left, swept, kept = row
    return DrainView(
        read_key(service),
        read_dest_key(dest),
        weight=number(weight, 0, 0x7FFFFFFF),
        active=number(active, -_U32, _U32),
        inactive=number(inactive, -_U32, _U32),
        begun_with=number(begun, -_U32, _U32),
        ended=number(ended, 0, _U32),
        left=None if left is None else seconds(left),
        swept=bool(swept),
        kept=number(kept, 0, _U32),
    )


def connection_row(view: ConnectionView) -> Row:
    """A connection."""
    af = AF_INET if len(view.caddr) == 4 else AF_INET6
    daf = AF_INET if len(view.daddr) == 4 else AF_INET6
    return (
        view.protocol, inet_ntop(af, view.caddr), view.cport, inet_ntop(af, view.vaddr), view.vport,
        inet_ntop(daf, view.daddr), view.dport, view.state, view.method, round(view.left, 2), round(view.idle, 2),
        view.packets, view.fwmark, view.template,
    )  # fmt: skip


@judged
def read_connection(row: Row) -> ConnectionView:
    """The same from a row. Raises ControlError(EINVAL)."""
    protocol, caddr, cport, vaddr, vport, daddr, dport, state, method, left, idle, packets, mark, template = (
        row
    )
    ends = [read_place(each)[0] for each in (caddr, vaddr, daddr)]
    return ConnectionView(
        number(protocol, 0, 255), ends[0], number(cport, 0, 65535), ends[1], number(vport, 0, 65535),
        ends[2], number(dport, 0, 65535), word(state, 32), number(method, 0, 7), seconds(left), seconds(idle),
        number(packets, 0, 1 << 62), number(mark, 0, _U32), bool(template),
    )  # fmt: skip
