"""What a shell has built in or needs for control: true, test, sleep, read, set."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pyvs.play.shell.interpreter import Call

UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def true(call: Call) -> int:
    """`true` and `:`."""
    return 0


def false(call: Call) -> int:
    """`false`."""
    return 1


def sleep(call: Call) -> int:
    """Time goes on: the scenario's clock is moved, and what becomes due meanwhile happens."""
    seconds = 0.0
    for word in call.arguments:
        match = re.fullmatch(r"(\d*\.?\d+|\d+\.)([smh]?)", word)
        if match is None:
            call.stderr.write(
                f"sleep: invalid time interval ‘{word}’\nTry 'sleep --help' for more information.\n"
            )
            return 1
        seconds += float(match[1]) * UNITS[match[2]]
    call.director.sleep(seconds)
    return 0


COMPARISONS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}


def test(call: Call) -> int:
    """`test EXPRESSION` and `[ EXPRESSION ]`: strings, whole numbers, files, `!`."""
    words = call.arguments
    if call.argv[0] == "[":
        if words[-1:] != ["]"]:
            return call.fail("/bin/sh: 1: [: missing ]", 2)
        words = words[:-1]
    try:
        return int(not _true(call, words))
    except ValueError:
        return call.fail(f"/bin/sh: 1: {call.argv[0]}: Illegal number", 2)


def _true(call: Call, words: list[str]) -> bool:
    for joint in ("-o", "-a"):
        if joint in words[1:]:
            at = words.index(joint, 1)
            both = _true(call, words[:at]), _true(call, words[at + 1 :])
            return any(both) if joint == "-o" else all(both)
    match words:
        case []:
            return False
        case [word]:
            return bool(word)
        case ["!", *rest]:
            return not _true(call, rest)
        case ["-n", word]:
            return bool(word)
        case ["-z", word]:
            return not word
        case ["-e" | "-f" | "-r" | "-s" as kind, path]:
            files = call.director.files
            return files.exists(path) and (kind != "-s" or bool(files.read(path)))
        case [left, "=" | "==", right]:
            return left == right
        case [left, "!=", right]:
            return left != right
        case [left, comparison, right] if comparison in COMPARISONS:
            return COMPARISONS[comparison](int(left), int(right))
    raise ValueError(words)


def read(call: Call) -> int:
    """`read NAME ...`: a line of the standard input into variables."""
    names = [word for word in call.arguments if not word.startswith("-")]
    line = call.stdin.readline()
    words = line.rstrip("\n").split(None, max(len(names) - 1, 0)) if names else []
    for number, name in enumerate(names):
        call.shell.variables[name] = words[number].rstrip() if number < len(words) else ""
    return int(not line)


def export(call: Call) -> int:
    """`export NAME=VALUE ...`, `local` likewise."""
    for word in call.arguments:
        name, equals, value = word.partition("=")
        if equals:
            call.shell.variables[name] = value
    return 0


def cd(call: Call) -> int:
    """Paths are absolute here."""
    return 0


def set_(call: Call) -> int:
    """`set -x` and its like change nothing that is seen."""
    return 0
