"""The numbers of the family "IPVS": commands and attributes. Kernel: include/uapi/linux/ip_vs.h.

A row is an attribute: number, name, kind and, for strings and binary, the longest that the kernel takes.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import Any, Final

FAMILY_NAME: Final = "IPVS"
FAMILY_VERSION: Final = 1


class Command(IntEnum):
    """What a message asks or answers. Kernel: `IPVS_CMD_*`."""

    NEW_SERVICE = 1
    SET_SERVICE = 2
    DEL_SERVICE = 3
    GET_SERVICE = 4
    NEW_DEST = 5
    SET_DEST = 6
    DEL_DEST = 7
    GET_DEST = 8
    NEW_DAEMON = 9
    DEL_DAEMON = 10
    GET_DAEMON = 11
    SET_CONFIG = 12
    GET_CONFIG = 13
    SET_INFO = 14
    GET_INFO = 15
    ZERO = 16
    FLUSH = 17


class CtrlCommand(IntEnum):
    """Commands of the family that knows the families. Kernel: `CTRL_CMD_*`."""

    NEWFAMILY = 1
    GETFAMILY = 3


class MessageType(IntEnum):
    """Message types below the families' own. Kernel: `NLMSG_*`, `GENL_ID_CTRL`."""

    NOOP = 1
    ERROR = 2
    DONE = 3
    MIN = 0x10
    """The first that is not a control message."""
    CTRL = 0x10
    """The family that knows the families."""


class Flag(IntFlag):
    """Flags of a message. Kernel: `NLM_F_*`."""

    REQUEST = 0x01
    MULTI = 0x02
    ACK = 0x04
    CAPPED = 0x100
    """An ACK holds only the header of the request."""
    ACK_TLVS = 0x200
    """An ACK holds attributes."""
    DUMP = 0x300


class OpFlag(IntFlag):
    """What the family says of a command. Kernel: `GENL_ADMIN_PERM`, `GENL_CMD_CAP_*`."""

    ADMIN_PERM = 0x01
    DO = 0x02
    DUMP = 0x04
    HASPOL = 0x08


class Kind(Enum):
    """How an attribute's bytes are to be taken."""

    U8 = 1
    U16 = 2
    U32 = 3
    S32 = 4
    U64 = 5
    BE16 = 6
    """Network byte order; the other numbers are in the host's."""
    STRING = 7
    """Ends with a zero byte."""
    BINARY = 8
    ADDRESS6 = 9
    """An IPv6 address: neither less nor more counts."""
    NEST = 10
    """Attributes of another table; given as bytes."""


@dataclass(slots=True, frozen=True)
class Attribute:
    """A row of a table."""

    number: int
    name: str
    kind: Kind
    size: int = 0
    """Of strings and binary: the longest that is taken; 0: any."""


class Table:
    """The attributes of one nest, by number and by name."""

    __slots__ = ("by_name", "by_number", "forms", "layouts", "looked_at", "name", "reading", "writing")

    def __init__(self, name: str, *rows: Attribute) -> None:
        self.name = name
        self.by_number = {row.number: row for row in rows}
        self.by_name = {row.name: row for row in rows}
        self.reading: dict[int, Any] = {}
        """What the codec reads the numbers by, written down by itself."""
        self.writing: dict[str, Any] = {}
        """The same for writing."""
        self.forms: dict[tuple[str, ...], Any] = {}
        """By names: what writes attributes all at once."""
        self.layouts: dict[int, list[Any]] = {}
        """By length: what reads, at one look, attributes that lie as others before."""
        self.looked_at = 0
        """How often a layout was to be learnt."""


_Row = Attribute
_K = Kind

# fmt: off
TOP: Final = Table(
    "message",
    _Row(1, "service",         _K.NEST),
    _Row(2, "dest",            _K.NEST),
    _Row(3, "daemon",          _K.NEST),
    _Row(4, "timeout_tcp",     _K.U32),
    _Row(5, "timeout_tcp_fin", _K.U32),
    _Row(6, "timeout_udp",     _K.U32),
)
"""Kernel: `IPVS_CMD_ATTR_*`, `ip_vs_cmd_policy`."""

SERVICE: Final = Table(
    "SERVICE",
    _Row(1,  "af",         _K.U16),
    _Row(2,  "protocol",   _K.U16),
    _Row(3,  "addr",       _K.BINARY, 16),
    _Row(4,  "port",       _K.BE16),
    _Row(5,  "fwmark",     _K.U32),
    _Row(6,  "sched_name", _K.STRING, 15),
    _Row(7,  "flags",      _K.BINARY, 8),   # u32 flags, u32 mask
    _Row(8,  "timeout",    _K.U32),
    _Row(9,  "netmask",    _K.U32),         # IPv4: a mask in network byte order
    _Row(10, "stats",      _K.NEST),
    _Row(11, "pe_name",    _K.STRING, 16),
    _Row(12, "stats64",    _K.NEST),
)
"""Kernel: `IPVS_SVC_ATTR_*`, `ip_vs_svc_policy`."""

