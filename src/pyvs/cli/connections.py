"""`pyvs connections`: what the director keeps, by a filter, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any, Final

import click

from pyvs.cli.asking import asking
from pyvs.core.control.native_specs import ConnectionView
from pyvs.core.flags import Forward, Proto
from pyvs.netlink.native_filter import WORDS, read_filter

METHODS: Final[dict[int, str]] = {
    Forward.MASQ: "nat",
    Forward.LOCALNODE: "local",
    Forward.TUNNEL: "tunnel",
    Forward.DROUTE: "direct",
    Forward.BYPASS: "bypass",
}
_NAMES: Final[dict[int, str]] = {Proto.IP: "ip", Proto.TCP: "tcp", Proto.UDP: "udp", Proto.SCTP: "sctp"}
FORMAT: Final = "{:<5} {:<28} {:<28} {:<28} {:<12} {:>7} {:>7}"


def place(addr: bytes, port: int) -> str:
    """An address and port for people."""
    host = ip_address(addr)
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"


def record(view: ConnectionView) -> dict[str, Any]:
    """A connection as JSON has it."""
    return {
        **asdict(view),
        "protocol": _NAMES.get(view.protocol, str(view.protocol)),
        "caddr": str(ip_address(view.caddr)),
        "vaddr": str(ip_address(view.vaddr)),
        "daddr": str(ip_address(view.daddr)),
        "method": METHODS.get(view.method, str(view.method)),
    }


def _lines(views: Iterator[ConnectionView], as_json: bool) -> Iterator[str]:
    if not as_json:
        yield FORMAT.format("proto", "client", "service", "server", "state", "left", "idle")
    for view in views:
        if as_json:
            yield json.dumps(record(view), separators=(",", ":"))
            continue
        yield FORMAT.format(
            _NAMES.get(view.protocol, str(view.protocol)),
            place(view.caddr, view.cport),
            place(view.vaddr, view.vport) if not view.template or view.protocol else f"fwm {view.fwmark}",
            place(view.daddr, view.dport),
            view.state,
            f"{view.left:.0f}s",
            f"{view.idle:.0f}s",
        )


@click.command()
@click.option("--filter", "wanted", default="", metavar="FILTER", help=f"Words that must all hold: {WORDS}.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def connections(wanted: str, as_json: bool) -> None:
    """List the director's connections and persistence templates, as they come: there may be a million."""
    with asking("pyvs connections") as client:
        read_filter(wanted)  # before the table's first line is there
        for line in _lines(client.connections(wanted), as_json):
            click.echo(line)
