"""`pyvs exec`: a program that knows only the kernel's IPVS, unmodified, drives the director."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import Final, NoReturn

import click
from click.shell_completion import CompletionItem

from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.exec.build import SHIM, SUPERVISOR, path_of
from pyvs.exec.elf import past_libc
from pyvs.exec.environment import preloaded
from pyvs.netlink.unix import VARIABLE, UnixTransport, socket_path

FAILED: Final = 2
NOT_RUNNABLE: Final = 126
NOT_FOUND: Final = 127


def _programs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Programs whose names begin so; paths are the shell's."""
    if "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    found: set[str] = set()
    for folder in os.get_exec_path():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found.update(
                each.name
                for each in entries
                if each.name.startswith(incomplete) and os.access(each.path, os.X_OK) and each.is_file()
            )
    return [CompletionItem(name) for name in sorted(found)]


def _files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--supervise",
    is_flag=True,
    help="Watch the program's system calls instead of preloading a library: for static and Go programs.",
)
@click.option("--socket", metavar="PATH", help="The director's control socket, when it is not the usual one.")
@click.argument("program", required=True, shell_complete=_programs)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=_files)
def exec_(supervise: bool, socket: str | None, program: str, arguments: tuple[str, ...]) -> None:
    """Run PROGRAM so that the director of this network namespace is the IPVS it finds.

    For instance: pyvs exec -- ipvsadm -Ln
    """
    run(program, arguments, supervise=supervise, socket=socket, command="exec")


def run(
    program: str, arguments: tuple[str, ...], *, supervise: bool, socket: str | None, command: str
) -> NoReturn:
    """Become the program; its exit status is ours. `command` is how we are called."""
    try:
        found = shutil.which(program)
        if found is None:
            click.echo(f"pyvs {command}: {program}: there is no such program", err=True)
            sys.exit(NOT_FOUND)
        socket = socket or os.environ.get(VARIABLE)
        _look_for_director(socket or socket_path())
        if supervise:
            environment = dict(os.environ) if socket is None else {**os.environ, VARIABLE: socket}
            helper = str(path_of(SUPERVISOR))
            os.execve(helper, [helper, found, program, *arguments], environment)
        kind = past_libc(found)
        if kind:
            click.echo(
                f"pyvs {command}: {program} is {kind}: the preloaded library does not reach it; to lead it to the "
                f"director: pyvs exec --supervise -- {program}",
                err=True,
            )
        os.execve(found, [program, *arguments], preloaded(os.environ, path_of(SHIM), socket))
    except PyvsError as error:
        click.echo(f"pyvs {command}: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:
        click.echo(f"pyvs {command}: {program}: {error.strerror}", err=True)
        sys.exit(NOT_RUNNABLE)


def _look_for_director(socket: str) -> None:
    """Say it now when there is none; the program would only find no IPVS. Raises PyvsError."""
    transport = UnixTransport(socket)
    try:
        transport.connect()
    except ControlError as refusal:
        if refusal.errno != Errno.ENOPROTOOPT:
            raise
        raise PyvsError(str(refusal)) from None
    finally:
        transport.close()
