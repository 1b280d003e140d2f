"""One queue of the kernel: bind it, take packets out, judge them. Kernel: `net/netfilter/nfnetlink_queue.c`."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from struct import Struct
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.verdict import Action
from pyvs.datapath.mmsg import Inbox
from pyvs.datapath.nfqueue import messages
from pyvs.datapath.nfqueue.messages import Command, Flag, Message, Meta, Verdicts

SOL_NETLINK: Final = 270
NETLINK_NO_ENOBUFS: Final = 5
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33

DROP: Final = Action.DROP.value
ACCEPT: Final = Action.ACCEPT.value
QUEUE: Final = 3
"""The verdict that hands a packet to another queue, whose number stands in the upper half."""

LISTING: Final = "/proc/self/net/netfilter/nfnetlink_queue"
BATCH: Final = 64
SLOT: Final = 66_560
"""Bytes for one message: a packet of 64 KiB and what the kernel says of it."""
SEND_LIMIT: Final = 96 * 1024
"""Bytes of verdicts that are handed to the kernel at once; it takes as much as a send buffer holds."""
SHAPES_MAX: Final = 4096

_TOTAL_KIND: Final = Struct("=IH")
_ID_HOOK: Final = Struct("=I2xB")
_SIZE_KIND: Final = Struct("=HH")
_PAYLOAD: Final = messages.Attribute.PAYLOAD.value
_PACKET: Final = Message.PACKET.value

Received = tuple[int, Meta, bytes]
"""A packet that waits: its number (as it came), what the kernel says of it, its bytes."""


class QueueError(PyvsError):
    """A queue can't be had, in a sentence with its remedy."""


