"""Packets from the queues through the engine and out: the inner loop of a live director."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from pyvs.core.command import Command, Multicast, Output, Transmit
from pyvs.core.command import Log as LogLine
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook, Proto
from pyvs.core.packet.checksum import CHECKSUM_AT, checksum
from pyvs.core.packet.header import MF, OFFSET, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.daemon.environment import LiveEnvironment
from pyvs.daemon.fast import Fast
from pyvs.daemon.log import Log
from pyvs.datapath.icmp_rate import IcmpRate
from pyvs.datapath.nfqueue.messages import Meta, SkbInfo
from pyvs.datapath.nfqueue.queue import ACCEPT, BATCH, DROP, QUEUE, Queue
from pyvs.datapath.sender import Sender

BATCHES: Final = 8
"""Batches of one queue that are served before the others get their turn."""
HOOKS: Final = tuple(Hook)

REPLIES: Final = frozenset({Reason.REPLY, Reason.ICMP_REPLY})
_ACCEPT: Final = Action.ACCEPT
_NOT_READY: Final = int(SkbInfo.CSUM_NOT_READY)
_GSO: Final = int(SkbInfo.GSO)


def complete_checksum(data: bytes) -> bytes:
    """The packet with its TCP or UDP checksum finished, of which only the pseudo header's part was there.

    Other packets, and malformed ones, are returned as they are. Kernel: `skb_checksum_help`.
    """
    if len(data) >= 20 and data[0] == 0x45 and not (data[6] << 8 | data[7]) & (MF | OFFSET):  # the usual case
        offset, protocol = 20, data[9]
    else:
        try:
            header = parse(data)
        except Malformed:
            return data
        if header.fragment:
            return data
        offset, protocol = header.offset, header.protocol
    at = CHECKSUM_AT.get(protocol, 0) + offset
    if at == offset or len(data) < at + 2:
        return data
    value = checksum(data[offset:])
    if not value and protocol == Proto.UDP:
        value = 0xFFFF
    return data[:at] + value.to_bytes(2, "big") + data[at + 2 :]


class Live:
    """Takes packets from queues, asks the engine, gives verdicts and sends."""

    def __init__(
        self,
        engine: Engine,
        environment: LiveEnvironment,
        sender: Sender,
        log: Log,
        clock: Callable[[], float],
        *,
        plain_queue: int,
        rate: IcmpRate | None = None,
    ) -> None:
        """plain_queue: number of the queue whose packets come in the size of the wire."""
        self.engine = engine
        self.environment = environment
        self.sender = sender
        self.log = log
        self.clock = clock
        self.rate = rate or IcmpRate.of_host()
        self.packets = 0
        self.counters: Counter[str] = Counter()
        """What went wrong, by its name."""
        self.multicast: Callable[[Multicast], None] | None = None
        """Sends synchronisation messages."""
        self.fast: Fast | None = None
        """The fast path, which takes over what the engine makes."""
        self._requeue = plain_queue << 16 | QUEUE
        self._plain = plain_queue
        self._reported: Counter[int] = Counter()

    def account(self) -> list[str]:
        """What became of the packets so far, in lines: how many for each reason, and what went wrong."""
        lines = []
        if reasons := self.engine.ns.reasons:
            lines.append("packets by reason: " + _listed({r.name: n for r, n in reasons.most_common()}))
        if self.fast is not None and self.fast.mirror.served:
            lines.append(f"packets by the fast path: {self.fast.mirror.served}")
        if self.counters:
            lines.append("not done: " + _listed(dict(self.counters.most_common())))
        return lines

    def serve(self, queue: Queue) -> None:
        """Deal with what waits in a queue, or with some of it if there is much."""
        for _ in range(BATCHES):
            if not self._batch(queue):
                return

    def _batch(self, queue: Queue) -> bool:
        """One batch; whether there may be more."""
        received = queue.receive()
        if not received:
            queue.flush()
            return False
        engine = self.engine
        receive, ns = engine.receive, engine.ns
        name_of = self.environment.names.get
        now = self.clock()
        fast = self.fast
        if fast is not None:
            fast.before_packets(now)
        left = 0
        """Number of the last packet whose verdict is DROP; they are judged together."""
        for number, meta, data in received:
            packet = Packet(data, mark=meta.mark, iif=name_of(meta.iif, ""), oif=name_of(meta.oif, ""))
            if meta.cut:
                self._cut(queue, number)
                continue
            if meta.skb_info & _NOT_READY:
                if meta.skb_info & _GSO:
                    packet.checksum_partial = True
                else:
                    packet.data = data = complete_checksum(data)
            try:
                verdict = receive(packet, HOOKS[meta.hook], now)
            except (
                Exception
            ) as fault:  # one packet must not end the director: it is dropped, the log says where
                self._fault(data, fault)
                left = number
                continue
            if verdict.action is not _ACCEPT:
                left = number
            elif packet.data is data:
                queue.judge(number, ACCEPT)
            elif self._pass(queue, number, meta, packet, verdict.reason):
                left = number
            if ns.commands:
                self.perform(engine.drain(), now)
        if fast is not None:
            fast.after_packets(now)
        self.packets += len(received)
        if left:
            queue.judge_up_to(left, DROP)
        queue.flush()
        self.sender.flush()
        if self.sender.errors:
            self._report()
        return len(received) == BATCH

    def _pass(self, queue: Queue, number: int, meta: Meta, packet: Packet, reason: Reason) -> bool:
        """Accept a packet that was changed; True if it left by a raw socket, and so is to be dropped here."""
        mark = packet.mark | self.sender.own_mark if packet.owned else packet.mark
        if meta.hook == Hook.LOCAL_IN:
            queue.accept_changed(number, packet.data, mark)
            return False
        rerouted = (
            reason in REPLIES and self.environment.policy_routing and self.engine.ns.sysctl.snat_reroute
        )
        if packet.fragment_size or (rerouted and meta.hook == Hook.FORWARD):
            # Put together from fragments: it leaves in pieces again, which a verdict can't say. Or its new source
            # address leads another way, which a packet under way in FORWARD does not take.
            self.sender.reinject(packet, self._mtu(packet))
            return True
        queue.accept_changed(number, packet.data, mark)
        return False

    def _mtu(self, packet: Packet) -> int:
        data = packet.data
        source, destination = (data[12:16], data[16:20]) if data[0] >> 4 == 4 else (data[8:24], data[24:40])
        route = self.environment.route(destination, source=source, mark=packet.mark)
        return route.mtu if route is not None else 1500

    def _cut(self, queue: Queue, number: int) -> None:
        """A packet too long for netlink: the kernel cuts it into segments for the other queue."""
        if queue.number == self._plain:
            self.counters["too long for a queue"] += 1
            queue.judge(number, DROP)
        else:
            queue.judge(number, self._requeue)

    def perform(self, commands: list[Command], now: float) -> None:
        """Do what the engine asks for; packets leave with the next `sender.flush`."""
        for command in commands:
            if type(command) is Transmit:
                self.sender.transmit(command.packet, command.route, command.destination)
            elif type(command) is Output:
                if self.rate.allow(command.packet.data, now):
                    self.sender.output(command.packet.data, command.packet.mark)
                else:
                    self.counters["ICMP errors over the limit"] += 1
            elif type(command) is LogLine:
                self.log.line(command.level, command.text)
            elif type(command) is Multicast and self.multicast is not None:
                self.multicast(command)
            else:
                self.counters["synchronisation messages without a socket"] += 1

    def _fault(self, data: bytes, fault: Exception) -> None:
        self.counters["faults"] += 1
        self.log.fault("a packet was dropped", fault)
        self.log.line("debug", f"that packet: {data[:128].hex()}")

    def _report(self) -> None:
        """Tell of packets that the kernel refused to send."""
        for number, count in self.sender.errors.items():
            if count != self._reported[number]:
                self.log.warning(
                    f"the kernel refused to send a packet: {os.strerror(number)}{_remedy(number)}"
                )
        self._reported = Counter(self.sender.errors)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _remedy(number: int) -> str:
    if number == errno.EPERM:
        return " (a rule of the host's filter in OUTPUT drops it)"
    if number in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return " (no route to the server or client)"
    if number in {errno.EAGAIN, errno.ENOBUFS}:
        return " (the device is busy; the sender will repeat)"
    return ""
