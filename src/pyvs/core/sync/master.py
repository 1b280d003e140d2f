"""The master: gathers entries in one buffer a channel and sends it when it is full or old enough.

A buffer that is full goes into the channel's queue, which is sent 20 ms later or once it holds eight. Every second the
channel looks at the buffer that is being filled: if that is 2 s old, it is sent. So an entry waits up to 3 s.
Kernel: `sync_thread_master`, `sb_queue_tail`, `ip_vs_sync_conn`.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING, Final
from zlib import crc32

from pyvs.core.command import Multicast
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import ConnFlag, Family, SyncState
from pyvs.core.reasons import Reason
from pyvs.core.sync import message_v0, message_v1
from pyvs.core.sync.entry import of
from pyvs.core.sync.policy import wanted

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

SEND_DELAY: Final = 0.02
"""Seconds from the first queued message to the sending. Kernel: `IPVS_SYNC_SEND_DELAY`."""
WAKE_UP_RATE: Final = 8
"""So many queued messages are sent at once. Kernel: `IPVS_SYNC_WAKEUP_RATE`."""
CHECK_PERIOD: Final = 1.04
"""Seconds from look to look: a second, which the kernel's timer wheel (HZ 100) rounds up to 8 ticks.

Kernel: `IPVS_SYNC_CHECK_PERIOD`.
"""
FLUSH_TIME: Final = 2.0
"""Age in seconds at which an unfilled buffer is sent. Kernel: `IPVS_SYNC_FLUSH_TIME`."""
COUNT_MAX: Final = 255
"""Entries that a message's header can count."""

_CODECS: Final = (message_v0, message_v1)

SLACK: Final = 1e-6
"""Seconds by which a clock that counts in fractions may be early."""


class Buffer:
    """A message that is being filled. Kernel: `struct ip_vs_sync_buff`."""

    __slots__ = ("body", "count", "first_use", "room", "version")

    def __init__(self, version: int, room: int, first_use: float) -> None:
        self.version = version
        self.room = room
        """Bytes that fit after the header."""
        self.first_use = first_use
        self.body = bytearray()
        self.count = 0


class Channel:
    """One sync port: its buffer, and what waits to be sent. Kernel: `struct ipvs_master_sync_state`."""

    __slots__ = ("buffer", "checked", "delay", "queue", "wake_at", "writable")

    def __init__(self, now: float) -> None:
        self.buffer: Buffer | None = None
        self.queue: deque[bytes] = deque()
        self.delay = 0
        """Messages queued since the queue was last empty."""
        self.wake_at: float | None = None
        self.checked = now
        """When the buffer was last looked at."""
        self.writable = True


