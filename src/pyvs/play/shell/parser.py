"""A command line parsed: words, quotes, pipes, lists, loops. As POSIX's shell, without patterns and functions."""

from __future__ import annotations

import re
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.play.shell.syntax import (
    AndOr,
    Arithmetic,
    Command,
    For,
    Group,
    If,
    Part,
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

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BLANK: Final = re.compile(r"(?:[ \t]|\\\n)*")
REDIRECT: Final = re.compile(r"(\d?)(>>|>&|<&|<<-?|&>|>\||>|<)")
OPERATOR: Final = re.compile(r"&&|\|\||;;|[;&|()\n]")
ENDS: Final = " \t\n;&|()<>"
RESERVED: Final = frozenset({"then", "else", "elif", "fi", "do", "done", "}", "esac"})


class SyntaxFault(PyvsError):
    """A command line that the shell can't read."""


def parse(text: str) -> Command:
    """The syntax of a line. Raises SyntaxFault."""
    parser = _Parser(text)
    command = parser.sequence()
    if parser.at < len(parser.text):
        raise parser.fault(f"{parser.text[parser.at]!r} is not expected here")
    return command


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fault(self, what: str) -> SyntaxFault:
        return SyntaxFault(
            f"{what}, at {self.text[self.at : self.at + 20]!r} of the command line {self.text!r}"
        )

    # ---- lists -----------------------------------------------------------------

    def blank(self, newlines: bool = False) -> None:
        while True:
            match = BLANK.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            if self.text[self.at : self.at + 1] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            if newlines and self.text[self.at : self.at + 1] == "\n":
                self.at += 1
                continue
            return

    def operator(self) -> str:
        """The operator that stands here, or nothing; it is not taken."""
        self.blank()
        match = OPERATOR.match(self.text, self.at)
        return match[0] if match and not REDIRECT.match(self.text, self.at) else ""

    def take(self, operator: str) -> bool:
        if self.operator() == operator:
            self.at += len(operator)
            return True
        return False

    def peek(self) -> str:
        """The bare word that stands here, for reserved words."""
        self.blank(newlines=True)
        match = re.compile(r"[a-z]+|[{}!]").match(self.text, self.at)
        if match and (match.end() == len(self.text) or self.text[match.end()] in ENDS):
            return match[0]
        return ""

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise self.fault(f"{word!r} is expected")
        self.at += len(word)

    def sequence(self) -> Command:
        commands = []
        while True:
            self.blank(newlines=True)
            if self.at >= len(self.text) or self.operator() == ")" or self.peek() in RESERVED:
                break
            commands.append(self.and_or())
            if self.operator() == "&":
                raise self.fault("background commands are not known here")
            if not (self.take(";") or self.take("\n")):
                break
        return commands[0] if len(commands) == 1 else Sequence(tuple(commands))

    def and_or(self) -> Command:
        first, rest = self.pipeline(), []
        while (operator := self.operator()) in ("&&", "||"):
            self.at += 2
            self.blank(newlines=True)
            rest.append((operator, self.pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def pipeline(self) -> Command:
        negated = self.peek() == "!"
        if negated:
            self.at += 1
        commands = [self.command()]
        while self.take("|"):
            self.blank(newlines=True)
            commands.append(self.command())
        return commands[0] if len(commands) == 1 and not negated else Pipeline(tuple(commands), negated)

    # ---- commands --------------------------------------------------------------

    def command(self) -> Command:
        word = self.peek()
        if self.take("("):
            body = self.sequence()
            if not self.take(")"):
                raise self.fault("')' is expected")
            return Group(body, True, tuple(self.redirects()))
        if word == "{":
            self.at += 1
            body = self.sequence()
            self.expect("}")
            return Group(body, False, tuple(self.redirects()))
        if word == "for":
            return self.loop()
        if word in ("while", "until"):
            self.at += 5
            condition = self.sequence()
            return While(condition, self.body(), word == "until")
        if word == "if":
            return self.condition()
        if word in RESERVED:
            raise self.fault(f"{word!r} is not expected")
        return self.simple()

    def body(self) -> Command:
        self.expect("do")
        body = self.sequence()
        self.expect("done")
        return body

    def loop(self) -> Command:
        self.at += 3
        self.blank()
        match = NAME.match(self.text, self.at)
        if match is None:
            raise self.fault("a name is expected after 'for'")
        self.at = match.end()
        self.expect("in")
        words = []
        while self.operator() not in (";", "\n"):
            if self.at >= len(self.text):
                raise self.fault("'do' is expected")
            words.append(self.word())
        self.at += 1
        return For(match[0], tuple(words), self.body())

    def condition(self) -> Command:
        branches = []
        otherwise = None
        self.at += 2
        while True:
            test = self.sequence()
            self.expect("then")
            branches.append((test, self.sequence()))
            word = self.peek()
            self.at += len(word)
            if word == "else":
                otherwise = self.sequence()
                self.expect("fi")
            elif word == "elif":
                continue
            elif word != "fi":
                raise self.fault("'fi' is expected")
            return If(tuple(branches), otherwise)

    def simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.blank()
            found = self.redirects()
            if found:
                redirects += found
                continue
            if self.at >= len(self.text) or self.operator():
                break
            match = re.compile(rf"({NAME.pattern})=").match(self.text, self.at)
            if match and not words:
                self.at = match.end()
                empty = self.at >= len(self.text) or self.text[self.at] in ENDS
                assignments.append((match[1], () if empty else self.word()))
            else:
                words.append(self.word())
        if not (assignments or words or redirects):
            raise self.fault("a command is expected")
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def redirects(self) -> list[Redirect]:
        found: list[Redirect] = []
        while True:
            self.blank()
            match = REDIRECT.match(self.text, self.at)
            if match is None:
                return found
            self.at = match.end()
            operator = match[2]
            if operator.startswith("<<"):
                found.append(Redirect(0, "<<", self.here_document(operator.endswith("-"))))
                continue
            self.blank()
            target = self.word()
            if operator == "&>":
                found += [Redirect(1, ">", target), Redirect(2, ">&", (Text("1"),))]
            else:
                descriptor = int(match[1]) if match[1] else 0 if operator[0] == "<" else 1
                found.append(Redirect(descriptor, ">" if operator == ">|" else operator, target))

    def here_document(self, indented: bool) -> Word:
        self.blank()
        match = re.compile(r"(['\"]?)(\w+)\1").match(self.text, self.at)
        if match is None:
            raise self.fault("the end word of the here-document is expected")
        start = self.text.find("\n", match.end())
        lines: list[str] = []
        at = len(self.text) if start < 0 else start + 1
        while at < len(self.text):
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            line = self.text[at:end]
            line = line.lstrip("\t") if indented else line
            at = min(end + 1, len(self.text))
            if line == match[2]:
                # What follows the here-document's line goes on behind its text.
                self.text = self.text[: start + 1] + self.text[at:]
                self.at = match.end()
                body = "".join(f"{line}\n" for line in lines)
                return (Text(body, True),) if match[1] else tuple(_Parser(body).interpolated())
            lines.append(line)
        raise self.fault(f"the here-document does not end with {match[2]!r}")

    # ---- words -----------------------------------------------------------------

    def word(self) -> Word:
        self.blank()
        parts: list[Part] = []
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ENDS:
            char = self.text[self.at]
            if char == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise self.fault("a single quote is not closed")
                parts.append(Text(self.text[self.at + 1 : end], True))
                self.at = end + 1
            elif char == '"':
                self.at += 1
                parts += self.double_quoted()
            elif char == "\\":
                parts.append(Text(self.text[self.at + 1 : self.at + 2], True))
                self.at += 2
            elif char in "$`":
                parts.append(self.expansion(False))
            else:
                match = re.compile(r"[^\s;&|()<>'\"\\$`]+").match(self.text, self.at)
                assert match is not None
                parts.append(Text(match[0]))
                self.at = match.end()
        if self.at == start:
            raise self.fault("a word is expected")
        return tuple(parts)

    def double_quoted(self) -> list[Part]:
        parts = self.interpolated('"')
        if self.at >= len(self.text):
            raise self.fault("a double quote is not closed")
        self.at += 1
        return parts

    def interpolated(self, end: str = "") -> list[Part]:
        """Text in which only expansions and backslashes count, up to a character or the end."""
        parts: list[Part] = [Text("", True)]
        while self.at < len(self.text) and self.text[self.at] != end:
            char = self.text[self.at]
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\", "$", "`", "\n"):
                escaped = self.text[self.at + 1]
                parts.append(Text("" if escaped == "\n" else escaped, True))
                self.at += 2
            elif char in "$`":
                parts.append(self.expansion(True))
            else:
                parts.append(Text(char, True))
                self.at += 1
        return parts

    def expansion(self, quoted: bool) -> Part:
        rest = self.text[self.at :]
        if rest[0] == "`":
            end = self.text.find("`", self.at + 1)
            if end < 0:
                raise self.fault("a back quote is not closed")
            body = parse(self.text[self.at + 1 : end])
            self.at = end + 1
            return Substitution(body, quoted)
        if rest.startswith("$(("):
            end = self.text.find("))", self.at)
            if end < 0:
                raise self.fault("'))' is expected")
            expression = self.text[self.at + 3 : end]
            self.at = end + 2
            return Arithmetic(expression, quoted)
        if rest.startswith("$("):
            self.at += 2
            body = self.sequence()
            if not self.take(")"):
                raise self.fault("')' is expected")
            return Substitution(body, quoted)
        match = re.compile(r"\$(?:\{(\w+|[?#@*])(?::-([^}]*))?\}|(\w+|[?#@*$]))").match(self.text, self.at)
        if match is None:
            self.at += 1
            return Text("$", quoted)
        self.at = match.end()
        return Variable(match[1] or match[3], match[2] or "", quoted)
