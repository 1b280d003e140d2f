"""A client that also asks what the kernel never had. A kernel refuses these by EOPNOTSUPP, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pyvs.core.control.native_specs import Change, ConnectionView, DrainKey, DrainView
from pyvs.core.control.specs import ServiceKey
from pyvs.core.errors import ControlError, Errno
from pyvs.core.policy.policy import Policy
from pyvs.netlink.attributes import Flag, MessageType
from pyvs.netlink.client import Client
from pyvs.netlink.codec import Message as NetlinkMessage
from pyvs.netlink.codec import encode, generic, messages
from pyvs.netlink.native import NATIVE, NativeCommand, drain_request, read_connection, read_drain_view
from pyvs.netlink.native_changes import change_row
from pyvs.netlink.native_rows import policy_row, row_of, text_of

PART: Final = 30_000
"""Bytes of changes in one request."""


class NativeClient(Client):
    """The verbs of `Client` and those of `NativeControl`. All raise ControlError."""

    def set_policy(self, key: ServiceKey, policy: Policy) -> None:
        """Give a service a policy."""
        self._ask(NativeCommand.SET_POLICY, text=text_of(policy_row(key, policy)))

    def drain(self, key: DrainKey, seconds: float | None) -> list[DrainView]:
        """Let servers drain; their connections are reset in so many seconds, None: never."""
        return self._drains(NativeCommand.DRAIN, text=text_of(drain_request(key, seconds)))

    def cancel_drain(self, key: DrainKey) -> list[DrainView]:
        """Let servers that drain take connections again."""
        return self._drains(NativeCommand.CANCEL_DRAIN, text=text_of(drain_request(key, None)))

    def get_drains(self) -> list[DrainView]:
        """All servers that drain."""
        return [read_drain_view(row) for row in self._rows(NativeCommand.GET_DRAINS)]

    def connections(self, wanted: str = "") -> Iterator[ConnectionView]:
        """The connections that a filter means, as they come; see native_filter.py."""
        for row in self._rows(NativeCommand.GET_CONNECTIONS, text=wanted):
            yield read_connection(row)

    def drop_connections(self, wanted: str, *, reset: bool = False) -> int:
        """End the connections that a filter means; how many. reset: tell both ends of TCP."""
        count = 0
        for values in self._stream(NativeCommand.DROP_CONNECTIONS, text=wanted, reset=int(reset)):
            count = values.get("count", count)
        return count

    def rules(self) -> tuple[int, Iterator[list[Any]]]:
        """Which generation the rules are of, and they as rows, as they come."""
        rows = self._rows(NativeCommand.GET_RULES)
        first = next(rows, None)
        if first is None or first[0] != "generation":
            raise ControlError(Errno.EINVAL, "the director's rules have no beginning")
        return first[1], rows

    def apply(self, changes: Sequence[Change], generation: int | None = None) -> int:
        """Make changes in one step, or none; EBUSY: the rules are no more of this generation."""
        first = 1
        for part in _parts(text_of(change_row(change)) for change in changes):
            self._ask(NativeCommand.STAGE, text=part, first=first)
            first = 0
        if first:
            return 0
        (answer,) = self._ask(NativeCommand.APPLY, generation=generation)
        return int(answer.get("count", 0))

    # ---- messages ----------------------------------------------------------

    def _drains(self, command: NativeCommand, **values: Any) -> list[DrainView]:
        answers = self._ask(command, **values)
        return [
            read_drain_view(row_of(line)) for each in answers for line in each.get("text", "").splitlines()
        ]

    def _ask(self, command: NativeCommand, **values: Any) -> list[dict[str, Any]]:
        return list(self._stream(command, flags=Flag.ACK, **values))

    def _rows(self, command: NativeCommand, **values: Any) -> Iterator[list[Any]]:
        for answer in self._stream(command, **values):
            text = answer.get("text", "")
            if text:  # a row a line: read in one go, which takes a third of the time
                yield from row_of("[" + text.replace("\n", ",") + "]")

    def _stream(
        self, command: NativeCommand, *, flags: int = Flag.DUMP, **values: Any
    ) -> Iterator[dict[str, Any]]:
        """The answers to a request as they come."""
        family = self._family_id()
        self._seq = self._seq + 1 & 0xFFFFFFFF
        seq = self._seq
        payload = generic(command, encode(NATIVE, values))
        request = NetlinkMessage(family, Flag.REQUEST | flags, seq, 0, payload)
        ended = False
        for datagram in self._transport.stream(request.encode()):
            for message in messages(datagram):
                if message.seq != seq:
                    continue
                if message.type == MessageType.DONE:
                    ended = True
                elif message.type == MessageType.ERROR:
                    self._judge(message)
                    ended = True
                else:
                    yield self._values(NATIVE, message)
        if not ended:
            raise ControlError(Errno.EINVAL, "the director's answer ended too early")


def _parts(lines: Iterable[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for line in lines:
        if part and size + len(line) >= PART:
            yield "\n".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield "\n".join(part)
