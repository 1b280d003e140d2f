"""A rule file as tables. What is already so is recognised by its line; the rest is parsed, and tried on an engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyvs.cli.applying.tables import Row, Tables, lines_of
from pyvs.cli.ipvsadm.execute import VERBS, dest_spec, service_key, service_spec
from pyvs.cli.ipvsadm.grammar import Command
from pyvs.cli.ipvsadm.invocation import Invocation
from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.marked_lines import masquerade_place, read_marked, refuse_without_service
from pyvs.cli.rules import Line, RulesError, Setting, client_of, mistake, parse_line, parse_rules, trial
from pyvs.core.control import destinations, services
from pyvs.core.control.native_specs import SetPolicy
from pyvs.core.control.specs import ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError
from pyvs.core.flags import ServiceFlag
from pyvs.netlink.native_rows import (
    dest_text,
    key_text,
    masquerade_row,
    read_service,
    server_row,
    service_row,
)

DAEMONS = (Command.START_DAEMON, Command.STOP_DAEMON)


class _Unusual(Exception):
    """The file is more than a list of what is to be."""


@dataclass(slots=True)
class _Reading:
    """A file on the way to tables."""

    file: str
    known: dict[str, Row]
    names: Names
    tables: Tables
    trial: Control
    """An engine that only has what was parsed."""

    def take(self, row: Row) -> None:
        """A row that is known to be good."""
        if row[0] == "service":
            if row[1] in self.tables.services:
                raise _Unusual
            self.tables.services[row[1]] = row, {}
            return
        entry = self.tables.services.get(row[1])
        if entry is None or row[2] in entry[1]:
            raise _Unusual
        entry[1][row[2]] = row

    def parse(self, line: Line) -> None:
        """A line that says something new."""
        asked = line.asked
        if isinstance(asked, Setting):
            self.tables.knobs[asked.name] = asked.value
        elif asked.command is Command.ADD:
            self.trial.new_service(service_spec(asked), 0.0)
            self.take(tuple(service_row(services.rule(services.find(self.trial.ns, service_key(asked))))))
        elif asked.command is Command.ADD_SERVER:
            self.take(self._server(asked))
        elif asked.command is Command.SET:
            VERBS[asked.command](client_of(self.trial), asked)  # whether they can be
            self.tables.timeouts = asked.timeouts
        else:
            raise _Unusual

    def _server(self, asked: Invocation) -> Row:
        key, spec = service_key(asked), dest_spec(asked)
        entry = self.tables.services.get(key_text(key))
        if entry is None:
            raise _Unusual
        if services.look_up(self.trial.ns, key) is None:
            self.trial.new_service(read_service(entry[0]), 0.0)
        self.trial.new_dest(key, spec, 0.0)
        service = services.find(self.trial.ns, key)
        found = destinations.look_up(service, spec.key.af or service.af, spec.key)
        assert found is not None
        return tuple(server_row(key, destinations.rule(found)))


def read_tables(text: str, file: str, present: Tables, names: Names = SYSTEM_NAMES) -> Tables:
    """What a rule file says. Raises RulesError with all its mistakes."""
    marked = read_marked(text, file, names)
    try:
        tables = _quickly(text, file, present, names)
    except (_Unusual, ControlError, RulesError):
        tables = _thoroughly(text, file, names)
    refuse_without_service(marked, tables.services, file)
    for line in marked:
        if isinstance(line.said, SetPolicy):
            tables.policies[key_text(line.said.key)] = line.said.policy
        else:
            row = tuple(masquerade_row(line.said.request))
            tables.masquerade[masquerade_place(row)] = row
    return tables


def _without_hashed(spec: ServiceSpec) -> ServiceSpec:
    return replace(spec, flags=spec.flags & ~int(ServiceFlag.HASHED))


def _quickly(text: str, file: str, present: Tables, names: Names) -> Tables:
    """Raises what makes a thorough reading necessary."""
    reading = _Reading(file, lines_of(present), names, Tables(), trial())
    known, take = reading.known, reading.take
    for number, raw in enumerate(text.split("\n"), 1):
        row = known.get(raw)
        if row is None:
            content = raw.partition("#")[0].strip()
            if not content:
                continue
            row = known.get(content)
            if row is None:
                reading.parse(Line(number, content, parse_line(content, file, number, names)))
                continue
        take(row)
    return reading.tables


def _thoroughly(text: str, file: str, names: Names) -> Tables:
    rules = parse_rules(text, file, names)
    tables = Tables()
    for view, dests in rules.services:
        key = view.spec.key
        servers = {dest_text(dest.spec.key): tuple(server_row(key, dest.spec)) for dest in reversed(dests)}
        tables.services[key_text(key)] = tuple(service_row(_without_hashed(view.spec))), servers
    for line in rules.lines:
        if isinstance(line.asked, Setting):
            tables.knobs[line.asked.name] = line.asked.value
        elif line.asked.command is Command.SET:
            tables.timeouts = line.asked.timeouts
        elif line.asked.command in DAEMONS:
            raise RulesError(
                mistake(
                    file, line.number, line.text, "apply starts and stops no synchronisation: use pyvsadm"
                )
            )
    return tables
