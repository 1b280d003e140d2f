"""The SIP engine: calls of one Call-ID go to one server. Kernel: ip_vs_pe_sip.c, `ct_sip_get_header`.

RFC 3261, sections 7.3 and 8.1.1.4. The header may be written `Call-ID` or `i`, in any case, with space and a
folded line around its colon. Its value is a word, or two with an `@` between them. It is read as the kernel
reads it, oddities included, since the name goes to other directors by synchronisation.
"""

import re
from typing import Final

from pyvs.core.flags import Proto
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.persistence.engine import PersistenceEngine

UDP_HEADER: Final = 8
LONGEST: Final = 255
"""Bytes of a name. Kernel: IP_VS_PEDATA_MAXLEN."""
FIELD: Final = b"call-id"
SPACE: Final = b" \t"
LINE_END: Final = b"\r\n"
# The kernel's letters are those of Latin-1.
_LETTERS: Final = rb"A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff"
_NEXT_LINE_END: Final = re.compile(rb"[\r\n]")
_COMPACT: Final = re.compile(rb"[iI][^" + _LETTERS + rb"]", re.DOTALL)
_WORD: Final = re.compile(rb"[-0-9.!%*_+`'~()<>:\\\"/\[\]?{}" + _LETTERS + rb"]+")


class SipEngine(PersistenceEngine):
    """Reads the Call-ID of a SIP message in a UDP datagram."""

    name = "sip"
    servers_begin = True

    def identify(self, packet: Packet, header: Header) -> bytes | None:
        """Kernel: `ip_vs_sip_fill_param`."""
        if header.protocol != Proto.UDP or header.icmp or header.fragment_offset:
            return None
        return call_id(packet.data[header.offset + UDP_HEADER : header.end])


def call_id(message: bytes) -> bytes | None:
    """The value of the first Call-ID that has one, if a line end follows it. Kernel: `get_callid`."""
    start = 0
    while (place := _find(message, start)) is not None:
        at, end = place
        if end > at:
            whole = end - at <= LONGEST and message[end : end + 1] in (b"\r", b"\n")
            return message[at:end] if whole else None
        # An empty value: look on. The kernel adds the place to where it began, and so may miss the next.
        start += at
    return None


def _find(message: bytes, start: int) -> tuple[int, int] | None:
    """Where the value of the first Call-ID from `start` on begins and ends. Kernel: `ct_sip_get_header`."""
    limit = len(message)
    while (line := _NEXT_LINE_END.search(message, start)) is not None:
        at = line.end()
        if message[at - 1 : at + 1] == LINE_END:
            at += 1
        if at >= limit:
            return None
        if message[at : at + len(FIELD)].lower() == FIELD:
            at += len(FIELD)
        elif _COMPACT.match(message, at):
            at += 1
        else:
            # The byte behind a line end is not looked at again, even if it is another line end.
            start = at + 1
            continue
        colon = _skip_space(message, at)
        if colon is None or message[colon : colon + 1] != b":" or colon + 1 >= limit:
            return None
        value = _skip_space(message, colon + 1)
        return None if value is None else (value, _value_end(message, value))
    return None


def _skip_space(message: bytes, at: int) -> int | None:
    """The next byte that is no space, over one folded line at most; None when the line ends there.

    Kernel: `sip_skip_whitespace`, `sip_follow_continuation`.
    """
    limit = len(message)
    while at < limit and message[at] in SPACE:
        at += 1
    if at >= limit or message[at] not in LINE_END:
        return at
    at += 2 if message[at : at + 2] == LINE_END else 1
    if at >= limit or message[at] not in SPACE:
        return None
    while at < limit and message[at] in SPACE:
        at += 1
    return at


def _value_end(message: bytes, at: int) -> int:
    """Where a Call-ID's value ends; `at` itself when it is none. Kernel: `callid_len`."""
    word = _WORD.match(message, at)
    if word is None:
        return at
    end = word.end()
    if message[end : end + 1] != b"@":
        return end
    domain = _WORD.match(message, end + 1)
    return at if domain is None else domain.end()
