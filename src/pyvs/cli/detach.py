"""`pyvs detach`: the fast path that a director left here ends, with its connections."""

from __future__ import annotations

import sys
from typing import Final

import click

from pyvs.core.errors import PyvsError
from pyvs.core.wording import counted
from pyvs.daemon.director import only_one
from pyvs.fastpath import links, pins
from pyvs.fastpath.errors import NEEDS_ROOT

FAILED: Final = 1


@click.command()
def detach() -> None:
    """Take away the programs, links and maps that a director left in the kernel, of any version.

    The connections that live there end. A director that runs must be ended first.
    """
    try:
        lock = only_one()
        lock.close()
    except PyvsError:
        click.echo(
            "pyvs detach: a director runs here: end it (it takes its fast path along, unless it was started with "
            "--keep-fast)",
            err=True,
        )
        sys.exit(FAILED)
    seen = False
    try:
        base = pins.home()
        seen = base.is_dir() or pins.is_bpf(pins.file_system())
        taken, unpinned = links.detach_all(base)
    except OSError as error:
        what = "the fast path is still in the kernel" if seen else "it can't be seen what is in the kernel"
        need = f"; {NEEDS_ROOT}" if isinstance(error, PermissionError) else ""
        click.echo(f"pyvs detach: {what}: {error}{need}", err=True)
        sys.exit(FAILED)
    if taken:
        click.echo(f"the fast path is off {counted(taken, 'device')}")
    elif unpinned:
        click.echo(f"no device had the fast path; {counted(unpinned, 'map')} that a director left taken away")
    elif seen:
        click.echo("there is no fast path here")
    else:
        click.echo(
            f"no fast path can be seen here: no bpf file system is mounted at {pins.wanted()}, neither here nor for "
            "process 1 (`ip netns exec` hides the host's; `nsenter --net=/run/netns/NAME` does not)"
        )
