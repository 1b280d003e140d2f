"""From the queue through the engine and out; queue, engine and sender are stand-ins."""

import errno
import io
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from pyvs.core.command import Command, Multicast, Output, Transmit
from pyvs.core.command import Log as LogLine
from pyvs.core.environment import Route
from pyvs.core.flags import Hook, SyncState
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict, accept, drop, stolen
from pyvs.daemon.live import Live, complete_checksum
from pyvs.daemon.log import Log
from pyvs.datapath.icmp_rate import IcmpRate
from pyvs.datapath.nfqueue.messages import Meta
from pyvs.datapath.nfqueue.queue import ACCEPT, DROP, QUEUE

PLAIN, LARGE = 5, 6
ROUTE = Route(False, "eth1", bytes(4), None, 1400)
DATA = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / b"payload")


class FakeQueue:
    """Gives what it has, and keeps the verdicts by packet; a batch verdict meets those that have none yet."""

    def __init__(self, number: int, *waiting: tuple[int, Meta, bytes]) -> None:
        self.number = number
        self.waiting = list(waiting)
        self.pending = [number for number, _, _ in waiting]
        self.verdicts: dict[int, object] = {}

    def receive(self) -> list[tuple[int, Meta, bytes]]:
        taken, self.waiting = self.waiting, []
        return taken

    def judge(self, packet: int, verdict: int) -> None:
        self.pending.remove(packet)
        self.verdicts[packet] = verdict

    def accept_changed(self, packet: int, payload: bytes, mark: int) -> None:
        self.pending.remove(packet)
        self.verdicts[packet] = payload, mark

    def judge_up_to(self, packet: int, verdict: int) -> None:
        for each in [number for number in self.pending if number <= packet]:
            self.judge(each, verdict)

    def flush(self) -> None: ...


class FakeEngine:
    """Does with each packet what the test says."""

    def __init__(self, decide: Callable[[Packet, Hook], Verdict]) -> None:
        self.decide = decide
        self.ns = SimpleNamespace(
            commands=[], sysctl=SimpleNamespace(snat_reroute=1), reasons=Counter[Reason]()
        )

    def receive(self, packet: Packet, hook: Hook, now: float) -> Verdict:
        return self.decide(packet, hook)

    def drain(self) -> list[Command]:
        commands: list[Command] = self.ns.commands
        self.ns.commands = []
        return commands


class FakeSender:
    """Keeps what is sent."""

    own_mark = 0x40000000

    def __init__(self) -> None:
        self.errors: Counter[int] = Counter()
        self.sent: list[tuple[object, ...]] = []
        self.flushed = 0

    def transmit(self, packet: Packet, route: Route, destination: bytes) -> None:
        self.sent.append(("transmit", packet.data, destination))

    def output(self, data: bytes, mark: int) -> None:
        self.sent.append(("output", data, mark))

    def reinject(self, packet: Packet, mtu: int) -> None:
        self.sent.append(("reinject", packet.data, mtu))

    def flush(self) -> None:
        self.flushed += 1


class Fixture:
    """A `Live` with stand-ins around it."""

    def __init__(self, decide: Callable[[Packet, Hook], Verdict]) -> None:
        self.engine = FakeEngine(decide)
        self.sender = FakeSender()
        self.text = io.StringIO()
        self.environment = SimpleNamespace(
            names={0: "", 2: "eth0"}, policy_routing=False, route=lambda *a, **k: ROUTE
        )
        self.live = Live(
            self.engine,  # type: ignore[arg-type]
            self.environment,  # type: ignore[arg-type]
            self.sender,  # type: ignore[arg-type]
            Log(self.text),
            lambda: 5.0,
            plain_queue=PLAIN,
            rate=IcmpRate(),
        )

    def serve(self, queue: FakeQueue) -> FakeQueue:
        self.live.serve(queue)  # type: ignore[arg-type]
        assert not queue.pending, "every packet needs a verdict"
        return queue


def meta(hook: Hook = Hook.LOCAL_IN, **other: int) -> Meta:
    made = Meta()
    made.hook = hook
    made.iif = 2
    for name, value in other.items():
        setattr(made, name, value)
    return made


def rewrite(packet: Packet, hook: Hook) -> Verdict:
    packet.data = packet.data[::-1]
    packet.owned = True
    return accept(Reason.REPLY)


def test_each_packet_gets_its_verdict() -> None:
    verdicts = [
        drop(Reason.SERVER_GONE),
        accept(Reason.NO_SERVICE),
        stolen(Reason.FORWARDED),
        accept(Reason.OWN),
    ]
    fixture = Fixture(lambda packet, hook: verdicts[int(packet.data[0])])
    queue = fixture.serve(FakeQueue(PLAIN, *((i + 1, meta(), bytes([i])) for i in range(4))))
    assert queue.verdicts == {1: DROP, 2: ACCEPT, 3: DROP, 4: ACCEPT}
    assert fixture.live.packets == 4


