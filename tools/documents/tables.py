"""Pages that are one table: differences, reasons, sysctls."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from pyvs.core import reasons as reasons_module
from pyvs.core.differences import Differences
from pyvs.core.reasons import Reason
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.sysctl import table as knobs
from pyvs.core.sysctl.table import Sysctl

SOURCE: Final = Path(__file__).resolve().parents[2] / "src" / "pyvs"
MADE: Final = "<!-- Written by tools/make_docs.py from {}: change it there. -->"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a table."""
    titles = list(head)
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        cells = " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        yield f"| {cells} |"


def sentence(text: str) -> str:
    """A text that begins with a capital, as tables' cells do, unless it begins with a name."""
    return text if "_" in text.split(" ", maxsplit=1)[0] else text[:1].upper() + text[1:]


# ---- differences -----------------------------------------------------------

DIFFERENCES: Final = """\
The recordings of the real kernel (Linux 6.1) say what IPVS does, and pyvs does the same, byte for byte. Where the
kernel is wrong, or its users suffer, pyvs does otherwise by default. Each such place is an option:

* `pyvs run`, `pyvs replay`, `pyvs explain` and `Engine()` take our side.
* `pyvs play`, `pyvs replay --as-kernel`, `pyvs explain --as-kernel` and `Engine(differences=KERNEL)` take the kernel's.
* `Engine(differences=Differences(sync_count_wraps=True))` takes single ones.
"""


def differences() -> str:
    """Where we do otherwise than the recorded kernel."""
    rows = [
        (
            f"`{option.name}`",
            sentence(option.metadata["what"]),
            "yes" if option.metadata["kernel"] else "no",
            "yes" if option.default else "no",
            sentence(option.metadata["why"]),
        )
        for option in fields(Differences)
    ]
    lines = [
        "# Where pyvs does otherwise than the kernel",
        "",
        MADE.format("src/pyvs/core/differences.py and the docstrings marked `Differs:`"),
        "",
        DIFFERENCES,
        "## Options",
        "",
        *table(("option", "if yes", "kernel", "pyvs", "why ours"), rows),
        "",
        "## Always",
        "",
        "Small things that no recording of sensible use shows, so they have no option.",
        "",
        *table(("where", "difference"), ((f"`{where}`", text) for where, text in marked())),
        "",
    ]
    return "\n".join(lines)


def marked() -> Iterator[tuple[str, str]]:
    """Where docstrings and comments of the core say `Differs:` and name no option, and what they say there."""
    for file in sorted((SOURCE / "core").rglob("*.py")):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                paragraphs = (ast.get_docstring(node) or "").split("\n\n")
                yield from _told(file, paragraphs)
        yield from _told(file, re.findall(r"#.*", text))


def _told(file: Path, paragraphs: Iterable[str]) -> Iterator[tuple[str, str]]:
    for paragraph in paragraphs:
        _, mark, said = paragraph.partition("Differs: ")
        if mark:
            words = " ".join(said.partition("Kernel:")[0].split())
            if any(f"`{option.name}`" in words for option in fields(Differences)):
                continue
            yield str(file.relative_to(SOURCE)), sentence(words.rstrip("."))


# ---- reasons ---------------------------------------------------------------


def groups() -> Iterator[tuple[str, list[str]]]:
    """The comments that divide the reasons, and the names under each."""
    title, names = "", list[str]()
    for line in inspect.getsource(reasons_module).split("\n"):
        if line.startswith("    # "):
            if names:
                yield title, names
            title, names = line.removeprefix("    # ").rstrip("."), []
        elif found := re.match(r"    ([A-Z_]+) = ", line):
            names.append(found[1])
    yield title, names


def reasons() -> str:
    """Every reason for which a packet is dropped, left alone or taken."""
    lines = [
        "# Reasons",
        "",
        MADE.format("src/pyvs/core/reasons.py"),
        "",
        "Each verdict has a reason. The engine counts them (`engine.ns.reasons`), `pyvs replay` lists the counts,",
        "`pyvs explain` says the one of its packet, `pyvs explain REASON` what a name means.",
    ]
    for title, names in groups():
        lines += ["", f"## {title}", ""]
        lines += table(("reason", "meaning"), ((f"`{name}`", sentence(Reason[name].value)) for name in names))
    return "\n".join([*lines, ""])


# ---- sysctls ---------------------------------------------------------------


def accepted(parse: Callable[..., Any]) -> str:
    """What a knob takes, in words."""
    if parse is knobs.seconds:
        return "seconds"
    if parse is knobs.power_of_two:
        return "a power of two"
    if parse is knobs.threshold:
        return "two numbers, the first smaller, or the second 0"
    limits = inspect.getclosurevars(parse).nonlocals
    low, high = limits["low"], limits["high"]
    if (low, high) == (-knobs.INT_MAX - 1, knobs.INT_MAX):
        return "a number"
    return f"{low} to {high}" if high < knobs.LONG_MAX else f"{low} and more"


def sysctls() -> str:
    """The knobs, with defaults and ranges."""
    rows = [
        (
            f"`{knob.name}`",
            " ".join(map(str, knob.default)) if isinstance(knob.default, tuple) else str(knob.default),
            accepted(knob.metadata["parse"]),
            sentence(knob.metadata["about"]),
        )
        for knob in fields(Sysctl)
        if knob.name != "extra"
    ]
    brought = [
        (f"`{setting}`", str(default), "seconds", f"Comes with the first service that uses `{name}`")
        for name, scheduler in SCHEDULERS.items()
        for setting, default in scheduler.settings.items()
    ]
    lines = [
        "# The sysctls net.ipv4.vs",
        "",
        MADE.format("src/pyvs/core/sysctl/table.py"),
        "",
        "Set in a rule file by lines such as `net.ipv4.vs.conntrack = 1`, from Python by",
        '`client.sysctl_write("conntrack", "1")`. A value that is refused changes nothing. Numbers may be decimal,',
        "octal (`010`) or hexadecimal (`0x8`), as the kernel reads them.",
        "",
        *table(("sysctl", "default", "takes", "what it does"), [*rows, *brought]),
        "",
    ]
    return "\n".join(lines)