class Master:
    """The sending role."""

    def __init__(self, ns: Namespace, spec: DaemonSpec, channels: int) -> None:
        self.ns = ns
        self.spec = spec
        self.channels = [Channel(ns.now) for _ in range(channels)]

    # ---- telling -----------------------------------------------------------

    def tell(self, conn: Connection, packets: int, decided: bool | None = None) -> None:
        """Tell of a connection if the policy says so, then of what controls it. Kernel: `ip_vs_sync_conn`.

        decided: somebody else has asked the policy of this connection already, and it said that.
        """
        ns = self.ns
        version = ns.sysctl.sync_version
        while True:
            if not version and conn.af != Family.INET:
                return
            needed = decided
            if needed is None:
                needed = not conn.flags & ConnFlag.ONE_PACKET and wanted(ns, conn, packets)
            decided = None
            if needed:
                if version and conn.pe_data and (conn.pe is None or conn.dest is None):
                    return
                self._add(conn, version)
            elif not version:
                return
            control = conn.control
            if control is None:
                return
            conn = control
            if conn.flags & ConnFlag.TEMPLATE:
                conn.in_pkts += 1
                packets = conn.in_pkts
            else:
                packets = ns.sysctl.sync_threshold[0]

    def _add(self, conn: Connection, version: int) -> None:
        codec = _CODECS[version]
        written = codec.write_entry(of(conn, sequences=not self.ns.differences.sync_without_sequences))
        number = crc32(conn.in_key) & (len(self.channels) - 1)
        channel = self.channels[number]
        buffer = channel.buffer
        if buffer is not None:
            filling = -len(buffer.body) % 4
            if (
                buffer.version != version
                or len(buffer.body) + filling + len(written) > buffer.room
                or self._counted_out(buffer)
            ):
                self._queue(number, channel, buffer)
                buffer = None
            else:
                buffer.body += bytes(filling)
        if buffer is None:
            room = max(len(written), self.spec.maxlen - codec.HEADER.size)
            buffer = channel.buffer = Buffer(version, room, self.ns.now)
        buffer.body += written
        buffer.count += 1

    def _counted_out(self, buffer: Buffer) -> bool:
        if self.ns.differences.sync_count_wraps:
            # Only version 0 looks at the count, to tell its buffers from others.
            return buffer.version == 0 and buffer.count & COUNT_MAX == 0
        return buffer.count >= COUNT_MAX

    def _queue(self, number: int, channel: Channel, buffer: Buffer) -> None:
        """Put a filled buffer into the queue. Kernel: `sb_queue_tail`."""
        channel.buffer = None
        if len(channel.queue) >= self.ns.sysctl.sync_qlen_max:
            self.ns.reasons[Reason.SYNC_QUEUE_FULL] += 1
            return
        if not channel.queue:
            channel.wake_at = self.ns.now + SEND_DELAY
        channel.queue.append(self._message(buffer))
        channel.delay += 1
        if channel.delay == WAKE_UP_RATE:
            self._send_queue(number, channel)

    # ---- sending -----------------------------------------------------------

    def _message(self, buffer: Buffer) -> bytes:
        codec = _CODECS[buffer.version]
        size = codec.HEADER.size + len(buffer.body)
        header: bytes = codec.write_header(buffer.count, self.spec.syncid, size)
        return header + buffer.body

    def _send(self, number: int, message: bytes) -> None:
        self.ns.commands.append(Multicast(SyncState.MASTER, number, message))

    def _send_queue(self, number: int, channel: Channel) -> None:
        channel.wake_at = None
        if not channel.writable:
            return
        while channel.queue:
            self._send(number, channel.queue.popleft())
        channel.delay = 0
        channel.checked = self.ns.now
        self._flush_old(number, channel)

    def _flush_old(self, number: int, channel: Channel) -> None:
        buffer = channel.buffer
        if buffer is not None and channel.writable and self.ns.now - buffer.first_use >= FLUSH_TIME:
            channel.buffer = None
            self._send(number, self._message(buffer))

    def set_writable(self, number: int, writable: bool) -> None:
        """The host's socket of a channel takes no more for now, or takes messages again."""
        channel = self.channels[number]
        channel.writable = writable
        if writable and channel.queue:
            self._send_queue(number, channel)

    # ---- time --------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When to call `handle` next."""
        times = [time for channel in self.channels if (time := _due(channel)) is not None]
        return min(times, default=None)

    def handle(self) -> None:
        """Send what has waited long enough."""
        now = self.ns.now + SLACK
        for number, channel in enumerate(self.channels):
            due = _due(channel)
            if due is None or due > now:
                continue
            if channel.wake_at is not None and channel.wake_at <= now:
                self._send_queue(number, channel)
            else:
                channel.checked = due
                buffer = channel.buffer
                if buffer is not None:
                    channel.buffer = None
                    self._send(number, self._message(buffer))


def _due(channel: Channel) -> float | None:
    if not channel.writable:
        return None
    look = None
    if channel.buffer is not None:
        looks = max(1, ceil((channel.buffer.first_use + FLUSH_TIME - channel.checked) / CHECK_PERIOD))
        look = channel.checked + looks * CHECK_PERIOD
    if channel.wake_at is None:
        return look
    return channel.wake_at if look is None else min(channel.wake_at, look)