DEST: Final = Table(
    "DEST",
    _Row(1,  "addr",          _K.BINARY, 16),
    _Row(2,  "port",          _K.BE16),
    _Row(3,  "fwd_method",    _K.U32),
    _Row(4,  "weight",        _K.S32),
    _Row(5,  "u_thresh",      _K.U32),
    _Row(6,  "l_thresh",      _K.U32),
    _Row(7,  "active_conns",  _K.U32),
    _Row(8,  "inact_conns",   _K.U32),
    _Row(9,  "persist_conns", _K.U32),
    _Row(10, "stats",         _K.NEST),
    _Row(11, "addr_family",   _K.U16),
    _Row(12, "stats64",       _K.NEST),
    _Row(13, "tun_type",      _K.U8),
    _Row(14, "tun_port",      _K.BE16),
    _Row(15, "tun_flags",     _K.U16),
)
"""Kernel: `IPVS_DEST_ATTR_*`, `ip_vs_dest_policy`."""

DAEMON: Final = Table(
    "DAEMON",
    _Row(1, "state",        _K.U32),
    _Row(2, "mcast_ifn",    _K.STRING, 15),
    _Row(3, "sync_id",      _K.U32),
    _Row(4, "sync_maxlen",  _K.U16),
    _Row(5, "mcast_group",  _K.U32),        # in network byte order
    _Row(6, "mcast_group6", _K.ADDRESS6),
    _Row(7, "mcast_port",   _K.U16),        # in the host's byte order
    _Row(8, "mcast_ttl",    _K.U8),
)
"""Kernel: `IPVS_DAEMON_ATTR_*`, `ip_vs_daemon_policy`."""

INFO: Final = Table(
    "INFO",
    _Row(1, "version",       _K.U32),
    _Row(2, "conn_tab_size", _K.U32),
)
"""Kernel: `IPVS_INFO_ATTR_*`."""

STATS: Final = Table(
    "STATS",
    _Row(1,  "conns",    _K.U32),
    _Row(2,  "inpkts",   _K.U32),
    _Row(3,  "outpkts",  _K.U32),
    _Row(4,  "inbytes",  _K.U64),
    _Row(5,  "outbytes", _K.U64),
    _Row(6,  "cps",      _K.U32),
    _Row(7,  "inpps",    _K.U32),
    _Row(8,  "outpps",   _K.U32),
    _Row(9,  "inbps",    _K.U32),
    _Row(10, "outbps",   _K.U32),
)
"""Kernel: `IPVS_STATS_ATTR_*` as in STATS. Attribute 11 pads on some machines."""

STATS64: Final = Table("STATS64", *(_Row(row.number, row.name, _K.U64) for row in STATS.by_number.values()))
"""Kernel: `IPVS_STATS_ATTR_*` as in STATS64."""

CTRL: Final = Table(
    "family",
    _Row(1, "family_id",   _K.U16),
    _Row(2, "family_name", _K.STRING, 15),
    _Row(3, "version",     _K.U32),
    _Row(4, "hdrsize",     _K.U32),
    _Row(5, "maxattr",     _K.U32),
    _Row(6, "ops",         _K.NEST),
)
"""Kernel: `CTRL_ATTR_*`."""

CTRL_OP: Final = Table(
    "operation",
    _Row(1, "id",    _K.U32),
    _Row(2, "flags", _K.U32),
)
"""Kernel: `CTRL_ATTR_OP_*`."""

ACK: Final = Table(
    "acknowledgement",
    _Row(1, "msg", _K.STRING),
)
"""Kernel: `NLMSGERR_ATTR_*`."""

OPERATIONS: Final[dict[Command, OpFlag]] = {
    command: OpFlag.ADMIN_PERM | OpFlag.HASPOL | how
    for command, how in {
        Command.NEW_SERVICE: OpFlag.DO,
        Command.SET_SERVICE: OpFlag.DO,
        Command.DEL_SERVICE: OpFlag.DO,
        Command.GET_SERVICE: OpFlag.DO | OpFlag.DUMP,
        Command.NEW_DEST:    OpFlag.DO,
        Command.SET_DEST:    OpFlag.DO,
        Command.DEL_DEST:    OpFlag.DO,
        Command.GET_DEST:    OpFlag.DUMP,
        Command.NEW_DAEMON:  OpFlag.DO,
        Command.DEL_DAEMON:  OpFlag.DO,
        Command.GET_DAEMON:  OpFlag.DUMP,
        Command.SET_CONFIG:  OpFlag.DO,
        Command.GET_CONFIG:  OpFlag.DO,
        Command.GET_INFO:    OpFlag.DO,
        Command.ZERO:        OpFlag.DO,
        Command.FLUSH:       OpFlag.DO,
    }.items()
}
"""How each command may be asked. SET_INFO is an answer only. Kernel: `ip_vs_genl_ops`."""
# fmt: on
