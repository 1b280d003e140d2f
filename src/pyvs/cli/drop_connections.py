"""`pyvs drop-connections`: end the connections that a filter means."""

from __future__ import annotations

import click

from pyvs.cli.asking import asking
from pyvs.core.wording import counted


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
    text = " ".join(wanted)
    with asking("pyvs drop-connections") as client:
        count = client.drop_connections("" if text == "all" else text, reset=reset)
        click.echo(f"{counted(count, 'connection')} ended")
