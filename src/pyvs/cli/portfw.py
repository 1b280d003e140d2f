"""`pyvs portfw`: port forwarding rules, with the spelling of `ipmasqadm portfw`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any, Final

import click

from pyvs.cli.asking import asking
from pyvs.cli.masquerade import Address
from pyvs.core.flags import Proto
from pyvs.core.masquerade.portfw import ANY, DEFAULT_PREF, PORT_MAX, Command, Rule
from pyvs.core.masquerade.requests import ForwardingRequest

COMMAND: Final = "pyvs.portfw.command"
"""Under this name click keeps which command was given."""
HEADING: Final = "prot localaddr            rediraddr               lport    rport  pcnt  pref"


class Port(click.ParamType):  # type: ignore[type-arg]
    """A port by number or by its service's name."""

    name = "PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Take 80, or www."""
        if isinstance(value, int):
            return value
        if value.isascii() and value.isdigit():
            if 1 <= int(value) <= PORT_MAX:
                return int(value)
            self.fail(f"{value} is no port; take 1 to {PORT_MAX}", param, ctx)
        try:
            return socket.getservbyname(value)
        except OSError:
            self.fail(f"{value!r} is neither a port nor a service of /etc/services", param, ctx)


End = tuple[IPv4Address, int]


def _one_command(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    """Of -a, -e, -d, -f, -l there may be one."""
    if given:
        other = context.meta.setdefault(COMMAND, parameter)
        if other is not parameter:
            raise click.UsageError(f"{other.opts[0]} and {parameter.opts[0]} can't be given together")


def _command(switch: str, name: str, help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option of one of them."""
    return click.option(switch, name, is_flag=True, callback=_one_command, expose_value=False, help=help_text)


@click.command()
@_command("-a", "add", "Add a rule; one that is there gets the preference.")
@_command("-e", "edit", "Give the rules that match another preference.")
@_command("-d", "delete", "Delete the rules that match.")
@_command("-f", "flush", "Delete all rules.")
@_command("-l", "list", "List the rules.")
@click.option("-P", "protocol", type=click.Choice(["tcp", "udp"]), help="The protocol.")
@click.option(
    "-L", "local", type=(Address(), Port()), metavar="LADDR LPORT", help="The director's address and port."
)
@click.option(
    "-R", "remote", type=(Address(), Port()), metavar="RADDR RPORT", help="The machine that serves it."
)
@click.option(
    "-p",
    "pref",
    type=click.IntRange(1),
    metavar="PREF",
    help=f"Connections in a row; {DEFAULT_PREF} unless given.",
)
@click.option("-n", "numeric", is_flag=True, help="Show ports as numbers.")
@click.pass_context
def portfw(
    context: click.Context,
    /,
    numeric: bool,
    **_: object,
) -> None:
    """Lead ports of the director to machines behind it.

    Several rules for one port share its connections by their preferences.
    """
    request = request_of(context)
    with asking("pyvs portfw") as client:
        if request is not None:
            client.masquerade(request)
        else:
            click.echo(listing(client.proc("ip_portfw"), numeric=numeric), nl=False)


def request_of(context: click.Context) -> ForwardingRequest | None:
    """What a command line asks; None: a list. Raises click.UsageError."""
    chosen = context.meta.get(COMMAND)
    if chosen is None:
        raise click.UsageError("one of -a, -e, -d, -f, -l is needed")
    command = str(chosen.name)
    if command == "list":
        return None
    if command == "flush":
        return ForwardingRequest(Command.FLUSH)
    given = context.params
    return ForwardingRequest(
        Command(command), _rule(command, given["protocol"], given["local"], given["remote"], given["pref"])
    )


def _rule(
    command: str, protocol: str | None, local: End | None, remote: End | None, pref: int | None
) -> Rule:
    if protocol is None or local is None:
        raise click.UsageError(f"with -{command[0]}, -P PROTO and -L LADDR LPORT are needed")
    if command == "add" and remote is None:
        raise click.UsageError("with -a, -R RADDR RPORT is needed")
    if command == "edit" and pref is None:
        raise click.UsageError("with -e, -p PREF is needed")
    raddr, rport = (remote[0].packed, remote[1]) if remote is not None else (ANY, 0)
    number = Proto.TCP if protocol == "tcp" else Proto.UDP
    return Rule(number, local[0].packed, local[1], raddr, rport, DEFAULT_PREF if pref is None else pref)


def listing(text: str, *, numeric: bool) -> str:
    """The rules of /proc/net/ip_portfw for people."""
    lines = [HEADING]
    for line in text.splitlines()[1:]:
        protocol, laddr, lport, _, raddr, rport, count, pref = line.split()
        ends = [str(IPv4Address(bytes.fromhex(address))) for address in (laddr, raddr)]
        ports = [port if numeric else _name(int(port), protocol) for port in (lport, rport)]
        lines.append(
            f"{protocol:<4} {ends[0]:<20} {ends[1]:<20} {ports[0]:>8} {ports[1]:>8} {count:>5} {pref:>5}"
        )
    return "".join(f"{line}\n" for line in lines)


def _name(port: int, protocol: str) -> str:
    try:
        return socket.getservbyport(port, protocol.lower())
    except OSError:
        return str(port)
