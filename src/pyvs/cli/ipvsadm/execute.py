"""An invocation carried out: verbs of the client, listings to stdout."""

from collections.abc import Callable
from functools import partial
from typing import Final, TextIO

from pyvs.cli.ipvsadm.addresses import address_text
from pyvs.cli.ipvsadm.connections import connection_lines
from pyvs.cli.ipvsadm.failures import failure
from pyvs.cli.ipvsadm.grammar import Command, Option
from pyvs.cli.ipvsadm.invocation import Invocation, Stop
from pyvs.cli.ipvsadm.listing import HEADERS, Format, columns_of, service_lines
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.ipvsadm.order import sort_dests, sort_services
from pyvs.cli.ipvsadm.save import save_dest, save_service
from pyvs.cli.ipvsadm.version import dotted
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, DestView, ServiceKey, ServiceSpec
from pyvs.core.errors import ControlError
from pyvs.core.flags import Family, SyncState
from pyvs.netlink.client import Client


def service_key(asked: Invocation) -> ServiceKey:
    """The service that it names."""
    if asked.fwmark:
        return ServiceKey(asked.af, fwmark=asked.fwmark)
    return ServiceKey(asked.af, asked.protocol, asked.addr, asked.port)


def service_spec(asked: Invocation) -> ServiceSpec:
    """All that it says of a service."""
    return ServiceSpec(
        service_key(asked),
        scheduler=asked.scheduler,
        flags=asked.flags,
        timeout=asked.timeout,
        netmask=asked.netmask,
        pe=asked.pe,
    )


def dest_spec(asked: Invocation) -> DestSpec:
    """All that it says of a server."""
    return DestSpec(
        DestKey(asked.dest_addr, asked.dest_port, asked.dest_af),
        forward=asked.forward,
        weight=asked.weight,
        u_threshold=asked.u_threshold,
        l_threshold=asked.l_threshold,
        tun_type=asked.tun_type,
        tun_port=asked.tun_port,
        tun_flags=asked.tun_flags,
    )


def daemon_spec(asked: Invocation) -> DaemonSpec:
    """All that it says of a synchronisation daemon."""
    return DaemonSpec(
        asked.state,
        asked.interface,
        syncid=asked.syncid,
        maxlen=asked.maxlen,
        group=asked.group,
        port=asked.mcast_port,
        ttl=asked.ttl,
    )


def _zero(client: Client, asked: Invocation) -> None:
    client.zero(service_key(asked) if Option.SERVICE in asked.options else None)


VERBS: Final[dict[Command, Callable[[Client, Invocation], None]]] = {
    Command.ADD: lambda client, asked: client.new_service(service_spec(asked)),
    Command.EDIT: lambda client, asked: client.set_service(service_spec(asked)),
    Command.DELETE: lambda client, asked: client.del_service(service_key(asked)),
    Command.FLUSH: lambda client, asked: client.flush(),
    Command.ADD_SERVER: lambda client, asked: client.new_dest(service_key(asked), dest_spec(asked)),
    Command.EDIT_SERVER: lambda client, asked: client.set_dest(service_key(asked), dest_spec(asked)),
    Command.DELETE_SERVER: lambda client, asked: client.del_dest(service_key(asked), dest_spec(asked).key),
    Command.ZERO: _zero,
    Command.SET: lambda client, asked: client.set_config(asked.timeouts),
    Command.START_DAEMON: lambda client, asked: client.new_daemon(daemon_spec(asked)),
    Command.STOP_DAEMON: lambda client, asked: client.del_daemon(asked.state),
}
"""The commands that change something."""


