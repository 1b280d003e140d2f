"""`pyvsadm`: run() for a client at hand, main() for the director of this network namespace."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TextIO

from pyvs.cli.ipvsadm.check import check
from pyvs.cli.ipvsadm.execute import Executor
from pyvs.cli.ipvsadm.failures import failure
from pyvs.cli.ipvsadm.grammar import Command
from pyvs.cli.ipvsadm.invocation import BadOptionError, Stop
from pyvs.cli.ipvsadm.listing import Format
from pyvs.cli.ipvsadm.names import Names, SystemNames
from pyvs.cli.ipvsadm.parse import hint, parse
from pyvs.cli.ipvsadm.restore import restore
from pyvs.cli.ipvsadm.version import warning
from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.client import Client
from pyvs.netlink.unix import UnixTransport, socket_path

SYSTEM_NAMES: Final = SystemNames()
HELP: Final = frozenset(("-h", "--help", "-v", "--version"))
"""Answered without a director."""


def run(
    argv: Sequence[str],
    client: Client,
    stdin: Iterable[str],
    stdout: TextIO,
    stderr: TextIO,
    *,
    prog: str = "ipvsadm",
    names: Names = SYSTEM_NAMES,
) -> int:
    """Carry out one command line (without the program's name); the exit status. Never raises ControlError."""
    executor = Executor(client, stdout, stderr, names)

    def line(words: Sequence[str], *, nested: bool) -> int:
        try:
            asked = parse(words, prog, names)
        except BadOptionError as problem:
            executor.settle()
            stderr.write(f"{problem}\n")
            return 255
        check(asked)
        if asked.command is not Command.RESTORE:
            return executor.execute(asked)
        if nested:
            raise hint(prog)
        status = 0
        last: int | None = None
        executor.begin_many()
        try:
            status = restore(stdin, lambda words: line(words, nested=True))
        finally:
            last = executor.end_many()
        return status if last is None else last

    try:
        if not argv:
            executor.list_all(Format(names=names))
            return 0
        return line(argv, nested=False)
    except Stop as stop:
        (stdout if stop.out else stderr).write(stop.text)
        return stop.status
    except ControlError as refusal:
        stderr.write(f"{refusal}\n")
        return 1


def main() -> None:
    """The program: speaks to the director of this network namespace."""
    prog, argv = Path(sys.argv[0]).name, sys.argv[1:]
    transport = UnixTransport(socket_path())
    client = Client(transport)
    try:
        if not HELP.intersection(argv[:1]):
            transport.connect()
            sys.stderr.write(warning(client))
        status = run(argv, client, sys.stdin, sys.stdout, sys.stderr, prog=prog)
        sys.stdout.flush()
    except ControlError as refusal:
        why = failure(Command.LIST, refusal.errno) if refusal.errno == Errno.EPERM else str(refusal)
        sys.stderr.write(f"Can't initialize ipvs: {why}\n")
        status = 2
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        status = 130
    finally:
        transport.close()
    sys.exit(status)
