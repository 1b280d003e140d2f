"""How a command asks the director of this network namespace, and ends when that refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import click

from pyvs.core.errors import ControlError
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.unix import UnixTransport, socket_path

FAILED: Final = 1


def asking(act: Callable[[NativeClient], None], name: str) -> None:
    """Do something with the director; a refusal ends the program with its sentence."""
    client = NativeClient(UnixTransport(socket_path()))
    try:
        act(client)
    except ControlError as refused:
        click.echo(f"{name}: {refused}", err=True)
        sys.exit(FAILED)
    finally:
        client.close()