@given(
    st.lists(
        st.sampled_from([accept(Reason.OWN), drop(Reason.NO_ROUTE), stolen(Reason.FORWARDED)]), min_size=1
    )
)
def test_any_mixture_is_judged_packet_by_packet(verdicts: list[Verdict]) -> None:
    fixture = Fixture(lambda packet, hook: verdicts[int.from_bytes(packet.data, "big")])
    queue = fixture.serve(
        FakeQueue(PLAIN, *((i + 1, meta(), i.to_bytes(2, "big")) for i in range(len(verdicts))))
    )
    assert queue.verdicts == {
        i + 1: ACCEPT if verdict.action.name == "ACCEPT" else DROP for i, verdict in enumerate(verdicts)
    }


def test_the_engine_is_told_what_the_kernel_knows() -> None:
    seen: list[tuple[object, ...]] = []

    def decide(packet: Packet, hook: Hook) -> Verdict:
        seen.append((packet.data, packet.mark, packet.iif, packet.oif, hook))
        return accept(Reason.OWN)

    Fixture(decide).serve(FakeQueue(PLAIN, (1, meta(Hook.FORWARD, mark=7, oif=9), b"x")))
    assert seen == [(b"x", 7, "eth0", "", Hook.FORWARD)]


@pytest.mark.parametrize("hook", [Hook.LOCAL_IN, Hook.FORWARD, Hook.LOCAL_OUT])
def test_a_rewritten_packet_goes_on_with_our_mark(hook: Hook) -> None:
    queue = Fixture(rewrite).serve(FakeQueue(PLAIN, (1, meta(hook, mark=3), b"abc")))
    assert queue.verdicts == {1: (b"cba", 0x40000003)}


def test_what_was_put_together_leaves_in_pieces_again() -> None:
    def decide(packet: Packet, hook: Hook) -> Verdict:
        packet.fragment_size = 1500
        packet.data = b"\x45" + bytes(3000)
        return accept(Reason.NO_CONNECTION)

    fixture = Fixture(decide)
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(Hook.FORWARD), b"x"))).verdicts == {1: DROP}
    assert [(what, mtu) for what, _, mtu in fixture.sender.sent] == [("reinject", 1400)]
    # The host's own stack takes it whole.
    queue = fixture.serve(FakeQueue(PLAIN, (1, meta(Hook.LOCAL_IN), b"x")))
    assert queue.verdicts == {1: (b"\x45" + bytes(3000), 0)}


def test_replies_are_sent_anew_where_rules_choose_routes() -> None:
    fixture = Fixture(rewrite)
    fixture.environment.policy_routing = True
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(Hook.FORWARD), DATA))).verdicts == {1: DROP}
    assert fixture.sender.sent == [("reinject", DATA[::-1], 1400)]
    fixture.engine.ns.sysctl.snat_reroute = 0
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(Hook.FORWARD), b"abc"))).verdicts == {
        1: (b"cba", 0x40000000)
    }
    fixture.engine.ns.sysctl.snat_reroute = 1
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(Hook.LOCAL_OUT), b"abc"))).verdicts == {
        1: (b"cba", 0x40000000)
    }


def test_a_packet_too_long_for_netlink_takes_the_other_queue() -> None:
    fixture = Fixture(rewrite)
    assert fixture.serve(FakeQueue(LARGE, (1, meta(cut=1), b"x"))).verdicts == {1: PLAIN << 16 | QUEUE}
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(cut=1), b"x"))).verdicts == {1: DROP}
    assert fixture.live.counters == {"too long for a queue": 1}


def test_unfinished_checksums_are_finished_before_the_engine_sees_them() -> None:
    seen: list[tuple[bytes, bool]] = []

    def decide(packet: Packet, hook: Hook) -> Verdict:
        seen.append((packet.data, packet.checksum_partial))
        return accept(Reason.NO_CONNECTION)

    unfinished = partial(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2) / b"abc")
    queue = FakeQueue(
        LARGE,
        (1, meta(Hook.FORWARD, skb_info=1), unfinished),
        (2, meta(Hook.FORWARD, skb_info=3), unfinished),
    )
    assert Fixture(decide).serve(queue).verdicts == {1: ACCEPT, 2: ACCEPT}  # the kernel finishes its own copy
    assert seen == [(complete_checksum(unfinished), False), (unfinished, True)]


