"""What a command line consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True, frozen=True)
class Text:
    """Characters as they stand; quoted ones are never split into words."""

    text: str
    quoted: bool = False


@dataclass(slots=True, frozen=True)
class Variable:
    """`$name`, `${name}` or `${name:-default}`."""

    name: str
    default: str = ""
    quoted: bool = False


@dataclass(slots=True, frozen=True)
class Substitution:
    """`$(line)`: what the line prints."""

    body: Command
    quoted: bool = False


@dataclass(slots=True, frozen=True)
class Arithmetic:
    """`$((expression))`."""

    expression: str
    quoted: bool = False


Part: TypeAlias = Text | Variable | Substitution | Arithmetic
Word: TypeAlias = tuple[Part, ...]


@dataclass(slots=True, frozen=True)
class Redirect:
    """`>file`, `>>file`, `<file`, `2>&1`; a here-document has its text as target."""

    descriptor: int
    operator: str
    target: Word


@dataclass(slots=True, frozen=True)
class Simple:
    """`NAME=value program argument ... >file`."""

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(slots=True, frozen=True)
class Pipeline:
    """`a | b`, perhaps negated by `!`."""

    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(slots=True, frozen=True)
class AndOr:
    """`a && b || c`: each after the first with its operator."""

    first: Command
    rest: tuple[tuple[str, Command], ...]


@dataclass(slots=True, frozen=True)
class Sequence:
    """`a; b`."""

    commands: tuple[Command, ...] = ()


@dataclass(slots=True, frozen=True)
class Group:
    """`{ a; }` or `(a)`, which keeps its variables to itself; with redirections."""

    body: Command
    subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


@dataclass(slots=True, frozen=True)
class For:
    """`for name in words; do body; done`."""

    name: str
    words: tuple[Word, ...]
    body: Command


@dataclass(slots=True, frozen=True)
class While:
    """`while condition; do body; done`; until: the other way round."""

    condition: Command
    body: Command
    until: bool = False


@dataclass(slots=True, frozen=True)
class If:
    """`if a; then b; elif c; then d; else e; fi`."""

    branches: tuple[tuple[Command, Command], ...] = field(default=())
    otherwise: Command | None = None


Command: TypeAlias = Simple | Pipeline | AndOr | Sequence | Group | For | While | If
