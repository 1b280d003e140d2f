"""`pyvs fast`: what the fast path of the director here serves, what not and why."""

from __future__ import annotations

import contextlib
import sys
from typing import Final

import click

from pyvs.core.errors import ControlError, Errno
from pyvs.fastpath import pins
from pyvs.netlink.unix import UnixTransport, socket_path

NAME: Final = "pyvs_fast"
FAILED: Final = 1


@click.command()
def fast() -> None:
    """Show the fast path: where its programs are, what they serve, what they leave to the engine and why.

    Counts are since the programs were loaded; those of the engine since the director was started.
    """
    try:
        with contextlib.closing(UnixTransport(socket_path())) as transport:
            click.echo(transport.proc(NAME), nl=False)
    except ControlError as error:
        if error.errno == Errno.ENOENT and "no file" in str(error):
            click.echo("the director here runs without the fast path: its log says why")
            return
        kept = "" if error.errno == Errno.EPERM else _kept()
        click.echo(f"pyvs fast: {error}" + (f"; {kept}" if kept else ""), err=True)
        sys.exit(FAILED)


def _kept() -> str:
    """What is there without a director."""
    try:
        base = pins.home()
        if base.is_dir() and any(base.glob("layout-*/links/*")):
            return (
                f"the programs that it left, in {base}, go on serving its connections until "
                "the next `pyvs run` takes them over, or `pyvs detach` ends them"
            )
    except PermissionError:
        return "only root can see whether one has left its programs"
    except OSError:  # no cookie of the namespace
        pass
    return ""