def test_a_fault_of_the_engine_costs_one_packet() -> None:
    def decide(packet: Packet, hook: Hook) -> Verdict:
        if packet.data == b"bad":
            raise ValueError("a table was broken")
        return accept(Reason.OWN)

    fixture = Fixture(decide)
    queue = FakeQueue(PLAIN, (1, meta(), b"good"), (2, meta(), b"bad"), (3, meta(), b"good"))
    assert fixture.serve(queue).verdicts == {1: ACCEPT, 2: DROP, 3: ACCEPT}
    assert "ValueError: a table was broken at test_live.py:" in fixture.text.getvalue()
    assert fixture.live.counters == {"faults": 1}


def test_commands_are_done_in_their_order() -> None:
    def decide(packet: Packet, hook: Hook) -> Verdict:
        error = b"\x45" + bytes(8) + b"\x01" + bytes(10) + b"\x03\x03" + bytes(6)
        fixture.engine.ns.commands += [
            Transmit(Packet(b"one"), ROUTE, b"dest"),
            *(Output(Packet(error)) for _ in range(8)),
            LogLine("warning", "from the engine"),
            Multicast(SyncState.MASTER, 0, b"sync"),
        ]
        return stolen(Reason.FORWARDED)

    fixture = Fixture(decide)
    assert fixture.serve(FakeQueue(PLAIN, (1, meta(), b"x"))).verdicts == {1: DROP}
    assert fixture.sender.sent[0] == ("transmit", b"one", b"dest")
    assert [each[0] for each in fixture.sender.sent[1:]] == ["output"] * 6
    assert fixture.live.counters["ICMP errors over the limit"] == 2
    assert "from the engine" in fixture.text.getvalue()
    assert fixture.sender.flushed == 1


def test_what_the_kernel_refuses_to_send_is_told_once() -> None:
    fixture = Fixture(lambda packet, hook: stolen(Reason.FORWARDED))
    fixture.sender.errors[errno.EPERM] = 1
    for _ in range(3):
        fixture.serve(FakeQueue(PLAIN, (1, meta(), b"x")))
    assert fixture.text.getvalue().count("\n") == 1
    assert (
        "Operation not permitted (a rule of the host's filter in OUTPUT drops it)" in fixture.text.getvalue()
    )


def partial(layers: object) -> bytes:
    """The packet with the pseudo header's sum where its checksum will be, as a card that finishes it gets it."""
    whole = bytearray(bytes(layers))  # type: ignore[call-overload]
    six = whole[0] >> 4 == 6
    offset, protocol = (40, whole[6]) if six else (20, whole[9])
    addresses = whole[8:40] if six else whole[12:20]
    pseudo = bytes(addresses) + (len(whole) - offset).to_bytes(4, "big") + bytes((0, 0, 0, protocol))
    total = sum(int.from_bytes(pseudo[i : i + 2], "big") for i in range(0, len(pseudo), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    at = offset + (16 if protocol == 6 else 6)
    whole[at : at + 2] = total.to_bytes(2, "big")
    return bytes(whole)


@given(st.binary(max_size=64), st.sampled_from(["4tcp", "4udp", "6tcp", "6udp"]))
def test_a_finished_checksum_is_the_one_that_a_sender_computes(payload: bytes, kind: str) -> None:
    network = IP(src="10.9.8.7", dst="10.1.2.3") if kind[0] == "4" else IPv6(src="2001:db8::1", dst="fd00::2")
    layers = network / (TCP(sport=7, dport=9) if kind[1:] == "tcp" else UDP(sport=7, dport=9)) / payload
    assert complete_checksum(partial(layers)) == bytes(layers)


@given(st.binary(max_size=80))
def test_finishing_a_checksum_never_raises_nor_changes_the_length(data: bytes) -> None:
    assert len(complete_checksum(data)) == len(data)
    assert len(complete_checksum(b"\x45\0\0\x28" + data)) == len(data) + 4


def test_it_gives_an_account_of_reasons_and_of_what_went_wrong() -> None:
    fixture = Fixture(lambda packet, hook: accept(Reason.OWN))
    assert fixture.live.account() == []
    fixture.engine.ns.reasons.update({Reason.NO_SERVICE: 2, Reason.FORWARDED: 9})
    fixture.live.counters["too long for a queue"] += 1
    assert fixture.live.account() == [
        "packets by reason: 9 FORWARDED, 2 NO_SERVICE",
        "not done: 1 too long for a queue",
    ]
    fixture.live.fast = cast("Any", SimpleNamespace(mirror=SimpleNamespace(served=54)))
    assert fixture.live.account()[1] == "packets by the fast path: 54"