class Queue:
    """A bound queue. Not to be shared between threads."""

    def __init__(
        self, number: int, *, length: int = 4096, gso: bool = False, fail_open: bool = False
    ) -> None:
        """Bind queue `number`, in which up to `length` packets wait.

        gso: segments that belong together come as one packet; otherwise the kernel cuts them apart before.
        fail_open: a full queue lets packets pass instead of dropping them. Raises QueueError.
        """
        self.number = number
        self.refused = 0
        """Verdicts that the kernel refused (the packet was gone)."""
        self._inbox = Inbox(BATCH, SLOT)
        self._view = memoryview(self._inbox.buffer)
        self._shapes: dict[bytes, Meta] = {}
        self._likely = [messages.FIRST_CHANGING + 12] * 8
        """Where the payload of the latest packet of each hook began."""
        self._verdicts = Verdicts(number)
        self._out: list[bytes] = []
        self._out_size = 0
        self._sequence = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, messages.NETLINK_NETFILTER)
        except OSError as error:
            raise QueueError(_no_nfqueue(error.errno)) from error
        try:
            self._socket.bind((0, 0))
            self._bind(length, gso, fail_open)
        except BaseException:
            self._socket.close()
            raise

    def _bind(self, length: int, gso: bool, fail_open: bool) -> None:
        self._buffers(8 << 20)
        number = self._ask(messages.command(Command.PF_BIND))
        if number == errno.EPERM:
            raise QueueError(
                "packets can't be queued to this program: it lacks CAP_NET_ADMIN; "
                "run it as root, or in a user and network namespace of its own (unshare -Urn)"
            )
        if number:
            raise QueueError(_no_nfqueue(number))
        number = self._ask(messages.command(Command.BIND))
        if number in {errno.EPERM, errno.EBUSY}:
            raise QueueError(
                f"queue {self.number} is taken by another program (see /proc/net/netfilter/nfnetlink_queue): "
                "stop it, or choose another number with --queue"
            )
        if number:
            raise QueueError(f"queue {self.number} can't be bound: {os.strerror(number)}")
        wanted = (Flag.GSO if gso else Flag(0)) | (Flag.FAIL_OPEN if fail_open else Flag(0))
        number = self._ask(
            messages.copy_packets(0xFFFF),
            messages.longest(length),
            messages.set_flags(wanted, Flag.GSO | Flag.FAIL_OPEN),
        )
        if number:
            raise QueueError(f"queue {self.number} can't be configured: {os.strerror(number)}")
        self._socket.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        self._socket.setblocking(False)

    def _buffers(self, size: int) -> None:
        for force, plain in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, force, size)
            except PermissionError:  # in a user namespace: up to net.core.rmem_max
                self._socket.setsockopt(socket.SOL_SOCKET, plain, size)

    def _ask(self, *attributes: bytes) -> int:
        """Send a CONFIG and wait for its acknowledgement: the errno, 0 if it was done."""
        self._sequence += 1
        try:
            self._socket.settimeout(5)
            self._socket.send(messages.config(self.number, self._sequence, *attributes))
            while True:
                number = messages.error_of(self._socket.recv(SLOT))
                if number is not None:
                    return number
        except OSError as error:
            return error.errno or errno.ETIMEDOUT

    def fileno(self) -> int:
        """The socket, for a selector."""
        return self._socket.fileno()

    def receive(self) -> list[Received]:
        """The packets that wait, up to BATCH of them. Each is to be judged before the next call."""
        received: list[Received] = []
        try:
            count, lengths = self._inbox.receive(self._socket.fileno())
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return received
        view, shapes, likely = self._view, self._shapes, self._likely
        offset = -SLOT
        for i in range(count):
            offset += SLOT
            total, kind = _TOTAL_KIND.unpack_from(view, offset)
            if kind != _PACKET or total > lengths[i]:
                self._other(offset, lengths[i])
                continue
            number, hook = _ID_HOOK.unpack_from(view, offset + messages.ID_AT)
            # The bytes between number and payload are the same for all packets of one neighbour at one hook:
            # they are read once, and then found by themselves.
            at = likely[hook & 7]
            meta = shapes.get(bytes(view[offset + messages.FIRST_CHANGING : offset + at - 4]))
            if meta is None:
                meta = self._learn(offset, total)
                if meta is None:
                    self._out.append(self._verdicts.one(DROP, number))
                    continue
                likely[hook & 7] = at = meta.payload_at
            size, kind = _SIZE_KIND.unpack_from(view, offset + at - 4)
            if kind != _PAYLOAD or at - 4 + size > total:
                meta = self._learn(offset, total)
                if meta is None:
                    self._out.append(self._verdicts.one(DROP, number))
                    continue
                likely[hook & 7] = at = meta.payload_at
                size, _ = _SIZE_KIND.unpack_from(view, offset + at - 4)
            received.append((number, meta, bytes(view[offset + at : offset + at - 4 + size])))
        return received

    def _learn(self, offset: int, length: int) -> Meta | None:
        meta = messages.parse(self._view, offset, length)
        if meta is not None:
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            end = offset + meta.payload_at - 4
            self._shapes[bytes(self._view[offset + messages.FIRST_CHANGING : end])] = meta
        return meta

    def _other(self, offset: int, length: int) -> None:
        number = messages.error_of(bytes(self._view[offset : offset + length]))
        if number:
            self.refused += 1

    def judge(self, packet: int, verdict: int) -> None:
        """Say what becomes of one packet. Verdicts are sent by `flush`."""
        self._put(self._verdicts.one(verdict, packet))

    def judge_up_to(self, packet: int, verdict: int) -> None:
        """Say what becomes of this packet and all before it that are not judged yet."""
        self._put(self._verdicts.up_to(verdict, packet))

    def accept_changed(self, packet: int, payload: bytes, mark: int | None = None) -> None:
        """Let a packet pass with other bytes, and with another mark if one is given."""
        self._put(self._verdicts.changed(ACCEPT, packet, payload, mark))

    def _put(self, message: bytes) -> None:
        if self._out_size + len(message) > SEND_LIMIT:
            self.flush()
        self._out.append(message)
        self._out_size += len(message)

    def flush(self) -> None:
        """Hand the verdicts to the kernel."""
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        try:
            self._socket.send(data)
        except OSError:
            self.refused += 1

    def lost(self) -> int:
        """Packets that the kernel has dropped because the queue, or its socket's buffer, was full."""
        try:
            lines = Path(LISTING).read_text("ascii").splitlines()
        except OSError:
            return 0
        for line in lines:
            words = line.split()
            if len(words) > 6 and words[0] == str(self.number):
                return int(words[5]) + int(words[6])
        return 0

    def close(self) -> None:
        """Unbind: what still waits is dropped by the kernel."""
        self._socket.close()


def _no_nfqueue(number: int | None) -> str:
    reason = os.strerror(number) if number else "no reason given"
    return (
        f"this kernel has no NFQUEUE ({reason}): load nfnetlink_queue and xt_NFQUEUE "
        "(modprobe -a nfnetlink_queue xt_NFQUEUE), or use a kernel with CONFIG_NETFILTER_NETLINK_QUEUE"
    )
