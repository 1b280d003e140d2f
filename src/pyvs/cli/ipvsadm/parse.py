"""A command line to an Invocation.

The first option must be the command; then every option acts at once, in the order of the line, and refuses what
is wrong with itself. What needs the whole line is in check.py.
"""

from collections.abc import Sequence

from pyvs.cli.ipvsadm.addresses import Endpoint, endpoint, ipv4, ipv6, leading_number, number
from pyvs.cli.ipvsadm.grammar import DEFAULT_TIMEOUT, INT_MAX, MAX_TIMEOUT, VERSION, Command, Option
from pyvs.cli.ipvsadm.invocation import BadOptionError, Invocation, Stop, refuse
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.ipvsadm.options import OptionError, Words
from pyvs.cli.ipvsadm.usage import USAGE
from pyvs.core.control.specs import Timeouts
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, SyncState, TunFlag, TunType

_TUNNELS = {"ipip": TunType.IPIP, "gue": TunType.GUE, "gre": TunType.GRE}
_ROLES = {"master": SyncState.MASTER, "backup": SyncState.BACKUP}


def hint(prog: str) -> Stop:
    """The end for a line without a command."""
    return Stop(255, f"Try `{prog} -h' or '{prog} --help' for more information.\n")


def parse(argv: Sequence[str], prog: str, names: Names) -> Invocation:
    """The invocation that the words (without the program's name) stand for.

    Raises Stop for what ends the run, BadOptionError for what ends the line.
    """
    words = Words(argv)
    options = words.options()
    try:
        switch, value = next(options)
    except (StopIteration, OptionError):
        raise hint(prog) from None
    if switch.command is None:
        raise hint(prog)
    if switch.command is Command.HELP:
        raise Stop(0, f"{VERSION}\n{USAGE.replace('{prog}', prog)}", out=True)
    if switch.command is Command.VERSION:
        raise Stop(0, VERSION + "\n", out=True)
    parser = _Parser(Invocation(switch.command), names)
    if switch.action:
        parser.act(switch.action, value)
    try:
        for switch, value in options:
            if switch.command is not None:
                raise refuse(f"invalid option `{words.word}'")
            parser.act(switch.action, value)
    except OptionError as problem:
        raise BadOptionError(str(problem)) from None
    rest = words.rest
    if parser.asked.command is Command.SET:
        if len(rest) < 3:
            raise refuse("--set option requires 3 timeout values")
        parser.asked.timeouts = Timeouts(*(_timeout(text, 0) for text in rest[:3]))
        rest = rest[3:]
    if rest:
        raise refuse(f"unexpected argument {rest[0]}")
    return parser.asked


def _timeout(text: str, low: int) -> int:
    value = number(text, low, MAX_TIMEOUT)
    if value is None:
        raise refuse(f"invalid timeout value `{text}' specified")
    return value


def _number(text: str, low: int, high: int, sentence: str) -> int:
    value = number(text, low, high)
    if value is None:
        raise refuse(sentence)
    return value


