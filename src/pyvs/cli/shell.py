"""`pyvs shell`: a shell in which every program finds the director."""

from __future__ import annotations

import os
import pwd
from typing import Final

import click

from pyvs.cli.exec import run

FALLBACK: Final = "/bin/sh"


@click.command()
@click.option("--socket", metavar="PATH", help="The director's control socket, when it is not the usual one.")
def shell(socket: str | None) -> None:
    """Run your shell so that ipvsadm and its like, and the files of IPVS in /proc, speak of the director.

    Programs that are static, set-uid or written in Go need `pyvs exec --supervise`.
    """
    run(os.environ.get("SHELL") or _login_shell(), (), supervise=False, socket=socket, command="shell")


def _login_shell() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_shell or FALLBACK
    except KeyError:
        return FALLBACK
