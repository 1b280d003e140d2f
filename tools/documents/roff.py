"""Manual pages in man(7)'s macros."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

COMMENT: Final = '.\\" Written by tools/make_docs.py from {}: change it there.'


def plain(text: str) -> str:
    """A text as it is: backslashes, dashes and quotes protected, no line taken for a macro."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti")
    return re.sub(r"^\.", r"\\&.", safe, flags=re.MULTILINE)


def bold(text: str) -> str:
    """In bold."""
    return f"\\fB{plain(text)}\\fR"


def italic(text: str) -> str:
    """In italics: what the user puts in."""
    return f"\\fI{plain(text)}\\fR"


def prose(text: str) -> str:
    """Sentences with `names` in backquotes, which become bold."""
    return "".join(bold(part) if number % 2 else plain(part) for number, part in enumerate(text.split("`")))


def title(name: str, section: int, version: str) -> str:
    """The first line."""
    return f'.TH {name.upper()} {section} "" "pyvs {version}" "pyvs"'


def section(name: str) -> str:
    """A heading."""
    return f'.SH "{plain(name.upper())}"'


def subsection(name: str) -> str:
    """A smaller heading."""
    return f'.SS "{plain(name)}"'


def entry(tag: str, text: str) -> Iterator[str]:
    """An indented paragraph under a tag, which is roff already."""
    yield ".TP"
    yield tag
    yield text


def verbatim(lines: Iterable[str]) -> Iterator[str]:
    """Lines as they stand."""
    yield ".PP"
    yield ".RS 4"
    yield ".EX"
    for line in lines:
        yield plain(line) or "\\&"
    yield ".EE"
    yield ".RE"