class _Parser:
    """What each option does, a method an action of the table."""

    def __init__(self, asked: Invocation, names: Names) -> None:
        self.asked = asked
        self._names = names

    def act(self, action: str, value: str | None) -> None:
        """Do what an option says."""
        if value is None:
            getattr(self, f"_{action}")()
        else:
            getattr(self, f"_{action}")(value)

    def _take(self, option: Option) -> None:
        """Note an option; each may be given once."""
        if option in self.asked.options:
            raise refuse(f"multiple '{option.value}' options specified")
        self.asked.options.add(option)

    # Services

    def _tcp_service(self, text: str) -> None:
        self._service(Proto.TCP, text)

    def _udp_service(self, text: str) -> None:
        self._service(Proto.UDP, text)

    def _sctp_service(self, text: str) -> None:
        self._service(Proto.SCTP, text)

    def _service(self, protocol: int, text: str) -> None:
        self._take(Option.SERVICE)
        asked = self.asked
        asked.protocol = protocol
        found = endpoint(text, protocol, self._names)
        if found is None:
            raise refuse("illegal virtual server address[:port] specified")
        asked.af, asked.addr, asked.port = found.af, found.addr, found.port or 0
        if found.af == Family.INET6:
            asked.netmask = 128

    def _fwmark_service(self, text: str) -> None:
        self._take(Option.SERVICE)
        self.asked.af = Family.INET
        self.asked.fwmark = _number(text, 1, 0xFFFFFFFF, f"invalid fwmark value `{text}' specified")

    def _ipv6(self) -> None:
        if not self.asked.fwmark:
            raise refuse("-6 used before -f\n")
        self.asked.af = Family.INET6
        self.asked.netmask = 128

    def _scheduler(self, text: str) -> None:
        self._take(Option.SCHEDULER)
        self.asked.scheduler = text[:15]

    def _pe(self, text: str) -> None:
        self._take(Option.PE)
        self.asked.pe = text[:15]

    def _persistent(self, text: str | None = None) -> None:
        self._take(Option.PERSISTENT)
        self.asked.flags |= ServiceFlag.PERSISTENT
        self.asked.timeout = DEFAULT_TIMEOUT if text is None else _timeout(text, 1)

    def _netmask(self, text: str) -> None:
        self._take(Option.NETMASK)
        if self.asked.af == Family.INET6:
            self.asked.netmask = leading_number(text)
            if not 1 <= self.asked.netmask <= 128:
                raise refuse("illegal ipv6 netmask specified")
        else:
            mask = ipv4(text)
            if mask is None:
                raise refuse("illegal virtual server persistent mask specified")
            self.asked.netmask = int.from_bytes(mask, "big")

    def _ops(self) -> None:
        self._take(Option.OPS)
        self.asked.flags |= ServiceFlag.ONEPACKET

    def _sched_flags(self, text: str) -> None:
        self._take(Option.SCHED_FLAGS)
        self.asked.sched_flags = text

    # Servers

    def _real_server(self, text: str) -> None:
        self._take(Option.SERVER)
        asked = self.asked
        found: Endpoint | None = endpoint(text, asked.protocol, self._names)
        if found is None:
            raise refuse("illegal real server address[:port] specified")
        asked.dest_af, asked.dest_addr = found.af, found.addr
        asked.dest_port = asked.port if found.port is None else found.port

    def _gatewaying(self) -> None:
        self._forward(Forward.DROUTE)

    def _ipip(self) -> None:
        self._forward(Forward.TUNNEL)

    def _masquerading(self) -> None:
        self._forward(Forward.MASQ)

    def _forward(self, forward: Forward) -> None:
        self._take(Option.FORWARD)
        self.asked.forward = forward

    def _weight(self, text: str) -> None:
        self._take(Option.WEIGHT)
        self.asked.weight = _number(text, 0, INT_MAX, "illegal weight specified")

    def _u_threshold(self, text: str) -> None:
        self._take(Option.U_THRESHOLD)
        self.asked.u_threshold = _number(text, 0, INT_MAX, "illegal u_threshold specified")

    def _l_threshold(self, text: str) -> None:
        self._take(Option.L_THRESHOLD)
        self.asked.l_threshold = _number(text, 0, INT_MAX, "illegal l_threshold specified")

    def _tun_type(self, text: str) -> None:
        self._take(Option.TUN_TYPE)
        if text not in _TUNNELS:
            raise refuse("illegal tunnel type specified")
        self.asked.tun_type = _TUNNELS[text]

    def _tun_port(self, text: str) -> None:
        self._take(Option.TUN_PORT)
        self.asked.tun_port = _number(text, 1, 65535, "illegal tunnel port specified")

    def _tun_nocsum(self) -> None:
        self._take(Option.TUN_NOCSUM)

    def _tun_csum(self) -> None:
        self._take(Option.TUN_CSUM)
        self.asked.tun_flags |= TunFlag.CSUM

    def _tun_remcsum(self) -> None:
        self._take(Option.TUN_REMCSUM)
        self.asked.tun_flags |= TunFlag.REMCSUM

    # Listings

    def _numeric(self) -> None:
        self._take(Option.NUMERIC)

    def _connection(self) -> None:
        self._take(Option.CONNECTION)

    def _timeout(self) -> None:
        self._take(Option.TIMEOUT)

    def _daemon(self) -> None:
        self._take(Option.DAEMON)

    def _stats(self) -> None:
        self._take(Option.STATS)

    def _rate(self) -> None:
        self._take(Option.RATE)

    def _thresholds(self) -> None:
        self._take(Option.THRESHOLDS)

    def _persistent_conn(self) -> None:
        self._take(Option.PERSISTENT_CONN)

    def _tun_info(self) -> None:
        self._take(Option.TUN_INFO)

    def _nosort(self) -> None:
        self._take(Option.NOSORT)

    def _sort(self) -> None:
        """Sorted is what listings are."""

    def _exact(self) -> None:
        self._take(Option.EXACT)

    # Synchronisation

    def _start_daemon(self, text: str) -> None:
        if text not in _ROLES:
            raise refuse("illegal start-daemon parameter specified")
        self.asked.state = _ROLES[text]

    def _stop_daemon(self, text: str) -> None:
        if text not in _ROLES:
            raise refuse("illegal start_daemon specified")
        self.asked.state = _ROLES[text]

    def _mcast_interface(self, text: str) -> None:
        self._take(Option.MCAST_INTERFACE)
        self.asked.interface = text[:15]

    def _syncid(self, text: str) -> None:
        self._take(Option.SYNCID)
        self.asked.syncid = _number(text, 0, 255, "illegal syncid specified")

    def _mcast_group(self, text: str) -> None:
        self._take(Option.MCAST_GROUP)
        if ":" in text:
            group = ipv6(text)
            if group is None or group[0] != 0xFF:
                raise refuse(f"invalid IPv6 mcast-group `{text}'")
        else:
            group = ipv4(text)
            if group is None or group[0] >> 4 != 0xE:
                raise refuse(f"invalid IPv4 mcast-group `{text}'")
        self.asked.group = group

    def _mcast_port(self, text: str) -> None:
        self._take(Option.MCAST_PORT)
        self.asked.mcast_port = _number(text, 1, 65535, "illegal mcast-port specified")

    def _mcast_ttl(self, text: str) -> None:
        self._take(Option.MCAST_TTL)
        self.asked.ttl = _number(text, 1, 255, "illegal mcast-ttl specified")

    def _sync_maxlen(self, text: str) -> None:
        self._take(Option.SYNC_MAXLEN)
        self.asked.maxlen = _number(text, 1, 65507, "illegal sync-maxlen specified")
