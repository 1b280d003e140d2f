"""Programs that read, print and filter text, as far as scenarios use them."""

from __future__ import annotations

import difflib
import re
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.play.files import FileFault
from pyvs.play.shell.interpreter import Call


def _unknown(call: Call, option: str) -> PyvsError:
    return PyvsError(f"{call.argv[0]}: the option {option!r} is not known here")


def _flags(call: Call, known: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
    """One-letter options (those of `valued` with their value) and what is left. Raises PyvsError."""
    found: dict[str, str] = {}
    words: list[str] = []
    left = list(call.arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            words += left
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        if word[1:].isdigit() and "n" in valued:
            found["n"] = word[1:]
            continue
        for at, letter in enumerate(word[1:], 1):
            if letter in valued:
                found[letter] = word[at + 1 :] or (left.pop(0) if left else "")
                break
            if letter not in known:
                raise _unknown(call, word)
            found[letter] = ""
    return found, words


def _input(call: Call, paths: list[str]) -> tuple[str, int]:
    """The text of files, or of the standard input; exit status 1 if one could not be read."""
    if not paths:
        return call.stdin.read(), 0
    texts, status = [], 0
    for path in paths:
        try:
            texts.append(call.stdin.read() if path == "-" else call.director.files.read(path))
        except FileFault as fault:
            status = call.fail(f"{call.argv[0]}: {fault}")
    return "".join(texts), status


def cat(call: Call) -> int:
    """`cat [FILE ...]`."""
    _, paths = _flags(call, "u")
    text, status = _input(call, paths)
    call.stdout.write(text)
    return status


ESCAPES: Final = {
    "n": "\n",
    "t": "\t",
    "\\": "\\",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
}


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        octal, letter = match[1], match[2]
        return chr(int(octal, 8) & 0xFF) if octal else ESCAPES.get(letter, match[0])

    return re.sub(r"\\(?:0?([0-7]{1,3})|(.))", one, text, flags=re.DOTALL)


def echo(call: Call) -> int:
    """`echo [-n] WORD ...`, with escapes as dash has it."""
    words = call.arguments
    end = "\n"
    if words[:1] == ["-n"]:
        words, end = words[1:], ""
    call.stdout.write(_unescape(" ".join(words)) + end)
    return 0


FORMAT: Final = re.compile(r"%([-+ 0#]*\d*(?:\.\d+)?)([sbcdiuxXo%])")


def printf(call: Call) -> int:
    """`printf FORMAT WORD ...` with %s, %d, %x, %c, %b and %%; the format is used again while words are left."""
    if not call.arguments:
        return call.fail("printf: usage: printf format [arg ...]", 2)
    template, words = _unescape(call.arguments[0]), call.arguments[1:]
    while True:
        before = len(words)
        call.stdout.write(FORMAT.sub(lambda match: _formatted(match, words), template))
        if not words or len(words) == before:
            return 0


def _formatted(match: re.Match[str], words: list[str]) -> str:
    """One conversion; takes its word from the list."""
    flags, kind = match[1], match[2]
    if kind == "%":
        return "%"
    word = words.pop(0) if words else ""
    if kind in "sbc":
        text = _unescape(word) if kind == "b" else word[:1] if kind == "c" else word
        return f"%{flags}s" % text
    try:
        return f"%{flags}{kind}" % int(word or "0", 0)
    except ValueError:
        return f"%{flags}{kind}" % 0


def grep(call: Call) -> int:
    """`grep [-EFcivqnxoh] [-m N] PATTERN [FILE ...]`."""
    flags, words = _flags(call, "EFcivqnxohws", "mew")
    if "e" in flags:
        words.insert(0, flags["e"])
    if not words:
        return call.fail("Usage: grep [OPTION]... PATTERNS [FILE]...", 2)
    text, failed = _input(call, words[1:])
    pattern = words[0]
    if "F" in flags:
        pattern = "|".join(re.escape(line) for line in pattern.split("\n"))
    elif "E" not in flags:  # basic expressions: these are special only behind a backslash
        pattern = re.sub(r"\\([+?|(){}])|([+?|(){}])", lambda m: m[1] or "\\" + m[2], pattern)
    pattern = rf"^(?:{pattern})$" if "x" in flags else rf"\b(?:{pattern})\b" if "w" in flags else pattern
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        return call.fail(f"grep: {error}", 2)
    count, most = 0, int(flags.get("m", "1000000000"))
    for number, line in enumerate(text.splitlines(), 1):
        match = wanted.search(line)
        if (match is not None) is ("v" in flags) or count >= most:
            continue
        count += 1
        if flags.keys() & {"c", "q"}:
            continue
        shown = [m[0] for m in wanted.finditer(line)] if "o" in flags else [line]
        for each in shown:
            call.stdout.write(f"{number}:{each}\n" if "n" in flags else f"{each}\n")
    if "c" in flags:
        call.stdout.write(f"{count}\n")
    return 2 if failed and not ("q" in flags and count) else int(not count)


def head(call: Call) -> int:
    """`head [-n N] [FILE]`."""
    flags, paths = _flags(call, "q", "nc")
    text, status = _input(call, paths)
    lines = text.splitlines(keepends=True)
    call.stdout.write(
        text[: int(flags["c"])] if "c" in flags else "".join(lines[: int(flags.get("n", "10"))])
    )
    return status


def tail(call: Call) -> int:
    """`tail [-n N | -n +N] [FILE]`."""
    flags, paths = _flags(call, "q", "n")
    text, status = _input(call, paths)
    lines, number = text.splitlines(keepends=True), flags.get("n", "10")
    kept = (
        lines[int(number[1:]) - 1 :]
        if number.startswith("+")
        else lines[-int(number) :]
        if int(number)
        else []
    )
    call.stdout.write("".join(kept))
    return status


def sort(call: Call) -> int:
    """`sort [-nru] [-k N] [FILE]`."""
    flags, paths = _flags(call, "nrub", "k")
    text, status = _input(call, paths)
    lines = text.splitlines()
    first = re.match(r"\d+", flags.get("k", ""))
    column = int(first[0]) - 1 if first else -1

    def key(line: str) -> tuple[float, str]:
        part = " ".join(line.split()[column:]) if column >= 0 else line
        number = re.match(r"\s*-?\d+(\.\d+)?", part)
        return (float(number[0]) if number and "n" in flags else 0.0, part)

    lines.sort(key=key, reverse="r" in flags)
    if "u" in flags:
        lines = list(dict.fromkeys(lines))
    call.stdout.write("".join(f"{line}\n" for line in lines))
    return status


def uniq(call: Call) -> int:
    """`uniq [-c] [FILE]`."""
    flags, paths = _flags(call, "c")
    text, status = _input(call, paths)
    runs: list[tuple[str, int]] = []
    for line in text.splitlines():
        if runs and runs[-1][0] == line:
            runs[-1] = (line, runs[-1][1] + 1)
        else:
            runs.append((line, 1))
    call.stdout.write("".join(f"{n:7} {line}\n" if "c" in flags else f"{line}\n" for line, n in runs))
    return status


def wc(call: Call) -> int:
    """`wc [-lwc] [FILE]`."""
    flags, paths = _flags(call, "lwc")
    text, status = _input(call, paths)
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    shown = [str(counts[letter]) for letter in "lwc" if letter in flags or not flags]
    if len(shown) > 1:
        shown = [f"{number:>7}" for number in shown]
    call.stdout.write(" ".join([*shown, *paths]) + "\n")
    return status


def cut(call: Call) -> int:
    """`cut -d C -f LIST [FILE]` and `cut -c LIST`."""
    flags, paths = _flags(call, "s", "dfc")
    text, status = _input(call, paths)
    delimiter = flags.get("d", "\t")
    for line in text.splitlines():
        columns = list(line) if "c" in flags else line.split(delimiter)
        if "f" in flags and len(columns) == 1:
            call.stdout.write(f"{line}\n")
            continue
        kept: list[str] = []
        for part in flags.get("f", flags.get("c", "1-")).split(","):
            low, dash, high = part.partition("-")
            kept += columns[int(low or "1") - 1 : int(high) if high else (len(columns) if dash else int(low))]
        call.stdout.write(("" if "c" in flags else delimiter).join(kept) + "\n")
    return status


def tr(call: Call) -> int:
    """`tr [-d|-s] SET [SET]`."""
    flags, sets = _flags(call, "ds")
    first, second = [*(_characters(text) for text in sets), "", ""][:2]
    text = call.stdin.read()
    if "d" in flags:
        text = "".join(char for char in text if char not in first)
    elif second:
        table = {char: second[min(at, len(second) - 1)] for at, char in enumerate(first)}
        text = "".join(table.get(char, char) for char in text)
    if "s" in flags:
        squeezed = re.escape(second or first)
        text = re.sub(rf"([{squeezed}])\1+", r"\1", text)
    call.stdout.write(text)
    return 0


def _characters(text: str) -> str:
    spelled = _unescape(text)
    for name, characters in (("upper", "A-Z"), ("lower", "a-z"), ("digit", "0-9"), ("space", " \t\n")):
        spelled = spelled.replace(f"[:{name}:]", characters)
    return re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), spelled)


