"""Rule files: lines as `ipvsadm-save` writes them and `ipvsadm -R` reads them, and sysctl lines.

    # comment
    -A -t 192.0.2.100:80 -s wlc
    -a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1
    net.ipv4.vs.conn_reuse_mode = 0

The lines pass through pyvsadm's own parser and verbs. A file is checked as a whole on an engine of its own; with a
mistake in it nothing of it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from pyvs import plugins
from pyvs.cli.ipvsadm.check import check
from pyvs.cli.ipvsadm.execute import VERBS
from pyvs.cli.ipvsadm.invocation import BadOptionError, Invocation, Stop
from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.ipvsadm.parse import parse
from pyvs.cli.undo import undo_of
from pyvs.core.control.specs import DestView, ServiceView
from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.environment import Route
from pyvs.core.errors import ControlError, PyvsError
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport

PREFIX: Final = "net.ipv4.vs."
MOST_MISTAKES: Final = 20

EXPECTED: Final = (
    ("illegal virtual server address", "ADDRESS:PORT such as 192.0.2.100:80 or [2001:db8::100]:80"),
    ("illegal real server address", "ADDRESS or ADDRESS:PORT such as 10.1.0.11:8080 or [2001:db8::11]:8080"),
    ("invalid fwmark value", "a number from 1 to 4294967295"),
    ("invalid timeout value", "seconds from 1 to 2678400"),
    ("illegal weight", "a number from 0 to 2147483647"),
    ("illegal u_threshold", "a number from 0 to 2147483647"),
    ("illegal l_threshold", "a number from 0 to 2147483647"),
    ("illegal virtual server persistent mask", "an IPv4 mask such as 255.255.255.0"),
    ("illegal ipv6 netmask", "a prefix length from 1 to 128"),
    ("illegal tunnel type", "ipip, gue or gre"),
    ("illegal tunnel port", "a port from 1 to 65535"),
    ("invalid scheduler flag", "sh-fallback, sh-port, mh-fallback, mh-port or flag-1 to flag-3"),
    ("Zero port", "ADDRESS:PORT, or a persistent service (-p) for all ports"),
    ("Different address family", "a real server of the service's family, or a tunnel to it (-i)"),
    ("multiple '", "each option once"),
    ("You need to supply", "all that the command needs, as ipvsadm-save writes it"),
)
"""What a line should have said, by how its refusal begins."""
LINE: Final = "a line as ipvsadm-save writes it, net.ipv4.vs.NAME = VALUE, or a comment that begins with #"

Target: TypeAlias = Client | Control


class RulesError(PyvsError):
    """Mistakes in a rule file, a line each; nothing of it was applied."""


@dataclass(slots=True, frozen=True)
class Setting:
    """A sysctl line."""

    name: str
    value: str


@dataclass(slots=True, frozen=True)
class Line:
    """One line that says something."""

    number: int
    text: str
    asked: Invocation | Setting


@dataclass(slots=True)
class Rules:
    """The lines of a rule file, checked."""

    file: str
    lines: list[Line]
    services: list[tuple[ServiceView, list[DestView]]] = field(default_factory=list)
    """What they make of an empty director."""

    def apply(self, target: Target, now: float = 0.0) -> None:
        """Put the rules into a director, or into an engine by its control.

        Raises RulesError when it refuses one: those before it are taken back.
        """
        client = client_of(target, now)
        done: list[Callable[[], None]] = []
        for line in self.lines:
            try:
                undo = undo_of(client, line.asked) if isinstance(line.asked, Invocation) else None
                if isinstance(line.asked, Setting):
                    undo = _write(client, line.asked)
                else:
                    VERBS[line.asked.command](client, line.asked)
            except ControlError as refusal:
                for each in reversed(done):
                    each()
                raise RulesError(mistake(self.file, line.number, line.text, str(refusal))) from None
            if undo is not None:
                done.append(undo)


def load_rules(path: str | PathLike[str], names: Names = SYSTEM_NAMES) -> Rules:
    """The rules of a file. Raises RulesError."""
    file = fspath(path)
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RulesError(f"{file}: can't be read: {error.strerror}") from None
    return parse_rules(text, file, names)


def parse_rules(text: str, file: str = "rules", names: Names = SYSTEM_NAMES) -> Rules:
    """The rules of a text; `file` is for messages. Raises RulesError."""
    lines: list[Line] = []
    mistakes: list[str] = []
    for number, raw in enumerate(text.split("\n"), 1):
        content = raw.partition("#")[0].strip()
        if not content:
            continue
        try:
            lines.append(Line(number, content, _read(content, names)))
        except _MistakeError as wrong:
            mistakes.append(mistake(file, number, content, str(wrong), wrong.expected))
            if len(mistakes) >= MOST_MISTAKES:
                break
    if mistakes:
        raise RulesError("\n".join(mistakes))
    rules = Rules(file, lines)
    control = trial()
    rules.apply(control)
    rules.services = [(view, control.get_dests(view.spec.key)) for view in control.get_services()]
    return rules


def client_of(target: Target, now: float = 0.0) -> Client:
    """A client for a director; a control is reached by the same messages."""
    if isinstance(target, Client):
        return target
    return Client(DirectTransport(Server(target), lambda: now))


def trial() -> Control:
    """The control of an engine to try rules on, on a host that reaches everything."""
    return Engine(_Anywhere(), schedulers=plugins.schedulers()).control


def parse_line(content: str, file: str, number: int, names: Names = SYSTEM_NAMES) -> Invocation | Setting:
    """One line without its comment. Raises RulesError."""
    try:
        return _read(content, names)
    except _MistakeError as wrong:
        raise RulesError(mistake(file, number, content, str(wrong), wrong.expected)) from None


# ---- lines -----------------------------------------------------------------


class _MistakeError(Exception):
    """A line that makes no sense."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def _read(content: str, names: Names) -> Invocation | Setting:
    if content.startswith(PREFIX):
        return _read_setting(content)
    words = content.split()
    if words[0] == "ipvsadm":
        words = words[1:]
    if not words or not words[0].startswith("-"):
        raise _MistakeError("neither a rule nor a setting", LINE)
    return _read_command(words, names)


