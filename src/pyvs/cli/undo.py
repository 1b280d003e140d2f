"""How a change is taken back: looked up before it is made, a row a command of ipvsadm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from pyvs.cli.ipvsadm.execute import daemon_spec, dest_spec, service_key
from pyvs.cli.ipvsadm.grammar import Command
from pyvs.cli.ipvsadm.invocation import Invocation
from pyvs.core.control.specs import DestView, ServiceKey, ServiceView
from pyvs.core.errors import ControlError
from pyvs.netlink.client import Client

Undo: TypeAlias = Callable[[], None]


def undo_of(client: Client, asked: Invocation) -> Undo:
    """What takes the change back, if it succeeds; to be asked for before it is made. Raises ControlError."""
    find = UNDO.get(asked.command)
    undo = find(client, asked) if find is not None else _nothing

    def quietly() -> None:
        with suppress(ControlError):  # whatever else has changed since: go on with the rest
            undo()

    return quietly


def _nothing() -> None:
    """There is no way back, and none is needed."""


def _add_again(client: Client, view: ServiceView, dests: list[DestView]) -> None:
    client.new_service(view.spec)
    for dest in reversed(dests):  # newest first, as they are told
        client.new_dest(view.spec.key, dest.spec)


def _all(client: Client, key: ServiceKey | None = None) -> Undo:
    """Add the services again that are there now."""
    views = client.get_services() if key is None else [client.get_service(key)]
    kept = [(view, client.get_dests(view.spec.key)) for view in views]

    def again() -> None:
        for view, dests in kept:
            _add_again(client, view, dests)

    return again


def _of_edited_service(client: Client, asked: Invocation) -> Undo:
    before = client.get_service(service_key(asked)).spec
    return lambda: client.set_service(before)


def _of_dest(client: Client, asked: Invocation, verb: Callable[[Client], Callable[..., None]]) -> Undo:
    key, wanted = service_key(asked), dest_spec(asked).key
    for view in client.get_dests(key):
        if (view.spec.key.addr, view.spec.key.port) == (wanted.addr, wanted.port):
            before = view.spec
            return lambda: verb(client)(key, before)
    return _nothing


def _of_daemon(client: Client, asked: Invocation) -> Undo:
    kept = [spec for spec in client.get_daemons() if spec.state == asked.state]

    def again() -> None:
        for spec in kept:
            client.new_daemon(spec)

    return again


def _of_timeouts(client: Client, _asked: Invocation) -> Undo:
    before = client.get_config()
    return lambda: client.set_config(before)


UNDO: Final[Mapping[Command, Callable[[Client, Invocation], Undo]]] = {
    Command.ADD: lambda client, asked: lambda: client.del_service(service_key(asked)),
    Command.EDIT: _of_edited_service,
    Command.DELETE: lambda client, asked: _all(client, service_key(asked)),
    Command.FLUSH: lambda client, _: _all(client),
    Command.ADD_SERVER: lambda client, asked: (
        lambda: client.del_dest(service_key(asked), dest_spec(asked).key)
    ),
    Command.EDIT_SERVER: lambda client, asked: _of_dest(client, asked, lambda c: c.set_dest),
    Command.DELETE_SERVER: lambda client, asked: _of_dest(client, asked, lambda c: c.new_dest),
    Command.SET: _of_timeouts,
    Command.START_DAEMON: lambda client, asked: lambda: client.del_daemon(daemon_spec(asked).state),
    Command.STOP_DAEMON: _of_daemon,
}