def seq(call: Call) -> int:
    """`seq [FIRST [STEP]] LAST`."""
    numbers = [int(word) for word in call.arguments]
    first, step, last = {1: (1, 1, numbers[-1]), 2: (numbers[0], 1, numbers[-1])}.get(
        len(numbers), (numbers[0], numbers[1], numbers[-1]) if len(numbers) == 3 else (1, 1, 0)
    )
    call.stdout.write("".join(f"{n}\n" for n in range(first, last + (1 if step > 0 else -1), step or 1)))
    return 0


def diff(call: Call) -> int:
    """`diff [-u|-q] FILE FILE`, one of which may be `-`."""
    flags, paths = _flags(call, "uq")
    if len(paths) != 2:
        return call.fail("diff: missing operand", 2)
    try:
        a, b = (
            (call.stdin.read() if path == "-" else call.director.files.read(path)).splitlines()
            for path in paths
        )
    except FileFault as fault:
        return call.fail(f"diff: {fault}", 2)
    if a == b:
        return 0
    if "q" in flags:
        call.stdout.write(f"Files {paths[0]} and {paths[1]} differ\n")
    elif "u" in flags:
        call.stdout.write(
            "".join(f"{line}\n" for line in difflib.unified_diff(a, b, paths[0], paths[1], lineterm=""))
        )
    else:
        _normal_diff(call, a, b)
    return 1


