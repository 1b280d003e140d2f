"""The control verbs, asked over a transport: the same names, values and refusals as those of `Control`.

    client = Client(DirectTransport(Server(control), clock))
    client.new_service(ServiceSpec(ServiceKey(Family.INET, Proto.TCP, vip, 80), "rr"))

Speaks to a director of ours or, over a generic-netlink socket, to the kernel's. The time is the director's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyvs.core.control.specs import (
    DaemonSpec,
    DestKey,
    DestSpec,
    DestView,
    ServiceKey,
    ServiceSpec,
    ServiceView,
    Timeouts,
)
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.netlink import messages as m
from pyvs.netlink.attributes import (
    ACK,
    CTRL,
    DAEMON,
    DEST,
    FAMILY_NAME,
    INFO,
    SERVICE,
    TOP,
    Command,
    CtrlCommand,
    Flag,
    MessageType,
    Table,
)
from pyvs.netlink.codec import (
    GENERIC_HEADER,
    MalformedError,
    Message,
    Values,
    decode,
    encode,
    generic,
    messages,
    read_error,
)

if TYPE_CHECKING:  # for a client must not wait until the whole engine is there
    from pyvs.core.masquerade.requests import Request
    from pyvs.netlink.transport import Transport

Told = Callable[[ControlError | None], None]
"""Is told what became of a change: its refusal, or None."""
ASKED_TOGETHER: Final = 200
"""Services whose destinations are asked for together."""
GATHERED_MAX: Final = 16_384
"""Bytes of changes that are sent together."""
AHEAD: Final = 2
"""So many datagrams of changes are under way while the next is filled. More would fill the sockets: each end waits
for room in one before it reads the other."""
NOBODY: Final = (
    "no director runs in this network namespace, and its kernel has no IPVS: start one with `pyvs run`"
)

_CHANGE: Final = int(Flag.REQUEST | Flag.ACK)


class Client:
    """The verbs, one method a command. All raise ControlError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._seq = 0
        self._family = 0
        self._told: Told | None = None
        self._gathered: list[tuple[int, Told]] = []
        """Sequence numbers of the changes in the datagram that is being filled, and who wants to know of each."""
        self._datagram = bytearray()
        self._posted: deque[tuple[list[tuple[int, Told]], Iterator[bytes]]] = deque()
        """The same of the datagrams under way, and their answers."""

    def close(self) -> None:
        """End the transport."""
        self._transport.close()

    # Services

    def new_service(self, spec: ServiceSpec) -> None:
        """Add a service."""
        self._do(Command.NEW_SERVICE, service=encode(SERVICE, m.write_service(spec)))

    def set_service(self, spec: ServiceSpec) -> None:
        """Change a service."""
        self._do(Command.SET_SERVICE, service=encode(SERVICE, m.write_service(spec)))

    def del_service(self, key: ServiceKey) -> None:
        """Remove a service with its destinations."""
        self._do(Command.DEL_SERVICE, service=m.write_service_nest(key))

    def get_service(self, key: ServiceKey) -> ServiceView:
        """One service; `num_dests` is not told: 0."""
        service = m.write_service_nest(key)
        return m.read_service_view(self._get(Command.GET_SERVICE, TOP, service=service))

    def get_services(self) -> list[ServiceView]:
        """All services; `num_dests` is not told: 0."""
        return [m.read_service_view(top) for top in self._dump(Command.GET_SERVICE)]

    # Destinations

    def new_dest(self, key: ServiceKey, spec: DestSpec) -> None:
        """Add a destination to a service."""
        self._do_dest(Command.NEW_DEST, key, m.write_dest(spec, key.af))

    def set_dest(self, key: ServiceKey, spec: DestSpec) -> None:
        """Change a destination."""
        self._do_dest(Command.SET_DEST, key, m.write_dest(spec, key.af))

    def del_dest(self, key: ServiceKey, dest: DestKey) -> None:
        """Remove a destination."""
        self._do_dest(Command.DEL_DEST, key, m.write_dest_key(dest, key.af))

    def get_dests(self, key: ServiceKey) -> list[DestView]:
        """The destinations of a service, newest first; none when there is no such service."""
        service = m.write_service_nest(key)
        return [m.read_dest_view(top, key.af) for top in self._dump(Command.GET_DEST, service=service)]

    def get_many_dests(self, keys: Iterable[ServiceKey]) -> Iterator[list[DestView]]:
        """The destinations of one service after the other, for tables of thousands: asked for many at a time."""
        self.settle()
        waiting = iter(keys)
        while some := list(islice(waiting, ASKED_TOGETHER)):
            yield from self._many_dests(some)

    def _many_dests(self, keys: list[ServiceKey]) -> Iterator[list[DestView]]:
        family = self._family_id()
        first = self._seq + 1
        request = bytearray()
        for key in keys:
            self._seq += 1
            nest = encode(TOP, {"service": m.write_service_nest(key)})
            payload = generic(Command.GET_DEST, nest)
            request += Message(family, Flag.REQUEST | Flag.DUMP, self._seq, 0, payload).encode()
        found: list[DestView] = []
        done = 0
        for datagram in self._transport.stream(bytes(request)):
            for message in messages(datagram):
                if message.seq != first + done:
                    continue
                if message.type == MessageType.DONE:
                    yield found
                    found = []
                    done += 1
                elif message.type == MessageType.ERROR:
                    self._judge(message)
                else:
                    found.append(m.read_dest_view(self._values(TOP, message), keys[done].af))
        self._seq &= 0x7FFFFFFF
        if done != len(keys):
            raise ControlError(Errno.EINVAL, "the director's answer ended too early")

    # Synchronisation, timeouts, the rest

    def new_daemon(self, spec: DaemonSpec) -> None:
        """Start a synchronisation daemon."""
        self._change(Command.NEW_DAEMON, m.write_daemon(spec))

    def del_daemon(self, state: SyncState) -> None:
        """Stop a synchronisation daemon."""
        self._do(Command.DEL_DAEMON, daemon=encode(DAEMON, {"state": state}))

    def get_daemons(self) -> list[DaemonSpec]:
        """The running synchronisation daemons."""
        return [m.read_daemon(top) for top in self._dump(Command.GET_DAEMON)]

    def set_config(self, timeouts: Timeouts) -> None:
        """Set the timeouts that are not 0."""
        self._change(Command.SET_CONFIG, m.write_timeouts(timeouts))

    def get_config(self) -> Timeouts:
        """The timeouts, in seconds."""
        return m.read_timeouts(self._get(Command.GET_CONFIG, TOP))

    def get_info(self) -> tuple[int, int]:
        """Version (0x010201) and size of the connection table."""
        values = self._get(Command.GET_INFO, INFO)
        return values.get("version", 0), values.get("conn_tab_size", 0)

    def zero(self, key: ServiceKey | None = None) -> None:
        """Set the counters of one service, or all counters, to zero."""
        service = None if key is None else m.write_service_nest(key)
        self._do(Command.ZERO, service=service)

    def flush(self) -> None:
        """Remove all services."""
        self._do(Command.FLUSH)

    # Texts

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME."""
        return self._transport.proc(name)

    def sysctl_names(self) -> list[str]:
        """The names of all sysctls net.ipv4.vs.NAME."""
        return self._transport.sysctl_names()

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl."""
        return self._transport.sysctl_read(name)

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl."""
        self._transport.sysctl_write(name, text)

    # Masquerading

    def masquerade(self, request: Request) -> None:
        """Change masquerading, port forwarding or the agents that are listened to."""
        from pyvs.netlink.masquerade import write  # noqa: PLC0415  brings the whole engine

        self._transport.masquerade(write(request))

    # Many changes at once

    def gather(self, told: Told | None) -> None:
        """From now on changes are sent many at a time, in their order; `None` ends that and sends what is left.

        A change that is gathered raises nothing: `told` is called with its refusal, or None, before anything else is
        asked. Raises ControlError when the director is lost.
        """
        self._told = told
        if told is None:
            self.settle()

    def settle(self) -> None:
        """Send what was gathered, and tell what became of it. Raises ControlError when the director is lost."""
        if self._gathered:
            self._post()
        while self._posted:
            self._collect()

    def _post(self) -> None:
        """Send what was gathered; no more than AHEAD datagrams are under way then."""
        waiting, request = self._gathered, bytes(self._datagram)
        self._gathered = []
        self._datagram.clear()
        self._posted.append((waiting, self._transport.post(request)))
        if len(self._posted) > AHEAD:
            self._collect()

    def _collect(self) -> None:
        """Tell what became of the datagram that is under way for longest."""
        waiting, answers = self._posted.popleft()
        outcomes: dict[int, ControlError | None] = {}
        try:
            for datagram in answers:
                for message in messages(datagram):
                    if message.type == MessageType.ERROR:
                        outcomes[message.seq] = _refusal(message)
        except ControlError:
            self._posted.clear()
            raise
        missing = ControlError(Errno.EINVAL, "the director's answer ended too early")
        for seq, told in waiting:
            told(outcomes.get(seq, missing))

    # Messages

    def _do(self, command: Command, **nests: bytes | None) -> None:
        self._change(command, encode(TOP, nests))

    def _change(self, command: Command, attributes: bytes) -> None:
        if self._told is None:
            self._request(command, Flag.ACK, attributes)
            return
        self._seq = self._seq + 1 & 0xFFFFFFFF
        payload = generic(command, attributes)
        message = Message(self._family_id(), _CHANGE, self._seq, 0, payload).encode()
        self._datagram += message + bytes(-len(message) % 4)
        self._gathered.append((self._seq, self._told))
        if len(self._datagram) > GATHERED_MAX:
            self._post()

    def _do_dest(self, command: Command, key: ServiceKey, dest: Values) -> None:
        self._do(command, service=m.write_service_nest(key), dest=encode(DEST, dest))

    def _get(self, command: Command, table: Table, **nests: bytes | None) -> Values:
        answers = self._request(command, Flag.ACK, encode(TOP, nests))
        if not answers:
            raise ControlError(Errno.EINVAL, f"{command.name} was acknowledged but not answered")
        return self._values(table, answers[0])

    def _dump(self, command: Command, **nests: bytes | None) -> Iterator[Values]:
        for answer in self._request(command, Flag.DUMP, encode(TOP, nests)):
            yield self._values(TOP, answer)

    def _values(self, table: Table, answer: Message) -> Values:
        try:
            return decode(table, answer.attributes)
        except MalformedError as problem:
            raise ControlError(problem.errno, f"the director's answer: {problem}") from None

    def _request(self, command: Command, flags: int, attributes: bytes) -> list[Message]:
        self.settle()
        return self._exchange(self._family_id(), flags, generic(command, attributes))

    def _family_id(self) -> int:
        if not self._family:
            asked = generic(CtrlCommand.GETFAMILY, encode(CTRL, {"family_name": FAMILY_NAME}))
            try:
                answers = self._exchange(MessageType.CTRL, Flag.ACK, asked)
            except ControlError as refusal:
                if refusal.errno != Errno.ENOENT:
                    raise
                raise ControlError(Errno.ENOENT, NOBODY) from None  # a kernel, for every director knows it
            family = self._values(CTRL, answers[0]).get("family_id", 0) if answers else 0
            if not family:
                raise ControlError(Errno.ENOENT, f"the director doesn't know the family {FAMILY_NAME}")
            self._family = family
        return self._family

    def _exchange(self, kind: int, flags: int, payload: bytes) -> list[Message]:
        """Send a request and collect its answers up to the acknowledgement or the end of the dump."""
        self._seq = self._seq + 1 & 0xFFFFFFFF
        request = Message(kind, Flag.REQUEST | flags, self._seq, 0, payload)
        answers: list[Message] = []
        for datagram in self._transport.netlink(request.encode()):
            for message in messages(datagram):
                if message.seq != self._seq:
                    continue
                if message.type == MessageType.DONE:
                    return answers
                if message.type == MessageType.ERROR:
                    self._judge(message)
                    return answers
                if len(message.payload) >= GENERIC_HEADER:
                    answers.append(message)
        raise ControlError(Errno.EINVAL, "the director's answer ended too early")

    @staticmethod
    def _judge(message: Message) -> None:
        """Raise what a message of type ERROR refuses; return for an acknowledgement."""
        refusal = _refusal(message)
        if refusal is not None:
            raise refusal


def _refusal(message: Message) -> ControlError | None:
    """What a message of type ERROR refuses; None for an acknowledgement."""
    try:
        errno, attributes = read_error(message)
        sentence = decode(ACK, attributes).get("msg", "") if attributes else ""
    except MalformedError as problem:
        return ControlError(problem.errno, f"the director's answer: {problem}")
    if not errno:
        return None
    return ControlError(
        Errno.known(errno, Errno.EINVAL), sentence or f"the director refused with error {errno}"
    )
