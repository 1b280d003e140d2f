"""The C header of the programs, made from the tables: nothing is written twice."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from pyvs.core.flags import SCHED_SH_PORT, Forward, TunFlag, TunType
from pyvs.core.protocols import tcp_states
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.schedulers import dh, hashing, mh, sh
from pyvs.core.transmit.route import MIN_MTU4, MIN_MTU6
from pyvs.core.transmit.tunnel import EPHEMERAL, GRE_CSUM
from pyvs.fastpath import own
from pyvs.fastpath.layout import LAYOUTS
from pyvs.fastpath.tables import (
    CLAIMED,
    CURSOR_MOST,
    FALLBACK_MOST,
    HOP_REACHES_OUT,
    LEAST_MOST,
    LIMITS,
    REDIRECTS,
    SELECT_FALLBACK,
    SELECT_KIND,
    SHORT_MOST,
    SYNC_V0,
    Flag,
    Miss,
    Selector,
    Status,
    TemplateStatus,
    active_mask,
    synced_mask,
    tcp_next,
)

_NUMBERS: Final = {
    "ROW_SYN": tcp_states.SYN_ROW,
    "ROW_FIN": tcp_states.FIN_ROW,
    "ROW_ACK": tcp_states.ACK_ROW,
    "ROW_RST": tcp_states.RST_ROW,
    "ROW_NONE": tcp_states.NO_ROW,
    "FLAG_FIN": tcp_states.FIN,
    "FLAG_SYN": tcp_states.SYN,
    "FLAG_RST": tcp_states.RST,
    "FLAG_ACK": tcp_states.ACK,
    "TCP_ACTIVE": active_mask(),
    "TCP_SYNCED": synced_mask(),
    "CLAIMED": CLAIMED,
    "SYNC_V0": SYNC_V0,
    "SH_BITS": sh.BITS,
    "DH_BITS": dh.BITS,
    "MH_SLOTS": mh.SLOTS,
    "GOLDEN_RATIO_32": hashing.GOLDEN_RATIO_32,
    "MH_KEY_0": mh.KEY_1[0],
    "MH_KEY_1": mh.KEY_1[1],
    "LEAST_MTU4": MIN_MTU4,
    "LEAST_MTU6": MIN_MTU6,
    "REDIRECTS": REDIRECTS,
    "OWN_BITS": own.BITS,
    "OWN_WORDS": own.WORDS,
    "GRE_CSUM": GRE_CSUM,
    "GUE_PORT_LOW": EPHEMERAL[0],
    "GUE_PORTS": EPHEMERAL[1] - EPHEMERAL[0] + 1,
    "LEAST_MOST": LEAST_MOST,
    "CURSOR_MOST": CURSOR_MOST,
    "FALLBACK_MOST": FALLBACK_MOST,
    "SELECT_KIND": SELECT_KIND,
    "SELECT_FALLBACK": SELECT_FALLBACK,
    "SHORT_MOST": SHORT_MOST,
    "HOP_REACHES_OUT": HOP_REACHES_OUT,
    "SCHED_PORT": int(SCHED_SH_PORT),
}


def _enum(prefix: str, kind: type[IntEnum]) -> str:
    rows = (f"    {prefix}_{member.name} = {int(member):#x}," for member in kind)
    return "\n".join(["enum {", *rows, "};"])


def _misses(kind: type[Enum]) -> str:
    rows = (f"    MISS_{member.name} = {number}," for number, member in enumerate(kind))
    return "\n".join(["enum {", *rows, f"    MISSES = {len(kind)},", "};"])


def _tcp_table() -> str:
    tables = tcp_next()
    lines = [f"static const volatile __u8 tcp_next[{len(tables)}][8][16] = {{"]
    for table in tables:
        lines += ["    {", *(f"        {{{', '.join(map(str, row))}}}," for row in table), "    },"]
    return "\n".join([*lines, "};"])


def text() -> str:
    """The whole header."""
    constants = {**LIMITS, **_NUMBERS}
    parts = [
        "// Made by pyvs.fastpath.header from the tables of the core: not to be edited.",
        "#pragma once",
        "#include <linux/types.h>",
        "\n".join(f"#define {name} {value:#x}" for name, value in constants.items()),
        _enum("TCP", TcpState),
        _enum("FORWARD", Forward),
        _enum("TUN", TunType),
        _enum("TUNFLAG", TunFlag),
        _enum("STATUS", Status),
        _enum("TEMPLATE", TemplateStatus),
        _enum("DEST", Flag),
        _enum("SELECT", Selector),
        _misses(Miss),
        *(layout.c_text() for layout in LAYOUTS),
        _tcp_table(),
    ]
    return "\n\n".join(parts) + "\n"
