"""Command lines carried out: words expanded, programs called, their outputs led on."""

from __future__ import annotations

import ast
import io
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TextIO

from pyvs.core.errors import PyvsError
from pyvs.play.files import FileFault
from pyvs.play.shell.parser import parse
from pyvs.play.shell.syntax import (
    AndOr,
    Arithmetic,
    Command,
    For,
    Group,
    If,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
    Substitution,
    Text,
    Variable,
    While,
    Word,
)

if TYPE_CHECKING:
    from pyvs.play.director import Director

ROUNDS: Final = 100_000
"""Rounds that one loop may make."""


class UnknownProgram(PyvsError):
    """A program that scenarios can't use here: the scenario can't be played."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the command {name!r} is not known here")
        self.name = name


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(slots=True)
class Call:
    """A program is called."""

    argv: list[str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    director: Director
    shell: Shell

    @property
    def arguments(self) -> list[str]:
        """What follows the program's name."""
        return self.argv[1:]

    def fail(self, sentence: str, status: int = 1) -> int:
        """Print a complaint and give the exit status."""
        self.stderr.write(f"{sentence}\n")
        return status


Program = Callable[[Call], int]


@dataclass(slots=True)
class _Streams:
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


@dataclass(slots=True)
class Shell:
    """One shell: its variables and the last exit status."""

    director: Director
    programs: Mapping[str, Program]
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0

    def run(self, line: str) -> tuple[int, str]:
        """Carry a line out: exit status, and what was printed (errors too).

        Raises UnknownProgram, SyntaxFault.
        """
        output = io.StringIO()
        try:
            status = self.execute(parse(line), _Streams(io.StringIO(), output, output))
        except _Exit as end:
            status = end.status
        return status, output.getvalue()

    def execute(self, command: Command, streams: _Streams) -> int:
        """Carry out any command; its exit status."""
        match command:
            case Simple():
                self.status = self._simple(command, streams)
            case Sequence():
                self.status = 0
                for each in command.commands:
                    self.execute(each, streams)
            case AndOr():
                self.execute(command.first, streams)
                for joint, each in command.rest:
                    if (joint == "&&") is (self.status == 0):
                        self.execute(each, streams)
            case Pipeline():
                self.status = self._pipeline(command, streams)
            case Group():
                self.status = self._group(command, streams)
            case For():
                words = [text for word in command.words for text in self.expand(word)]
                self.status = 0
                for text in words:
                    self.variables[command.name] = text
                    self.execute(command.body, streams)
            case While():
                self.status = self._while(command, streams)
            case If():
                self.status = self._if(command, streams)
        return self.status

    def _pipeline(self, command: Pipeline, streams: _Streams) -> int:
        stdin, status = streams.stdin, 0
        for each in command.commands[:-1]:
            passed = io.StringIO()
            self._contained(each, _Streams(stdin, passed, streams.stderr))
            stdin = io.StringIO(passed.getvalue())
        last = _Streams(stdin, streams.stdout, streams.stderr)
        if len(command.commands) == 1:
            status = self.execute(command.commands[-1], last)
        else:
            status = self._contained(command.commands[-1], last)
        return int(not status) if command.negated else status

    def _contained(self, command: Command, streams: _Streams) -> int:
        """In a shell of its own: variables and `exit` don't reach ours."""
        inner = Shell(self.director, self.programs, dict(self.variables), self.status)
        try:
            return inner.execute(command, streams)
        except _Exit as end:
            return end.status

    def _group(self, command: Group, streams: _Streams) -> int:
        led = self._redirect(command.redirects, streams)
        if led is None:
            return 2
        inner, finish = led
        status = (
            self._contained(command.body, inner) if command.subshell else self.execute(command.body, inner)
        )
        return status if finish() else 1

    def _while(self, command: While, streams: _Streams) -> int:
        status = 0
        for _ in range(ROUNDS):
            if (self.execute(command.condition, streams) == 0) is command.until:
                return status
            status = self.execute(command.body, streams)
        raise PyvsError(f"a loop did not end within {ROUNDS} rounds")

    def _if(self, command: If, streams: _Streams) -> int:
        for condition, body in command.branches:
            if self.execute(condition, streams) == 0:
                return self.execute(body, streams)
        return self.execute(command.otherwise, streams) if command.otherwise is not None else 0

    def _simple(self, command: Simple, streams: _Streams) -> int:
        argv = [text for word in command.words for text in self.expand(word)]
        values = {name: " ".join(self.expand(word)) for name, word in command.assignments}
        led = self._redirect(command.redirects, streams)
        if led is None:
            return 2
        inner, finish = led
        if not argv:
            self.variables.update(values)
            status = 0
        else:
            status = self._call(argv, inner)
        return status if finish() else 1

    def _call(self, argv: list[str], streams: _Streams) -> int:
        name = argv[0].rpartition("/")[2] if argv[0].startswith("/") else argv[0]
        if name == "exit":
            raise _Exit(int(argv[1]) if argv[1:] else self.status)
        program = self.programs.get(name)
        if program is None:
            raise UnknownProgram(name)
        return program(
            Call([name, *argv[1:]], streams.stdin, streams.stdout, streams.stderr, self.director, self)
        )

    def call(self, argv: list[str], call: Call) -> int:
        """Call a program by another one, with the same streams."""
        return self._call(argv, _Streams(call.stdin, call.stdout, call.stderr))

    # ---- redirections ----------------------------------------------------------

    def _redirect(
        self, redirects: tuple[Redirect, ...], streams: _Streams
    ) -> tuple[_Streams, Callable[[], bool]] | None:
        """The streams after redirections, and what writes the files; None after a complaint."""
        led = _Streams(streams.stdin, streams.stdout, streams.stderr)
        written: list[tuple[str, io.StringIO]] = []
        files = self.director.files
        try:
            for redirect in redirects:
                target = " ".join(self.expand(redirect.target))
                if redirect.operator == "<":
                    led.stdin = io.StringIO(files.read(target))
                elif redirect.operator == "<<":
                    led.stdin = io.StringIO(target)
                elif redirect.operator == ">&":
                    source = led.stdout if target == "1" else led.stderr
                    led.stdout, led.stderr = (
                        (source, led.stderr) if redirect.descriptor == 1 else (led.stdout, source)
                    )
                else:
                    stream = io.StringIO()
                    if redirect.operator == ">>":
                        stream.write(files.read(target) if files.exists(target) else "")
                    written.append((target, stream))
                    if redirect.descriptor == 1:
                        led.stdout = stream
                    else:
                        led.stderr = stream
        except FileFault as fault:
            streams.stderr.write(f"/bin/sh: 1: cannot open {fault.path}: No such file\n")
            return None

        def finish() -> bool:
            """Write the files; whether all could be written."""
            try:
                for path, stream in written:
                    files.write(path, stream.getvalue())
            except FileFault:
                streams.stderr.write("/bin/sh: 1: echo: echo: I/O error\n")
                return False
            return True

        return led, finish

    # ---- expansion -------------------------------------------------------------

    def expand(self, word: Word) -> list[str]:
        """The words that a word becomes: what is not quoted is split at blanks."""
        fields: list[str] = []
        current: str | None = None
        for part in word:
            text, quoted = self._value(part)
            if quoted or isinstance(part, Text):
                current = (current or "") + text
                continue
            pieces = re.split(r"[ \t\n]+", text)
            for number, piece in enumerate(pieces):
                if number and current is not None:
                    fields.append(current)
                    current = None
                if piece:
                    current = (current or "") + piece
        return fields if current is None else [*fields, current]

    def _value(self, part: Text | Variable | Substitution | Arithmetic) -> tuple[str, bool]:
        match part:
            case Text():
                return part.text, part.quoted
            case Variable():
                value = str(self.status) if part.name == "?" else self.variables.get(part.name, "")
                return value or part.default, part.quoted
            case Arithmetic():
                return str(_calculate(part.expression, self.variables)), part.quoted
            case Substitution():
                output = io.StringIO()
                streams = _Streams(io.StringIO(), output, io.StringIO())
                self.status = self._contained(part.body, streams)
                return output.getvalue().rstrip("\n"), part.quoted


OPERATORS: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}


def _calculate(expression: str, variables: Mapping[str, str]) -> int:
    """The value of an arithmetic expression. Raises PyvsError."""
    text = re.sub(r"\$?\{?([A-Za-z_]\w*)\}?", lambda match: variables.get(match[1], "") or "0", expression)

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise PyvsError(f"the arithmetic {expression!r} is not known here")

    try:
        return value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError):
        raise PyvsError(f"the arithmetic {expression!r} can't be calculated") from None
