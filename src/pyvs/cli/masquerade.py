"""`pyvs masquerade`: networks behind the director, and the agents of the machines that serve forwarded ports."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import click

from pyvs.cli.asking import asking
from pyvs.core.masquerade.requests import AgentRequest, NetworkRequest, Request


class Network(click.ParamType):  # type: ignore[type-arg]
    """SOURCE/LENGTH."""

    name = "SOURCE/LENGTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPv4Network:
        """Take 10.1.0.0/24; host bits must be zero."""
        try:
            return IPv4Network(value)
        except ValueError as error:
            self.fail(f"{error}; write an IPv4 network like 10.1.0.0/24", param, ctx)


class Address(click.ParamType):  # type: ignore[type-arg]
    """An IPv4 address."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPv4Address:
        """Take 192.0.2.1."""
        try:
            return IPv4Address(value)
        except ValueError:
            self.fail(f"{value!r} is no IPv4 address; write one like 192.0.2.1", param, ctx)


def _change(request: Request) -> None:
    with asking("pyvs masquerade") as client:
        client.masquerade(request)


@click.group()
def masquerade() -> None:
    """Let a network behind the director reach the outside under its address.

    Its connections leave by ports 61000 to 65095. Forwarding (net.ipv4.ip_forward) must be on.
    """


@masquerade.command()
@click.argument("source", type=Network())
@click.option(
    "--address",
    type=Address(),
    help="What the outside sees; else the address of the device a packet leaves by.",
)
def add(source: IPv4Network, address: IPv4Address | None) -> None:
    """Masquerade the network SOURCE."""
    _change(network_request(source, address))


def network_request(source: IPv4Network, address: IPv4Address | None) -> NetworkRequest:
    """What `add` asks."""
    under = None if address is None else address.packed
    return NetworkRequest(True, source.network_address.packed, source.prefixlen, under)


@masquerade.command()
@click.argument("source", type=Network())
def delete(source: IPv4Network) -> None:
    """Masquerade SOURCE no more; its connections go on until they are over."""
    _change(NetworkRequest(False, source.network_address.packed, source.prefixlen))


@masquerade.command()
@click.argument("machine", type=Address())
@click.argument("port", type=click.IntRange(1, 65535))
def agent(machine: IPv4Address, port: int) -> None:
    """Listen to the agent of MACHINE at PORT: a line like `75%`, as HAProxy's agent check takes it.

    While there are agents, all forwarded ports lead to the machine with the most percent.
    """
    _change(agent_request(machine, port))


def agent_request(machine: IPv4Address, port: int) -> AgentRequest:
    """What `agent` asks."""
    return AgentRequest(True, machine.packed, port)


@masquerade.command("forget-agent")
@click.argument("machine", type=Address())
def forget_agent(machine: IPv4Address) -> None:
    """Listen to the agent of MACHINE no more."""
    _change(AgentRequest(False, machine.packed))


@masquerade.command("list")
@click.option("--connections", is_flag=True, help="The connections, as /proc/net/ip_masquerade had them.")
def show(connections: bool) -> None:
    """Networks and agents, or connections."""
    name = "ip_masquerade" if connections else "ip_masq_networks"
    with asking("pyvs masquerade") as client:
        click.echo(client.proc(name), nl=False)
