"""The grammar of ipvsadm 1.31: commands, options, and which goes with which. Only tables.

Options are checked against the command in the order of `Option`; messages name them as the tables do.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Command(Enum):
    """What an invocation does; the value is its name in messages."""

    __hash__ = object.__hash__  # that of Enum takes four times as long

    ADD = "add-service"
    EDIT = "edit-service"
    DELETE = "delete-service"
    FLUSH = "flush"
    RESTORE = "restore"
    SAVE = "save"
    ADD_SERVER = "add-server"
    EDIT_SERVER = "edit-server"
    DELETE_SERVER = "delete-server"
    LIST = "list"
    ZERO = "zero"
    SET = "set"
    START_DAEMON = "start-daemon"
    STOP_DAEMON = "stop-daemon"
    HELP = "help"
    VERSION = "version"


class Option(Enum):
    """Options, in the order in which they are checked; the value is the name in messages."""

    __hash__ = object.__hash__  # that of Enum takes four times as long

    NUMERIC = "numeric"
    CONNECTION = "connection"
    SERVICE = "service-address"
    SCHEDULER = "scheduler"
    PERSISTENT = "persistent"
    NETMASK = "netmask"
    SERVER = "real-server"
    FORWARD = "forwarding-method"
    WEIGHT = "weight"
    U_THRESHOLD = "u-threshold"
    L_THRESHOLD = "l-threshold"
    MCAST_INTERFACE = "mcast-interface"
    TIMEOUT = "timeout"
    DAEMON = "daemon"
    STATS = "stats"
    RATE = "rate"
    THRESHOLDS = "thresholds"
    PERSISTENT_CONN = "persistent-conn"
    NOSORT = "nosort"
    SYNCID = "syncid"
    EXACT = "exact"
    OPS = "ops"
    PE = "pe"
    SCHED_FLAGS = "sched-flags"
    MCAST_GROUP = "mcast-group"
    MCAST_PORT = "mcast-port"
    MCAST_TTL = "mcast-ttl"
    SYNC_MAXLEN = "sync-maxlen"
    TUN_INFO = "tun-info"
    TUN_TYPE = "tun-type"
    TUN_PORT = "tun-port"
    TUN_NOCSUM = "tun-nocsum"
    TUN_CSUM = "tun-csum"
    TUN_REMCSUM = "tun-remcsum"


class Argument(Enum):
    """Whether an option has an argument."""

    NONE = auto()
    REQUIRED = auto()
    OPTIONAL = auto()
    """Taken if the next word doesn't begin with a dash."""


@dataclass(slots=True, frozen=True)
class Switch:
    """One way to write an option or a command."""

    long: str
    short: str
    argument: Argument
    command: Command | None
    """The command that it is."""
    action: str
    """What else it does: a method of the parser."""


_NO, _YES, _MAY = Argument.NONE, Argument.REQUIRED, Argument.OPTIONAL
_C = Command

# fmt: off
SWITCHES: Final = (
    Switch("add-service",     "A", _NO,  _C.ADD,           ""),
    Switch("edit-service",    "E", _NO,  _C.EDIT,          ""),
    Switch("delete-service",  "D", _NO,  _C.DELETE,        ""),
    Switch("clear",           "C", _NO,  _C.FLUSH,         ""),
    Switch("restore",         "R", _NO,  _C.RESTORE,       ""),
    Switch("save",            "S", _NO,  _C.SAVE,          ""),
    Switch("add-server",      "a", _NO,  _C.ADD_SERVER,    ""),
    Switch("edit-server",     "e", _NO,  _C.EDIT_SERVER,   ""),
    Switch("delete-server",   "d", _NO,  _C.DELETE_SERVER, ""),
    Switch("list",            "L", _NO,  _C.LIST,          ""),
    Switch("list",            "l", _NO,  _C.LIST,          ""),
    Switch("zero",            "Z", _NO,  _C.ZERO,          ""),
    Switch("set",             "",  _NO,  _C.SET,           ""),
    Switch("start-daemon",    "",  _YES, _C.START_DAEMON,  "start_daemon"),
    Switch("stop-daemon",     "",  _YES, _C.STOP_DAEMON,   "stop_daemon"),
    Switch("help",            "h", _NO,  _C.HELP,          ""),
    Switch("version",         "v", _NO,  _C.VERSION,       ""),
    Switch("tcp-service",     "t", _YES, None,             "tcp_service"),
    Switch("udp-service",     "u", _YES, None,             "udp_service"),
    Switch("sctp-service",    "",  _YES, None,             "sctp_service"),
    Switch("fwmark-service",  "f", _YES, None,             "fwmark_service"),
    Switch("ipv6",            "6", _NO,  None,             "ipv6"),
    Switch("scheduler",       "s", _YES, None,             "scheduler"),
    Switch("pe",              "",  _YES, None,             "pe"),
    Switch("persistent",      "p", _MAY, None,             "persistent"),
    Switch("netmask",         "M", _YES, None,             "netmask"),
    Switch("ops",             "o", _NO,  None,             "ops"),
    Switch("sched-flags",     "b", _YES, None,             "sched_flags"),
    Switch("real-server",     "r", _YES, None,             "real_server"),
    Switch("gatewaying",      "g", _NO,  None,             "gatewaying"),
    Switch("ipip",            "i", _NO,  None,             "ipip"),
    Switch("masquerading",    "m", _NO,  None,             "masquerading"),
    Switch("weight",          "w", _YES, None,             "weight"),
    Switch("u-threshold",     "x", _YES, None,             "u_threshold"),
    Switch("l-threshold",     "y", _YES, None,             "l_threshold"),
    Switch("tun-type",        "",  _YES, None,             "tun_type"),
    Switch("tun-port",        "",  _YES, None,             "tun_port"),
    Switch("tun-nocsum",      "",  _NO,  None,             "tun_nocsum"),
    Switch("tun-csum",        "",  _NO,  None,             "tun_csum"),
    Switch("tun-remcsum",     "",  _NO,  None,             "tun_remcsum"),
    Switch("numeric",         "n", _NO,  None,             "numeric"),
    Switch("connection",      "c", _NO,  None,             "connection"),
    Switch("timeout",         "",  _NO,  None,             "timeout"),
    Switch("daemon",          "",  _NO,  None,             "daemon"),
    Switch("stats",           "",  _NO,  None,             "stats"),
    Switch("rate",            "",  _NO,  None,             "rate"),
    Switch("thresholds",      "",  _NO,  None,             "thresholds"),
    Switch("persistent-conn", "",  _NO,  None,             "persistent_conn"),
    Switch("tun-info",        "",  _NO,  None,             "tun_info"),
    Switch("nosort",          "",  _NO,  None,             "nosort"),
    Switch("sort",            "",  _NO,  None,             "sort"),
    Switch("exact",           "X", _NO,  None,             "exact"),
    Switch("mcast-interface", "",  _YES, None,             "mcast_interface"),
    Switch("syncid",          "",  _YES, None,             "syncid"),
    Switch("mcast-group",     "",  _YES, None,             "mcast_group"),
    Switch("mcast-port",      "",  _YES, None,             "mcast_port"),
    Switch("mcast-ttl",       "",  _YES, None,             "mcast_ttl"),
    Switch("sync-maxlen",     "",  _YES, None,             "sync_maxlen"),
)

