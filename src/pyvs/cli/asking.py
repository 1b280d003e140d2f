"""How a command asks the director of this network namespace, and ends when that refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from pyvs.core.errors import PyvsError
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.unix import UnixTransport, socket_path

FAILED: Final = 1


@contextmanager
def asking(name: str) -> Iterator[NativeClient]:
    """The director, for one command; a refusal, or a word that can't be read, ends the program with its sentence."""
    client = NativeClient(UnixTransport(socket_path()))
    try:
        yield client
    except (PyvsError, ValueError) as problem:
        click.echo(f"{name}: {problem}", err=True)
        sys.exit(FAILED)
    finally:
        client.close()
