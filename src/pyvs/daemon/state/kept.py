"""What the lines of a journal add up to: of each thing its latest row. A row taken in twice changes nothing.

["service", KEY, ...] ["server", KEY, SERVER, ...] ["policy", KEY, ...]     as in netlink/native_rows.py
["drain", KEY, SERVER, deadline in seconds since 1970 or null]
["-service", KEY] ["-server", KEY, SERVER] ["-drain", KEY, SERVER] ["flush"]
["timeouts", tcp, tcp_fin, udp] ["sysctl", NAME, TEXT]
["daemon", role, device, syncid, maxlen, group in hex, port, ttl] ["-daemon", role]
["masquerade", WORD, ...]                                                   as in netlink/masquerade.py
["rules", digest of the rule file that was read]
["all", [row, ...]]                                                         changes made in one step
["part", NUMBER, [row, ...]] ["whole", NUMBER]                              many changes made in one step, which hold
                                                                            with `whole`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

Row = list[Any]
_ANY: Final = ("0.0.0.0", "0")
_FORGOTTEN: Final = 50


class Kept:
    """Rows by what they are about."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Row]] = {}
        """By service; then the service itself (``), its servers, policy and draining."""
        self.settings: dict[str, Row] = {}
        self.masquerade: list[Row] = []
        self.gone: list[dict[str, dict[str, Row]]] = []
        """What was there before all were removed: to free so much memory takes time."""
        self._parts: dict[int, list[Row]] = {}
        """Of steps that are not whole yet."""

    def __bool__(self) -> bool:
        return bool(self.services or self.settings or self.masquerade)

    def fold(self, row: Row) -> None:
        """Take in a row. Raises KeyError, IndexError, TypeError or ValueError when it makes no sense.

        Of changes made in one step those that make sense are taken in.
        """
        length = _LENGTH[row[0]]
        if length and len(row) != length:
            raise ValueError
        _FOLD[row[0]](self, row)

    def forget_parts(self) -> int:
        """Leave out steps that are not whole; how many changes that are."""
        count = sum(map(len, self._parts.values()))
        self._parts = {}
        return count

    def rows(self) -> Iterator[Row]:
        """What makes all of it anew, in an order in which it can be done."""
        for parts in self.services.values():
            yield from parts.values()
        yield from self.settings.values()
        yield from self.masquerade

    # ---- kinds of rows -----------------------------------------------------

    def _service(self, row: Row) -> None:
        self.services.setdefault(row[1], {})[""] = row

    def _server(self, row: Row) -> None:
        self.services[row[1]][f"server {row[2]}"] = row

    def _policy(self, row: Row) -> None:
        self.services[row[1]]["policy"] = row

    def _drain(self, row: Row) -> None:
        self.services[row[1]][f"drain {row[2]}"] = row

    def _no_service(self, row: Row) -> None:
        self.services.pop(row[1], None)

    def _no_server(self, row: Row) -> None:
        parts = self.services.get(row[1], {})
        parts.pop(f"server {row[2]}", None)
        parts.pop(f"drain {row[2]}", None)

    def _no_drain(self, row: Row) -> None:
        self.services.get(row[1], {}).pop(f"drain {row[2]}", None)

    def _flush(self, row: Row) -> None:
        self.gone.append(self.services)
        self.services = {}

    def forget(self) -> Iterator[None]:
        """Let go of what is gone, a stretch a step."""
        while self.gone:
            for _ in range(min(_FORGOTTEN, len(self.gone[-1]))):
                self.gone[-1].popitem()
            if not self.gone[-1]:
                self.gone.pop()
            yield

    def _setting(self, row: Row) -> None:
        self.settings[row[0]] = row

    def _named(self, row: Row) -> None:
        self.settings[f"{row[0]} {row[1]}"] = row

    def _no_daemon(self, row: Row) -> None:
        self.settings.pop(f"daemon {row[1]}", None)

    def _all(self, row: Row) -> None:
        self._together(row[1])

    def _together(self, rows: list[Row]) -> None:
        wrong: Exception | None = None
        for each in rows:
            try:
                if each[0] in _STEPS:
                    raise ValueError
                self.fold(each)
            except (KeyError, IndexError, TypeError, ValueError) as problem:
                wrong = problem
        if wrong is not None:
            raise wrong

    def _part(self, row: Row) -> None:
        self._parts.setdefault(row[1], []).extend(row[2])

    def _whole(self, row: Row) -> None:
        self._together(self._parts.pop(row[1], []))

    def _masquerade(self, row: Row) -> None:
        what, verb, *words = row[1:]
        if what == "portfw":
            self._portfw(row, verb, words)
            return
        self.masquerade = [each for each in self.masquerade if each[1:2] + each[3:4] != [what, words[0]]]
        if verb == "add":
            self.masquerade.append(row)

    def _portfw(self, row: Row, verb: str, words: list[str]) -> None:
        """Rules keep their places when their weights change; a removal with wildcards is kept as it is."""
        if verb == "flush":
            self.masquerade = [each for each in self.masquerade if each[1] != "portfw"]
            return
        where = words[:5]
        places = [at for at, each in enumerate(self.masquerade) if each[1] == "portfw" and each[3:8] == where]
        if verb == "delete":
            self.masquerade = [each for at, each in enumerate(self.masquerade) if at not in places]
            if words[1] in _ANY or words[3] in _ANY or words[4] in _ANY:
                self.masquerade.append(row)
        elif places:
            self.masquerade[places[-1]] = [*row[:2], "add", *words]
        else:
            self.masquerade.append(row)


_FOLD: Final[dict[str, Callable[[Kept, Row], None]]] = {
    "service": Kept._service,  # noqa: SLF001  the table of a class's own methods
    "server": Kept._server,  # noqa: SLF001
    "policy": Kept._policy,  # noqa: SLF001
    "drain": Kept._drain,  # noqa: SLF001
    "-service": Kept._no_service,  # noqa: SLF001
    "-server": Kept._no_server,  # noqa: SLF001
    "-drain": Kept._no_drain,  # noqa: SLF001
    "flush": Kept._flush,  # noqa: SLF001
    "timeouts": Kept._setting,  # noqa: SLF001
    "rules": Kept._setting,  # noqa: SLF001
    "sysctl": Kept._named,  # noqa: SLF001
    "daemon": Kept._named,  # noqa: SLF001
    "-daemon": Kept._no_daemon,  # noqa: SLF001
    "masquerade": Kept._masquerade,  # noqa: SLF001
    "all": Kept._all,  # noqa: SLF001
    "part": Kept._part,  # noqa: SLF001
    "whole": Kept._whole,  # noqa: SLF001
}
_STEPS: Final = ("all", "part", "whole")
_LENGTH: Final = {
    "service": 7,
    "server": 10,
    "policy": 5,
    "drain": 4,
    "-service": 2,
    "-server": 3,
    "-drain": 3,
    "flush": 1,
    "timeouts": 4,
    "rules": 2,
    "sysctl": 3,
    "daemon": 8,
    "-daemon": 2,
    "masquerade": 0,
    "all": 2,
    "part": 3,
    "whole": 2,
}
"""Of a row; 0: it may have any."""
