"""`pyvs drain`: take a server out gently."""

from __future__ import annotations

import sys
import time
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from pyvs.cli.asking import FAILED, asking
from pyvs.cli.connections import place
from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.policy import read_service_words
from pyvs.cli.service_options import service_options
from pyvs.cli.tables import print_table
from pyvs.core.control.native_specs import DrainKey, DrainView
from pyvs.core.wording import counted
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.native_filter import read_place, read_time

GLANCE: Final = 0.5
"""Seconds between two looks."""
COLUMNS: Final = ("service", "server", "connections", "at the beginning", "reset", "time left")


@click.command()
@click.argument("server", required=False)
@click.option(
    "--deadline", metavar="TIME", help="Reset what is left after so long: 90s, 5m, 1h. Else it goes on."
)
@service_options
@click.option("--cancel", is_flag=True, help="Let it take connections again.")
@click.option("--no-wait", is_flag=True, help="Return at once.")
def drain(
    server: str | None,
    deadline: str | None,
    service: list[str],
    cancel: bool,
    no_wait: bool,
) -> None:
    """Give SERVER (ADDRESS or ADDRESS:PORT) no new connections; the old ones go on until the deadline.

    Then they are reset in both directions. The server keeps weight 0 until --cancel gives it back what it had. The
    command shows how far it is and may be interrupted; a restart of the director changes nothing. With a
    service it drains only as a server of that one. Without SERVER: a list of all that drain.
    """
    with asking("pyvs drain") as client:
        if server is None:
            _list(client.get_drains())
            return
        only = read_service_words(service, SYSTEM_NAMES) if service else None
        key = DrainKey(*read_place(server), only)
        if cancel:
            for view in client.cancel_drain(key):
                click.echo(f"{_name(view)} has weight {view.weight} again")
            return
        views = client.drain(key, None if deadline is None else read_time(deadline))
        if no_wait:
            _list(views)
            return
        try:
            sys.exit(_watch(client, {(view.service, view.dest) for view in views}))
        except KeyboardInterrupt:
            click.echo(f"\nit goes on draining; to end that: pyvs drain {server} --cancel", err=True)
            sys.exit(130)


def _name(view: DrainView) -> str:
    return f"{place(view.dest.addr, view.dest.port)} of {view.service}"


def _list(views: list[DrainView]) -> None:
    rows = [
        (
            str(view.service),
            place(view.dest.addr, view.dest.port),
            view.active + view.inactive,
            view.begun_with,
            view.ended,
            "no deadline" if view.left is None else "over" if view.swept else f"{view.left:.0f} s",
        )
        for view in views
    ]
    print_table("Servers that drain", COLUMNS, rows)


def is_over(views: list[DrainView]) -> bool:
    """Whether nobody has a connection any more, or all that can be ended was."""
    return all(view.swept or not view.active + view.inactive for view in views)


def _watch(
    client: NativeClient,
    wanted: set[object],
    console: Console | None = None,
) -> int:
    """Show the progress until no connection is left that goes on; the exit status."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        console=console or Console(),
        disable=not (console or Console()).is_terminal,
    )
    with progress:
        tasks = {}
        while True:
            views = [view for view in client.get_drains() if (view.service, view.dest) in wanted]
            for view in views:
                name, left = _name(view), view.active + view.inactive
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=max(view.begun_with, left, 1), text="")
                limit = "" if view.left is None else f", {view.left:.0f} s left"
                progress.update(
                    tasks[name], completed=max(view.begun_with - left, 0), text=f"{left} left{limit}"
                )
            if is_over(views):
                break
            time.sleep(GLANCE)
    for view in views:
        of = f"; {view.ended} of {counted(view.begun_with, 'was', 'were')} reset" if view.begun_with else ""
        if view.kept:
            click.echo(
                f"{_name(view)} has {counted(view.kept, 'connection')} that can't be reset, `pyvs connections` shows "
                f"which{of}",
                err=True,
            )
            continue
        closing = ", listed as CLOSE for some seconds" if view.active + view.inactive else ""
        click.echo(f"{_name(view)} has no connections{of}{closing}")
    return FAILED if any(view.kept for view in views) else 0
