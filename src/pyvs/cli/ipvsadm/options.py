"""One option after the other, as popt takes them from a command line."""

from collections.abc import Iterator, Sequence

from pyvs.cli.ipvsadm.grammar import LONG, SHORT, Argument, Switch


class OptionError(Exception):
    """An option that cannot be taken; the text names the word as it stands on the line."""


class Words:
    """The words of a command line; what is not an option is left over, in its order."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._next = 0
        self.rest: list[str] = []
        self.word = ""
        """The word that the latest option came from."""

    def options(self) -> Iterator[tuple[Switch, str | None]]:
        """Each option with its argument. Raises OptionError."""
        while self._next < len(self._argv):
            word = self.word = self._take()
            if word == "--":
                self.rest += self._argv[self._next :]
                self._next = len(self._argv)
            elif word.startswith("--"):
                yield self._long(word[2:])
            elif word.startswith("-") and word != "-":
                yield from self._short(word[1:])
            else:
                self.rest.append(word)

    def _take(self) -> str:
        self._next += 1
        return self._argv[self._next - 1]

    def _long(self, text: str) -> tuple[Switch, str | None]:
        name, equals, value = text.partition("=")
        switch = LONG.get(name)
        if switch is None:
            raise OptionError(f"{self.word}: unknown option")
        if switch.argument is Argument.NONE:
            if equals:
                raise OptionError(f"{self.word}: option does not take an argument")
            return switch, None
        return switch, value if equals else self._argument(switch)

    def _short(self, letters: str) -> Iterator[tuple[Switch, str | None]]:
        while letters:
            switch = SHORT.get(letters[0])
            if switch is None:
                raise OptionError(f"{self.word}: unknown option")
            letters = letters[1:]
            if switch.argument is Argument.NONE:
                yield switch, None
            elif letters:
                yield switch, letters.removeprefix("=")
                return
            else:
                yield switch, self._argument(switch)

    def _argument(self, switch: Switch) -> str | None:
        """The next word as the option's argument."""
        missing = self._next == len(self._argv)
        if switch.argument is Argument.OPTIONAL and (missing or self._argv[self._next].startswith("-")):
            return None
        if missing:
            raise OptionError(f"{self.word}: missing argument")
        return self._take()