def _normal_diff(call: Call, a: list[str], b: list[str]) -> None:
    def span(start: int, end: int) -> str:
        return str(start + 1) if end - start == 1 else str(start) if end == start else f"{start + 1},{end}"

    for kind, i, j, k, n in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal":
            call.stdout.write(f"{span(i, j)}{kind[0] if kind != 'insert' else 'a'}{span(k, n)}\n")
            call.stdout.write("".join(f"< {line}\n" for line in a[i:j]))
            call.stdout.write("---\n" if kind == "replace" else "")
            call.stdout.write("".join(f"> {line}\n" for line in b[k:n]))


def tee(call: Call) -> int:
    """`tee [-a] FILE ...`."""
    flags, paths = _flags(call, "a")
    text = call.stdin.read()
    call.stdout.write(text)
    files, status = call.director.files, 0
    for path in paths:
        try:
            files.write(path, (files.read(path) if "a" in flags and files.exists(path) else "") + text)
        except FileFault as fault:
            status = call.fail(f"tee: {fault}")
    return status


def rm(call: Call) -> int:
    """`rm [-f] FILE ...`."""
    flags, paths = _flags(call, "frv")
    status = 0
    for path in paths:
        try:
            call.director.files.remove(path)
        except FileFault as fault:
            if "f" not in flags:
                status = call.fail(f"rm: cannot remove '{path}': {fault.what}")
    return status
