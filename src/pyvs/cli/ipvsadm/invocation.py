"""What one command line asks for, and how it ends when it can't be had."""

from dataclasses import dataclass, field

from pyvs.cli.ipvsadm.grammar import Command, Option
from pyvs.core.control.specs import Timeouts
from pyvs.core.flags import Family, Forward, SyncState, TunFlag, TunType


class Stop(Exception):
    """The end of the whole run: exit status, and what goes to stderr or, if `out`, to stdout."""

    def __init__(self, status: int, text: str = "", *, out: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.out = out


def refuse(sentence: str) -> Stop:
    """The end for a line that makes no sense. Exit status 2."""
    return Stop(2, sentence + "\n")


class BadOptionError(Exception):
    """An option that popt refuses: the line is over, with status 255, but not a run of several lines."""


@dataclass(slots=True)
class Invocation:
    """A command with all its options, with the defaults of ipvsadm."""

    command: Command
    options: set[Option] = field(default_factory=set)

    af: Family = Family.INET
    protocol: int = 0
    addr: bytes = bytes(4)
    port: int = 0
    fwmark: int = 0
    scheduler: str = ""
    flags: int = 0
    timeout: int = 0
    netmask: int = 0xFFFFFFFF
    pe: str = ""
    sched_flags: str = ""

    dest_af: Family = Family.INET
    dest_addr: bytes = bytes(4)
    dest_port: int = 0
    forward: Forward = Forward.DROUTE
    weight: int = 1
    u_threshold: int = 0
    l_threshold: int = 0
    tun_type: TunType = TunType.IPIP
    tun_port: int = 0
    tun_flags: int = TunFlag.NOCSUM

    state: SyncState = SyncState.NONE
    interface: str = ""
    syncid: int = 0
    maxlen: int = 0
    group: bytes = b""
    mcast_port: int = 0
    ttl: int = 0

    timeouts: Timeouts = field(default_factory=Timeouts)
