"""`pyvs drop-connections`: end the connections that a filter means."""

from __future__ import annotations

import sys
from typing import Final

import click

from pyvs.core.errors import ControlError
from pyvs.core.wording import counted
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.unix import UnixTransport, socket_path

FAILED: Final = 1


@click.command("drop-connections")
@click.argument("wanted", metavar="FILTER...", nargs=-1, required=True)
@click.option(
    "--reset", is_flag=True, help="Tell both ends of TCP connections by RST; else they are only forgotten."
)
def drop_connections(wanted: tuple[str, ...], reset: bool) -> None:
    """End connections; 'all' means every one.

    FILTER is words that must all hold: service=ADDRESS[:PORT], service=fwm:MARK, service=fwm6:MARK,
    server=ADDRESS[:PORT], client=ADDRESS[/LENGTH], state=ESTABLISHED, proto=tcp, older=10m (no packet for so long).
    """
    client = NativeClient(UnixTransport(socket_path()))
    text = " ".join(wanted)
    try:
        count = client.drop_connections("" if text == "all" else text, reset=reset)
    except ControlError as problem:
        click.echo(f"pyvs drop-connections: {problem}", err=True)
        sys.exit(FAILED)
    finally:
        client.close()
    click.echo(f"{counted(count, 'connection')} ended")
