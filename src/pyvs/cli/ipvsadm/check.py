"""Refusals that need the whole line, and the defaults that follow from it."""

from pyvs.cli.ipvsadm.grammar import (
    DEFAULT_INTERFACE,
    DEFAULT_SCHEDULER,
    FLAGS,
    MATRIX,
    SCHEDULER_FLAGS,
    TUNNEL_MATRIX,
    Command,
    Option,
    Row,
)
from pyvs.cli.ipvsadm.invocation import Invocation, refuse
from pyvs.core.flags import Forward, Proto, ServiceFlag

_LISTS_OF_OTHERS = {Option.CONNECTION, Option.TIMEOUT, Option.DAEMON}
_COLUMNS = {Option.STATS, Option.RATE, Option.THRESHOLDS}
_TUNNEL = {Option.TUN_TYPE, Option.TUN_PORT, Option.TUN_NOCSUM, Option.TUN_CSUM, Option.TUN_REMCSUM}
_BITS = (ServiceFlag.SCHED1, ServiceFlag.SCHED2, ServiceFlag.SCHED3)


def check(asked: Invocation) -> None:
    """Complete the invocation. Raises Stop when its options don't go together."""
    flags = _scheduler_flags(
        asked.scheduler, asked.sched_flags
    )  # of any command, before its options are judged
    _hold(MATRIX[asked.command], asked.options, asked.command.value, "'{}' command")
    if asked.command in (Command.ADD, Command.EDIT):
        asked.flags |= flags
        _check_service(asked)
    elif asked.command in (Command.ADD_SERVER, Command.EDIT_SERVER):
        _check_server(asked)
    elif asked.command is Command.START_DAEMON:
        asked.interface = asked.interface or DEFAULT_INTERFACE
    elif asked.command is Command.LIST:
        options = asked.options
        others = options & _LISTS_OF_OTHERS
        if (others and options & _COLUMNS) or (
            others - {Option.CONNECTION} and Option.PERSISTENT_CONN in options
        ):
            raise refuse("options conflicts in the list command")


def _hold(row: Row, options: set[Option], name: str, place: str) -> None:
    """Hold the options against a row of a matrix, in the order of `Option`."""
    if row.allows(options):
        return
    where = place.format(name)
    last: Option | None = None
    for option in Option:
        says = row.get(option, ".")
        if option not in options:
            if says == "+":
                raise refuse(f"You need to supply the '{option.value}' option for the {where}")
        elif says == "x":
            raise refuse(f"Illegal '{option.value}' option with the {where}")
        elif says == "1":
            if last is not None:
                raise refuse(
                    f"The option '{option.value}' conflicts with the '{last.value}' option in the {where}"
                )
            last = option


def _check_service(asked: Invocation) -> None:
    persistent = asked.flags & ServiceFlag.PERSISTENT
    if not asked.fwmark and not asked.port and not persistent:
        raise refuse("Zero port specified for non-persistent service")
    if asked.flags & ServiceFlag.ONEPACKET and not asked.fwmark and asked.protocol != Proto.UDP:
        raise refuse("One-Packet Scheduling is only for UDP virtual services")
    asked.scheduler = asked.scheduler or DEFAULT_SCHEDULER


def _scheduler_flags(scheduler: str, text: str) -> int:
    """The flags of a comma list; the special names go with their scheduler only."""
    flags = 0
    own = SCHEDULER_FLAGS.get(scheduler, ())
    special = {name for names in SCHEDULER_FLAGS.values() for name in names}
    for name in text.split(","):
        if not name:
            continue
        if name in FLAGS:
            flags |= _BITS[FLAGS.index(name)]
        elif name in own:
            flags |= _BITS[own.index(name)]
        elif name in special:
            raise refuse(f"incompatible scheduler flag `{name}'")
        else:
            raise refuse(f"invalid scheduler flag `{name}'")
    return flags


def _check_server(asked: Invocation) -> None:
    if not asked.fwmark and asked.forward in (Forward.DROUTE, Forward.TUNNEL):
        asked.dest_port = asked.port
    if asked.dest_af != asked.af and asked.forward != Forward.TUNNEL:
        raise refuse("Different address family is allowed only for tunneling servers")
    if asked.forward == Forward.TUNNEL:
        kind = asked.tun_type.name.lower()
        _hold(TUNNEL_MATRIX[kind], asked.options, kind, "'{}' tunnel type")
    elif asked.options & _TUNNEL:
        raise refuse("Tunnel options conflict with forward method")