# + needed, . allowed, 1 at most one of these, x illegal; columns in the order of Option
_ROWS = {
    # 1 numeric connection service scheduler persistent netmask   4 syncid exact
    # 2 server forward weight u-threshold l-threshold             5 ops pe sched-flags
    # 3 mcast-interface timeout daemon stats rate thresholds      6 mcast-group -port -ttl sync-maxlen
    #   persistent-conn nosort                                    7 tun-info -type -port -nocsum -csum -remcsum
    #                       1       2      3         4   5    6     7
    Command.ADD:           "xx+...  xxxxx  xxxxxxxx  xx  ...  xxxx  xxxxxx",
    Command.EDIT:          "xx+...  xxxxx  xxxxxxxx  xx  ...  xxxx  xxxxxx",
    Command.DELETE:        "xx+xxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.FLUSH:         "xxxxxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.RESTORE:       "xxxxxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.SAVE:          ".xxxxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.ADD_SERVER:    "xx+xxx  +....  xxxxxxxx  xx  xxx  xxxx  x.....",
    Command.EDIT_SERVER:   "xx+xxx  +....  xxxxxxxx  xx  xxx  xxxx  x.....",
    Command.DELETE_SERVER: "xx+xxx  +xxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.LIST:          ".11xxx  xxxxx  x11.....  ..  xxx  xxxx  .xxxxx",
    Command.ZERO:          "xx.xxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.SET:           "xxxxxx  xxxxx  xxxxxxxx  xx  xxx  xxxx  xxxxxx",
    Command.START_DAEMON:  "xxxxxx  xxxxx  .xxxxxxx  .x  xxx  ....  xxxxxx",
    Command.STOP_DAEMON:   "xxxxxx  xxxxx  xxxxxxxx  .x  xxx  xxxx  xxxxxx",
}
_TUNNEL_COLUMNS = (
    Option.TUN_PORT, Option.TUN_NOCSUM, Option.TUN_CSUM, Option.TUN_REMCSUM,
)
_TUNNEL_ROWS = {
    "ipip": "xxxx",
    "gue":  "+111",
    "gre":  "x11x",
}
# fmt: on


class Row(dict[Option, str]):
    """A row of a matrix: what is said of each option, and which options are needed, illegal, or at most one of."""

    def __init__(self, columns: tuple[Option, ...], row: str) -> None:
        super().__init__(zip(columns, row.replace(" ", ""), strict=True))
        self.needed, self.illegal, self.single = (
            frozenset(option for option, says in self.items() if says == sign) for sign in "+x1"
        )

    def allows(self, options: set[Option]) -> bool:
        """Whether these options go together."""
        return (
            self.needed <= options
            and self.illegal.isdisjoint(options)
            and (self.single.isdisjoint(options) or len(self.single & options) == 1)
        )


MATRIX: Final = {command: Row(tuple(Option), row) for command, row in _ROWS.items()}
"""What each command says of each option: `+` needed, `.` allowed, `1` at most one of these, `x` illegal."""

TUNNEL_MATRIX: Final = {kind: Row(_TUNNEL_COLUMNS, row) for kind, row in _TUNNEL_ROWS.items()}
"""The same for each type of tunnel."""

LONG: Final = {switch.long: switch for switch in SWITCHES}
SHORT: Final = {switch.short: switch for switch in SWITCHES if switch.short}

SCHEDULER_FLAGS: Final = {
    "sh": ("sh-fallback", "sh-port"),
    "mh": ("mh-fallback", "mh-port"),
}
"""What the flags 1 and 2 of some schedulers are called; the others' are flag-1, flag-2 and flag-3."""
FLAGS: Final = ("flag-1", "flag-2", "flag-3")

DEFAULT_SCHEDULER: Final = "wlc"
DEFAULT_TIMEOUT: Final = 360
DEFAULT_INTERFACE: Final = "eth0"
MAX_TIMEOUT: Final = 86400 * 31
INT_MAX: Final = 0x7FFFFFFF
VERSION: Final = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)"
