"""The second pass over a capture: each frame through the engine in the capture's own time, frames out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyvs.core.command import Command, Log, Output, Transmit
from pyvs.core.engine import Engine
from pyvs.core.environment import Route
from pyvs.core.flags import Hook
from pyvs.core.packet.fragments import cut
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, Verdict
from pyvs.datapath.device import NANOSECONDS, Frame, Way
from pyvs.datapath.link import ETHERNET, LINK_TYPES, LinkType
from pyvs.replay.flows import note_flow
from pyvs.replay.marking import MarkRule, mark_of
from pyvs.replay.places import Place, frame_of, place_of_sender
from pyvs.replay.sorting import Found, Skipped, Sorter, decrement_ttl, find_packet
from pyvs.replay.surroundings import Surroundings
from pyvs.replay.tally import Tally

LONGEST: Final = float(1 << 31)
"""Seconds that a capture may last: a time stamp beyond is a mistake and stands for this one."""
MOST_FIRST_FRAGMENTS: Final = 1024
REPLIES: Final = frozenset({Reason.REPLY, Reason.REPLY_SEEN, Reason.ICMP_REPLY})
"""Reasons for which the host surely sends on what it got at FORWARD."""
MOST_LOGS: Final = 100
MOST_WAKINGS: Final = 100_000
"""Calls of `handle_timeouts` between two packets; a bound for engines that never come to rest."""


class Player:
    """Sends frames through an engine. Its time is the capture's: seconds since the first frame, never going back."""

    def __init__(
        self,
        engine: Engine,
        surroundings: Surroundings,
        sorter: Sorter,
        *,
        marks: tuple[MarkRule, ...] = (),
        own_addresses: dict[str, bytes] | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.engine = engine
        self.tally = Tally() if tally is None else tally
        self._surroundings = surroundings
        self._places = surroundings.places
        self._sorter = sorter
        self._marks = marks
        self._own_addresses = own_addresses or {}
        """The director's link-layer address by interface."""
        self._start_ns: int | None = None
        self._ident = 0
        self._first_fragments: dict[bytes, bytes] = {}
        """By the addresses: first fragments that wait for the others, whose ports the table needs."""
        self.now = 0.0
        self.link: LinkType | None = None
        """Write all frames with this link type, whatever the capture's."""

    # ---- one frame ---------------------------------------------------------

    def play(self, frame: Frame) -> list[Frame]:
        """What the director would have emitted for a frame (and for timers that ended before it)."""
        out = self.advance(frame)
        prepared = self.prepare(frame)
        if isinstance(prepared, Skipped):
            self.tally.skipped[prepared] += 1
            return out
        packet, hook, found = prepared
        before = packet.data
        verdict = self.engine.receive(packet, hook, self.now)
        self.tally.verdicts[verdict] += 1
        if verdict.reason is Reason.NO_CONNECTION and hook is Hook.FORWARD:
            self.tally.unknown_replies += self._sorter.is_server(found)
        commands = self.engine.drain()
        sent_to = next((each.destination for each in commands if isinstance(each, Transmit)), None)
        if verdict.reason is Reason.FRAGMENT_QUEUED:
            self._note_fragment(before, found)
        else:
            whole = self._first_fragments.pop(found.source + found.destination, before)
            note_flow(self.engine.ns, self.tally, whole, hook, verdict, sent_to)
        return out + self.perform(verdict, packet, hook, commands, frame, found.missing)

    def advance(self, frame: Frame) -> list[Frame]:
        """Let time pass up to a frame's; what the timers emit."""
        self.tally.frames += 1
        if self._start_ns is None:
            self._start_ns = frame.time_ns
        self.now = max(self.now, min((frame.time_ns - self._start_ns) / NANOSECONDS, LONGEST))
        for _ in range(MOST_WAKINGS):
            due = self.engine.next_timeout()
            if due is None or due > self.now:
                break
            self.engine.handle_timeouts(self.now)
        return self._carry_out(self.engine.drain(), frame, 0)

    def prepare(self, frame: Frame) -> tuple[Packet, Hook, Found] | Skipped:
        """The packet of a frame as its hook gets it, or why there is none."""
        found = find_packet(frame)
        if isinstance(found, Skipped):
            return found
        hook = self._sorter.hook(frame, found)
        if isinstance(hook, Skipped):
            return hook
        place = place_of_sender(frame, found.header)
        self._places.learn(found.source, frame, found.header)
        if found.missing:
            self.tally.cut_short += 1
        data = decrement_ttl(found.data) if hook is Hook.FORWARD else found.data
        packet = Packet(data, iif=place.device, type=found.header.type)
        if self._marks:
            packet.mark = mark_of(self._marks, found.destination, found.protocol, _port(found))
        return packet, hook, found

    def _note_fragment(self, data: bytes, found: Found) -> None:
        self.tally.fragments += 1
        if data[0] >> 4 == 6 or not (data[6] & 0x1F or data[7]):
            if len(self._first_fragments) >= MOST_FIRST_FRAGMENTS:
                del self._first_fragments[next(iter(self._first_fragments))]
            self._first_fragments.setdefault(found.source + found.destination, data)

    # ---- what follows ------------------------------------------------------

    def perform(
        self,
        verdict: Verdict,
        packet: Packet,
        hook: Hook,
        commands: list[Command],
        frame: Frame,
        missing: int,
    ) -> list[Frame]:
        """The frames that a verdict and its commands bring.

        missing: bytes at the end of the packet that the capture did not keep; they are left out again.
        """
        out = self._carry_out(commands, frame, missing)
        if verdict.action is Action.ACCEPT and hook is Hook.FORWARD:
            if verdict.reason not in REPLIES and frame.way is not Way.IN:
                self.tally.not_sent["routed on as they came, if they came by the director at all"] += 1
                return out
            destination = _destination(packet.data)
            route = self._surroundings.route(destination)
            if route is not None:
                out += self._send(packet, route, destination, frame, missing)
        return out

    def _carry_out(self, commands: list[Command], frame: Frame, missing: int) -> list[Frame]:
        out: list[Frame] = []
        for command in commands:
            if isinstance(command, Transmit):
                out += self._send(command.packet, command.route, command.destination, frame, missing)
            elif isinstance(command, Output):
                out += self._output(command.packet, frame)
            elif isinstance(command, Log):
                if len(self.tally.logs) < MOST_LOGS:
                    self.tally.logs.append(f"{command.level}: {command.text}")
            else:
                self.tally.not_sent["messages to other directors"] += 1
        return out

    def _output(self, packet: Packet, frame: Frame) -> list[Frame]:
        """An ICMP error of ours goes through LOCAL_OUT like one of the host's."""
        destination = _destination(packet.data)
        route = self._surroundings.route(destination)
        if route is None:
            return []
        out: list[Frame] = []
        if not packet.owned:
            verdict = self.engine.receive(packet, Hook.LOCAL_OUT, self.now)
            out = self._carry_out(self.engine.drain(), frame, 0)
            if verdict.action is not Action.ACCEPT:
                return out
        return out + self._send(packet, route, destination, frame, 0)

    def _send(
        self, packet: Packet, route: Route, destination: bytes, frame: Frame, missing: int
    ) -> list[Frame]:
        if route.local:
            self.tally.not_sent["to the director itself"] += 1
            return []
        data = packet.data
        fixed = data[0] >> 4 == 6 or bool(data[6] & 0x40)
        if len(data) > route.mtu and fixed and not packet.ignore_df and not packet.fragment_size:
            self.tally.not_sent["larger than the MTU (--mtu), and not to be fragmented"] += 1
            return []
        self._ident = self._ident + 1 & 0xFFFFFFFF
        pieces = cut(packet, route.mtu, self._ident)
        next_hop = route.gateway or destination
        place = self._places.find(next_hop) or self._default(route.device)
        frames = [self._frame(piece, place, next_hop, frame.time_ns) for piece in pieces]
        if missing and len(frames) == 1:
            only = frames[0]
            only.data = only.data[: max(0, len(only.data) - missing)]
        self.tally.sent += len(frames)
        return frames

    def _default(self, device: str) -> Place:
        """The place of a neighbour that was never seen, by the device to it; its address will be made up."""
        default = self._places.default
        if device == default.device:
            return default._replace(theirs=b"")
        return Place(device, default.link)

    def _frame(self, packet: bytes, place: Place, address: bytes, time_ns: int) -> Frame:
        link = self.link or LINK_TYPES.get(place.link, ETHERNET)
        ours = self._own_addresses.get(place.interface, b"")
        data = frame_of(packet, place, link, ours=ours, address=address)
        return Frame(data, time_ns=time_ns, interface=place.interface or "if0", way=Way.OUT, link=link.number)


def play_all(player: Player, frames: Iterator[Frame]) -> Iterator[Frame]:
    """All that is emitted for a stream of frames."""
    for frame in frames:
        yield from player.play(frame)


def _destination(data: bytes) -> bytes:
    return data[16:20] if data[0] >> 4 == 4 else data[24:40]


def _port(found: Found) -> int:
    """The destination port, for marks; 0 in later fragments and behind IPv6 extension headers."""
    data = found.data
    at = (data[0] & 15) * 4 if data[0] >> 4 == 4 else 40
    if data[0] >> 4 == 4 and (data[6] & 0x1F or data[7]):
        return 0
    return int.from_bytes(data[at + 2 : at + 4], "big")