def _read_setting(content: str) -> Setting:
    name, found, value = content.partition("=")
    name, value = name.strip().removeprefix(PREFIX), value.strip()
    if not found or not name or not value:
        raise _MistakeError("a setting without a name or value", f"{PREFIX}NAME = VALUE")
    return Setting(name, value)


def _read_command(words: Sequence[str], names: Names) -> Invocation:
    try:
        asked = parse(words, "ipvsadm", names)
        check(asked)
    except BadOptionError as problem:
        raise _MistakeError(str(problem), "options of ipvsadm") from None
    except Stop as stop:
        if stop.status in (0, 255):  # help, version, or no command in front
            raise _MistakeError("the first option is no command", LINE) from None
        sentence = stop.text.strip()
        expected = next((what for start, what in EXPECTED if sentence.startswith(start)), LINE)
        raise _MistakeError(sentence, expected) from None
    if asked.command not in VERBS:
        raise _MistakeError(f"a rule file can't {asked.command.value}", LINE)
    return asked


def mistake(file: str, number: int, content: str, wrong: str, expected: str = "") -> str:
    """What is wrong with a line, and the line, in characters that can be shown."""
    tail = f"; expected {expected}" if expected else ""
    sentence = " ".join(f"{file}:{number}: {wrong}{tail}".split("\n"))
    return f"{_shown(sentence)}\n    {_shown(content)}"


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _write(client: Client, setting: Setting) -> Callable[[], None]:
    before = client.sysctl_read(setting.name)
    client.sysctl_write(setting.name, setting.value)
    return lambda: client.sysctl_write(setting.name, before)


# ---- a host to check on ----------------------------------------------------


class _Anywhere:
    """A host that has every device and reaches every unicast address."""

    generation = 0

    def __init__(self) -> None:
        self._random = Random(0)

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        unicast = destination[0] < 224 if len(destination) == 4 else destination[0] != 0xFF
        return Route(False, "any", bytes(len(destination)), unicast=unicast and any(destination))

    def is_local(self, address: bytes) -> bool:
        return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"

    def update_pmtu(self, destination: bytes, mtu: int) -> None: ...

    def random(self, below: int) -> int:
        return self._random.randrange(below)

    def available_pages(self) -> int:
        return 1 << 20

    def device_mtu(self, device: str) -> int | None:
        return 1500