class Executor:
    """Carries invocations out."""

    def __init__(self, client: Client, stdout: TextIO, stderr: TextIO, names: Names) -> None:
        self._client = client
        self._stdout = stdout
        self._stderr = stderr
        self._names = names
        self._many = False
        self._last: int | None = None
        """Exit status of the last change of many; None when something else came after it."""

    def execute(self, asked: Invocation) -> int:
        """The exit status. Raises Stop when a listing fails."""
        if not (self._many and asked.command in VERBS):
            self.settle()
        if asked.command in (Command.LIST, Command.SAVE):
            try:
                self._save(asked) if asked.command is Command.SAVE else self._list(asked)
            except ControlError as refusal:
                raise Stop(1, failure(Command.LIST, refusal.errno) + "\n") from None
            return 0
        if self._many:
            self._client.gather(partial(self._tell, asked.command))
            VERBS[asked.command](self._client, asked)
            self._last = 0
            return 0
        try:
            VERBS[asked.command](self._client, asked)
        except ControlError as refusal:
            self._tell(asked.command, refusal)
            return 255
        return 0

    def _tell(self, command: Command, refusal: ControlError | None) -> None:
        self._last = 0 if refusal is None else 255
        if refusal is not None:
            self._stderr.write(failure(command, refusal.errno) + "\n")

    def settle(self) -> None:
        """Carry out what was gathered. Raises ControlError when the director is lost."""
        self._client.settle()
        self._last = None

    def begin_many(self) -> None:
        """From now on changes are carried out many at a time; `execute` gives 0 for them."""
        self._many = True

    def end_many(self) -> int | None:
        """Carry out what is left; the exit status of the last change, unless something else was asked after it."""
        self._many = False
        if self._last is None:
            return None
        self._client.gather(None)
        return self._last

    def list_all(self, form: Format, *, sort: bool = True) -> None:
        """The whole table. Raises ControlError."""
        version, size = self._client.get_info()
        views = self._client.get_services()
        self._print(f"IP Virtual Server version {dotted(version)} (size={size})")
        self._print(*HEADERS[form.columns])
        if sort:
            views = sort_services(views)
        keys = (view.spec.key for view in views)
        for view, dests in zip(views, self._client.get_many_dests(keys), strict=True):
            self._print(*service_lines(view, sort_dests(dests) if sort else dests, form))

    def _list(self, asked: Invocation) -> None:
        options = asked.options
        sort = Option.NOSORT not in options
        names = self._chosen_names(asked)
        form = Format(columns_of(options), Option.EXACT in options, names)
        if Option.CONNECTION in options:
            engines = Option.PERSISTENT_CONN in options
            self._print(*connection_lines(self._client.proc("ip_vs_conn"), engines=engines, names=names))
        elif Option.SERVICE in options:
            view = self._client.get_service(service_key(asked))
            dests = self._dests(view.spec.key, sort)
            self._print(*HEADERS[form.columns], *service_lines(view, dests, form))
        elif Option.TIMEOUT in options:
            timeouts = self._client.get_config()
            self._print(f"Timeout (tcp tcpfin udp): {timeouts.tcp} {timeouts.tcp_fin} {timeouts.udp}")
        elif Option.DAEMON in options:
            self._print(*(_daemon_line(spec) for spec in self._client.get_daemons()))
        else:
            self.list_all(form, sort=sort)

    def _save(self, asked: Invocation) -> None:
        names = self._chosen_names(asked)
        views = sort_services(self._client.get_services())
        keys = (view.spec.key for view in views)
        for view, dests in zip(views, self._client.get_many_dests(keys), strict=True):
            self._print(save_service(view, names))
            self._print(*(save_dest(dest, view.spec.key, names) for dest in sort_dests(dests)))

    def _chosen_names(self, asked: Invocation) -> Names | None:
        return None if Option.NUMERIC in asked.options else self._names

    def _dests(self, key: ServiceKey, sort: bool) -> list[DestView]:
        dests = self._client.get_dests(key)
        return sort_dests(dests) if sort else dests

    def _print(self, *lines: str) -> None:
        self._stdout.writelines(f"{line}\n" for line in lines)


def _daemon_line(spec: DaemonSpec) -> str:
    role = "master" if spec.state == SyncState.MASTER else "backup"
    parts = [f"mcast={spec.ifn}", f"syncid={spec.syncid}"]
    if spec.maxlen:
        parts.append(f"maxlen={spec.maxlen}")
    if spec.group:
        af = Family.INET6 if len(spec.group) == 16 else Family.INET
        parts.append(f"group={address_text(af, spec.group)}")
    if spec.port:
        parts.append(f"port={spec.port}")
    if spec.ttl:
        parts.append(f"ttl={spec.ttl}")
    return f"{role} sync daemon ({', '.join(parts)})"
