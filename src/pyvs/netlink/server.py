"""The director's side of the family: a request in, its answers out.

    server = Server(control)
    for datagram in server.serve(request, portid=1, admin=True, now=now): ...

Answers as the kernel does: refusals by errno with the whole request, acknowledgements only when asked for,
dumps in datagrams of a page and an end. Kernel: `netlink_rcv_skb`, `genl_rcv_msg`, `ip_vs_genl_set_cmd`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final, Protocol

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
from pyvs.core.masquerade.requests import Request
from pyvs.netlink import messages as m
from pyvs.netlink.attributes import (
    CTRL,
    CTRL_OP,
    FAMILY_NAME,
    FAMILY_VERSION,
    INFO,
    OPERATIONS,
    TOP,
    Command,
    CtrlCommand,
    Flag,
    MessageType,
)
from pyvs.netlink.codec import (
    GENERIC_HEADER,
    MalformedError,
    Message,
    Values,
    decode,
    done,
    encode,
    error,
    generic,
    messages,
    nests,
)
from pyvs.netlink.native import DUMPS as DUMPS_OF_OURS
from pyvs.netlink.native import NATIVE, Native, NativeCommand, NativeVerbs

NATIVE_COMMANDS: Final = frozenset(NativeCommand)
_REQUEST: Final = int(Flag.REQUEST)
_ACK: Final = int(Flag.ACK)
_DUMP: Final = int(Flag.DUMP)
FAMILY_ID: Final = 0x4956
"""Ours to choose: whoever wants to speak to us asks for it by GETFAMILY. Above all that the kernel ever gives to a
family (1023), so that a program that speaks to several families is not misunderstood."""
PAGE: Final = 3776
"""What the kernel puts into one datagram of a dump. Kernel: `NLMSG_GOODSIZE`."""


class Verbs(NativeVerbs, Protocol):
    """What the server needs of `pyvs.core.control.Control`."""

    def new_service(self, spec: ServiceSpec, now: float) -> None: ...  # noqa: D102
    def set_service(self, spec: ServiceSpec, now: float) -> None: ...  # noqa: D102
    def del_service(self, key: ServiceKey, now: float) -> None: ...  # noqa: D102
    def get_service(self, key: ServiceKey) -> ServiceView: ...  # noqa: D102
    def check_service(self, key: ServiceKey) -> None: ...  # noqa: D102
    def each_service(self) -> Iterator[ServiceView]: ...  # noqa: D102
    def count_services(self, family: int) -> int: ...  # noqa: D102
    def new_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None: ...  # noqa: D102
    def set_dest(self, key: ServiceKey, spec: DestSpec, now: float) -> None: ...  # noqa: D102
    def del_dest(self, key: ServiceKey, dest: DestKey, now: float) -> None: ...  # noqa: D102
    def each_dest(self, key: ServiceKey) -> Iterator[DestView]: ...  # noqa: D102
    def new_daemon(self, spec: DaemonSpec, now: float) -> None: ...  # noqa: D102
    def del_daemon(self, state: SyncState, now: float) -> None: ...  # noqa: D102
    def get_daemons(self) -> list[DaemonSpec]: ...  # noqa: D102
    def set_config(self, timeouts: Timeouts, now: float) -> None: ...  # noqa: D102
    def get_config(self) -> Timeouts: ...  # noqa: D102
    def get_info(self) -> tuple[int, int]: ...  # noqa: D102
    def zeroing(self, key: ServiceKey | None, now: float) -> Iterator[None]: ...  # noqa: D102
    def flush(self, now: float) -> None: ...  # noqa: D102
    def sysctl_names(self) -> list[str]: ...  # noqa: D102
    def sysctl_read(self, name: str) -> str: ...  # noqa: D102
    def sysctl_write(self, name: str, text: str, now: float) -> None: ...  # noqa: D102
    def proc(self, name: str, now: float | None = None) -> str: ...  # noqa: D102
    def proc_parts(self, name: str, now: float | None = None) -> Iterator[str]: ...  # noqa: D102
    def masquerade(self, request: Request, now: float) -> str: ...  # noqa: D102

    busy: bool
    rested: Callable[[], None]


Answer = tuple[Command, bytes]
"""Command and attributes of an answer."""
Do = Callable[[Verbs, Values, float], Answer | Iterator[None] | None]
"""What it answers; or stretches of work, between which others may have their turn."""
Dump = Callable[[Verbs, bytes], Iterable[Answer]]


# Commands that change something


def _new_service(control: Verbs, top: Values, now: float) -> None:
    control.new_service(m.read_service(top), now)


def _set_service(control: Verbs, top: Values, now: float) -> None:
    control.set_service(m.read_service(top), now)


def _del_service(control: Verbs, top: Values, now: float) -> None:
    control.del_service(m.read_service_key(top), now)


def _dest_of(control: Verbs, top: Values, *, full: bool) -> tuple[ServiceKey, DestSpec]:
    """The service, which must exist before anything is said about its destination; then that."""
    key = m.read_service_key(top)
    control.check_service(key)
    return key, m.read_dest(top, key.af, full=full)


def _new_dest(control: Verbs, top: Values, now: float) -> None:
    control.new_dest(*_dest_of(control, top, full=True), now)


def _set_dest(control: Verbs, top: Values, now: float) -> None:
    control.set_dest(*_dest_of(control, top, full=True), now)


def _del_dest(control: Verbs, top: Values, now: float) -> None:
    key, spec = _dest_of(control, top, full=False)
    control.del_dest(key, spec.key, now)


def _new_daemon(control: Verbs, top: Values, now: float) -> None:
    control.new_daemon(m.read_daemon(top), now)


def _del_daemon(control: Verbs, top: Values, now: float) -> None:
    control.del_daemon(m.read_daemon_state(top), now)


def _set_config(control: Verbs, top: Values, now: float) -> None:
    control.set_config(m.read_timeouts(top), now)


def _zero(control: Verbs, top: Values, now: float) -> Iterator[None]:
    return control.zeroing(m.read_service_key(top) if "service" in top else None, now)


def _flush(control: Verbs, top: Values, now: float) -> None:
    control.flush(now)


# Commands that ask


def _get_service(control: Verbs, top: Values, now: float) -> Answer:
    view = control.get_service(m.read_service_key(top))
    return Command.NEW_SERVICE, m.write_service_view(view)


def _get_config(control: Verbs, top: Values, now: float) -> Answer:
    return Command.SET_CONFIG, m.write_timeouts(control.get_config())


def _get_info(control: Verbs, top: Values, now: float) -> Answer:
    version, size = control.get_info()
    return Command.SET_INFO, encode(INFO, {"version": version, "conn_tab_size": size})


def _dump_services(control: Verbs, attributes: bytes) -> Iterator[Answer]:
    for view in control.each_service():
        yield Command.NEW_SERVICE, m.write_service_view(view)


def _dump_dests(control: Verbs, attributes: bytes) -> Iterator[Answer]:
    """Nothing, rather than a refusal, when the service is missing or malformed."""
    try:
        key = m.read_service_key(decode(TOP, attributes))
        control.check_service(key)
    except (ControlError, MalformedError):
        return
    for view in control.each_dest(key):
        yield Command.NEW_DEST, m.write_dest_view(view, key.af)


def _dump_daemons(control: Verbs, attributes: bytes) -> Iterator[Answer]:
    for spec in control.get_daemons():
        yield Command.NEW_DAEMON, m.write_daemon(spec, answer=True)


DO: Final[dict[int, Do]] = {
    Command.NEW_SERVICE: _new_service,
    Command.SET_SERVICE: _set_service,
    Command.DEL_SERVICE: _del_service,
    Command.GET_SERVICE: _get_service,
    Command.NEW_DEST: _new_dest,
    Command.SET_DEST: _set_dest,
    Command.DEL_DEST: _del_dest,
    Command.NEW_DAEMON: _new_daemon,
    Command.DEL_DAEMON: _del_daemon,
    Command.SET_CONFIG: _set_config,
    Command.GET_CONFIG: _get_config,
    Command.GET_INFO: _get_info,
    Command.ZERO: _zero,
    Command.FLUSH: _flush,
}

DUMPS: Final[dict[int, Dump]] = {
    Command.GET_SERVICE: _dump_services,
    Command.GET_DEST: _dump_dests,
    Command.GET_DAEMON: _dump_daemons,
}


class Server:
    """Answers requests to the family "IPVS", and to the family that knows the families."""

    def __init__(self, control: Verbs, *, family_id: int = FAMILY_ID) -> None:
        self.control = control
        self.family_id = family_id
        self._native = Native(control)

    def serve(
        self, request: bytes, *, portid: int, admin: bool, now: float, extack: bool = False
    ) -> list[bytes]:
        """The datagrams that answer one datagram; never raises, whatever the bytes.

        `portid` is that of the requesting socket, `admin` whether it may administer this network; with `extack` a
        refusal says why in a sentence.
        """
        return [
            answer
            for answer in self.answers(request, portid=portid, admin=admin, now=now, extack=extack)
            if answer
        ]

    def answers(
        self, request: bytes, *, portid: int, admin: bool, now: float, extack: bool = False
    ) -> Iterator[bytes]:
        """The same one by one: a dump is made as far as it is read, so that thousands of services delay nobody.

        An empty datagram is none: it lets others have their turn.
        """
        for message in messages(request):
            yield b""
            flags = message.flags
            if message.type < MessageType.MIN or not flags & _REQUEST:
                if flags & _ACK:
                    yield error(message, 0, portid).encode()
                continue
            try:
                dumped = yield from self._message(message, portid, admin, now)
            except (ControlError, MalformedError) as refusal:
                sentence = str(refusal) if extack else ""
                yield error(message, refusal.errno, portid, sentence).encode()
            else:
                if flags & _ACK and not dumped:
                    yield error(message, 0, portid).encode()

    def _message(
        self, message: Message, portid: int, admin: bool, now: float
    ) -> Generator[bytes, None, bool]:
        """Serve one request; True if it was a dump, which is not acknowledged. Kernel: `genl_rcv_msg`."""
        kind = message.type
        if kind != self.family_id and kind != MessageType.CTRL:
            raise ControlError(Errno.ENOENT, f"there is no family {kind}")
        if len(message.payload) < GENERIC_HEADER:
            raise ControlError(Errno.EINVAL, "the message has no generic header")
        if kind == MessageType.CTRL:
            return (yield from self._family(message, portid))
        command = message.command
        if command in NATIVE_COMMANDS:
            return (yield from self._own(message, NativeCommand(command), portid, admin, now))
        dump = message.flags & _DUMP == _DUMP
        do, dumping = DO.get(command), DUMPS.get(command)
        if do is None and dumping is None:
            raise ControlError(Errno.EOPNOTSUPP, f"there is no command {command}")
        if not admin:
            raise ControlError(Errno.EPERM, "this needs the right to administer the network")
        if dump and dumping is not None:
            yield from self._dump(message, dumping(self.control, message.attributes), portid)
            return True
        if dump or do is None:
            asked = "as a dump" if dump else "but as a dump"
            raise ControlError(Errno.EOPNOTSUPP, f"{Command(command).name} cannot be asked {asked}")
        answer = do(self.control, decode(TOP, message.attributes), now)
        if isinstance(answer, tuple):
            yield self._answer(message, answer, portid, 0).encode()
        elif answer is not None:
            for _ in answer:
                yield b""
        return False

    def _own(
        self, message: Message, command: NativeCommand, portid: int, admin: bool, now: float
    ) -> Generator[bytes, None, bool]:
        """A command that the kernel never had; an empty datagram lets others have their turn."""
        if not admin:
            raise ControlError(Errno.EPERM, "this needs the right to administer the network")
        dump = command in DUMPS_OF_OURS
        if dump != (message.flags & Flag.DUMP == Flag.DUMP):
            asked = "but as a dump" if dump else "as a dump"
            raise ControlError(Errno.EOPNOTSUPP, f"{command.name} cannot be asked {asked}")
        for values in self._native.serve(command, decode(NATIVE, message.attributes), portid, now):
            if values is None:
                yield b""
                continue
            payload = generic(command, encode(NATIVE, values), FAMILY_VERSION)
            flags = Flag.MULTI if dump else 0
            yield Message(self.family_id, flags, message.seq, portid, payload).encode()
        if dump:
            yield done(message.seq, portid).encode()
        return dump

    def _answer(self, request: Message, answer: Answer, portid: int, flags: int) -> Message:
        command, attributes = answer
        payload = generic(command, attributes, FAMILY_VERSION)
        return Message(self.family_id, flags, request.seq, portid, payload)

    def _dump(self, request: Message, answers: Iterable[Answer], portid: int) -> Iterator[bytes]:
        """Datagrams of at most a page, then the end in one of its own. Kernel: `netlink_dump`."""
        page = bytearray()
        for answer in answers:
            part = self._answer(request, answer, portid, Flag.MULTI).encode()
            if page and len(page) + len(part) > PAGE:
                yield bytes(page)
                page.clear()
            page += part
        if page:
            yield bytes(page)
        yield done(request.seq, portid).encode()

    def _family(self, message: Message, portid: int) -> Generator[bytes, None, bool]:
        """Who is "IPVS"? Kernel: `ctrl_getfamily`, `ctrl_dumpfamily`."""
        if message.command != CtrlCommand.GETFAMILY:
            raise ControlError(Errno.EOPNOTSUPP, f"there is no command {message.command} of this family")
        dump = message.flags & Flag.DUMP == Flag.DUMP
        if not dump:
            asked = decode(CTRL, message.attributes)
            if "family_name" not in asked and "family_id" not in asked:
                raise ControlError(Errno.EINVAL, "neither the family's name nor its number is given")
            if asked.get("family_name", FAMILY_NAME) != FAMILY_NAME or (
                "family_name" not in asked and asked["family_id"] != self.family_id
            ):
                raise ControlError(
                    Errno.ENOENT, f"there is no such family: only {FAMILY_NAME} is served here"
                )
        ops = nests(
            1,
            [
                encode(CTRL_OP, {"id": command, "flags": flags})
                for command, flags in sorted(OPERATIONS.items(), key=lambda item: item[0])
            ],
        )
        values = {
            "family_name": FAMILY_NAME,
            "family_id": self.family_id,
            "version": FAMILY_VERSION,
            "hdrsize": 0,
            "maxattr": max(TOP.by_number),
            "ops": ops,
        }
        payload = generic(CtrlCommand.NEWFAMILY, encode(CTRL, values), version=2)
        flags = Flag.MULTI if dump else 0
        yield Message(MessageType.CTRL, flags, message.seq, portid, payload).encode()
        if dump:
            yield done(message.seq, portid).encode()
        return dump
