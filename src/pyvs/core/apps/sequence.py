"""Sequence numbers after a helper has made data longer or shorter. Kernel: `struct ip_vs_seq`, ip_vs_app.c.

What a side sends is shifted on its way to the other, and what the other acknowledges is shifted back::

    before the last change     previous_delta
    after it (init_seq)        delta

Differs: acknowledged ranges (SACK, RFC 2018) are shifted too; the kernel leaves that to connection tracking, which
does all the shifting for its only helper.
"""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.connection import Sequence

MASK: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000
_ACK: Final = 0x10
_SACK: Final = 5
_END, _NOP = 0, 1
_PLAIN_HEADER: Final = 20


def after(one: int, other: int) -> bool:
    """Whether a sequence number comes after another, modulo 2**32. Kernel: `after`."""
    return (other - one) & MASK >= _HALF


def shifted(shift: Sequence, seq: int) -> int:
    """A sequence number as the other side knows it. Kernel: `vs_fix_seq`."""
    return seq + (shift.delta if after(seq, shift.init_seq) else shift.previous_delta) & MASK


def unshifted(shift: Sequence, ack: int) -> int:
    """A number that the other side acknowledges, as the sender knows it. Kernel: `vs_fix_ack_seq`."""
    changed = shift.init_seq + shift.delta & MASK
    return ack - (shift.delta if after(ack, changed) else shift.previous_delta) & MASK


def changed(shift: Sequence | None, seq: int, growth: int) -> Sequence:
    """The shift after data beginning at `seq` grew; a repeated packet changes nothing. Kernel: `vs_seq_update`."""
    if shift is None:
        return Sequence(seq, growth, 0)
    if after(seq, shift.init_seq):
        shift.previous_delta = shift.delta
        shift.delta += growth
        shift.init_seq = seq
    return shift


def adjusted(data: bytes, at: int, own: Sequence | None, other: Sequence | None) -> bytes:
    """The packet with the numbers of its TCP header, at `at`, set right.

    own: the shift of the sender's data; other: that of the data that it acknowledges. The checksum is as it was.
    """
    header = bytearray(data[at : at + _PLAIN_HEADER])
    if len(header) < _PLAIN_HEADER:
        return data
    if own is not None:
        header[4:8] = shifted(own, int.from_bytes(header[4:8], "big")).to_bytes(4, "big")
    options_at = at + _PLAIN_HEADER
    end = max(options_at, min(len(data), at + (header[12] >> 4) * 4))
    options = data[options_at:end]
    if other is not None and header[13] & _ACK:
        header[8:12] = unshifted(other, int.from_bytes(header[8:12], "big")).to_bytes(4, "big")
        options = _ranges_unshifted(options, other)
    return b"".join((data[:at], header, options, data[end:]))


def _ranges_unshifted(options: bytes, other: Sequence) -> bytes:
    at = 0
    out = bytearray(options)
    while at < len(options):
        kind = options[at]
        if kind == _END:
            break
        if kind == _NOP:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            break
        if kind == _SACK:
            for edge in range(at + 2, at + length - 3, 4):
                number = int.from_bytes(options[edge : edge + 4], "big")
                out[edge : edge + 4] = unshifted(other, number).to_bytes(4, "big")
        at += length
    return bytes(out)
