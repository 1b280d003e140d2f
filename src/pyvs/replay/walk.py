"""The walk of one packet: what each room decided, the verdict, and how it left."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action, Verdict
from pyvs.core.wording import counted
from pyvs.datapath.describe import describe_frame, describe_packet
from pyvs.datapath.device import Frame
from pyvs.replay.player import Player
from pyvs.replay.sorting import Skipped


@dataclass(slots=True)
class Step:
    """One decision, and where it was taken."""

    room: str
    sentence: str


@dataclass(slots=True)
class Walk:
    """What became of one packet."""

    packet: str
    """The packet as it arrived, in a line."""
    number: int = 0
    """Its number in the capture; 0 for one made from a five-tuple."""
    time: float = 0.0
    """Seconds since the first packet of the capture."""
    interface: str = ""
    mark: int = 0
    hook: str = ""
    """Empty when it does not reach the engine; then `skipped` says why."""
    skipped: str = ""
    steps: list[Step] = field(default_factory=list)
    verdict: str = ""
    reason: str = ""
    explanation: str = ""
    sent: list[str] = field(default_factory=list)
    """Each packet that leaves, in a line."""


def walk_frame(player: Player, frame: Frame) -> Walk:
    """The walk of a captured frame; those before it have been played."""
    player.advance(frame)
    walk = Walk(describe_frame(frame), frame.number, player.now, frame.interface)
    prepared = player.prepare(frame)
    if isinstance(prepared, Skipped):
        walk.skipped = prepared.sentence
        return walk
    packet, hook, found = prepared
    walk.mark = packet.mark
    if found.missing:
        step = f"the capture cut off {counted(found.missing, 'byte')}, taken as zeros"
        walk.steps.append(Step("capture", step))
    if hook is Hook.FORWARD:
        walk.steps.append(
            Step("host", f"routed on: time to live {_ttl(found.data)} becomes {_ttl(packet.data)}")
        )
    else:
        walk.steps.append(Step("host", "for an address of this host"))
    _walk(player, packet, hook, frame, found.missing, walk)
    return walk


def walk_packet(player: Player, data: bytes, hook: Hook, *, mark: int = 0, iif: str = "if0") -> Walk:
    """The walk of a packet that is not from a capture."""
    frame = Frame(data, link=101)
    walk = Walk(describe_packet(data), mark=mark, interface=iif)
    _walk(player, Packet(data, mark=mark, iif=iif), hook, frame, 0, walk)
    return walk


def _walk(player: Player, packet: Packet, hook: Hook, frame: Frame, missing: int, walk: Walk) -> None:
    verdict, steps = player.engine.explain(packet, hook, player.now)
    walk.hook = hook.name
    walk.steps += [Step(room, sentence) for room, sentence in steps]
    walk.verdict, walk.reason, walk.explanation = (
        _words(verdict, hook),
        verdict.reason.name,
        verdict.reason.sentence,
    )
    sent = player.perform(verdict, packet, hook, player.engine.drain(), frame, missing)
    for each in sent:
        walk.sent.append(f"{each.interface}: {describe_frame(each)}")


def _words(verdict: Verdict, hook: Hook) -> str:
    if verdict.action is Action.ACCEPT:
        return "accepted: the host sends it on" if hook is Hook.FORWARD else "accepted: the host takes it"
    return "dropped" if verdict.action is Action.DROP else "taken over by the virtual server"


def _ttl(data: bytes) -> int:
    return data[8] if data[0] >> 4 == 4 else data[7]
