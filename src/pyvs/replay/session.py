"""A replay put together: rules checked, capture surveyed, engine in its surroundings, ready to play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from random import Random
from typing import Protocol

from pyvs.core.control.specs import DestView, ServiceView
from pyvs.core.control.verbs import Control
from pyvs.core.differences import OURS, Differences
from pyvs.core.engine import Engine
from pyvs.datapath.pcap import Interface, PcapReader
from pyvs.replay.marking import MarkRule
from pyvs.replay.places import Place, Places
from pyvs.replay.player import Player
from pyvs.replay.sorting import Sorter
from pyvs.replay.surroundings import Surroundings
from pyvs.replay.survey import Survey


class RuleSet(Protocol):
    """The rules of a director, checked."""

    services: list[tuple[ServiceView, list[DestView]]]

    def apply(self, control: Control, now: float) -> None:
        """Put them into an engine."""
        ...


@dataclass(slots=True, frozen=True, kw_only=True)
class Options:
    """What a user may say about the host around a replay."""

    mtu: int = 1500
    seed: int = 0
    """Of the random numbers that the engine asks for."""
    addresses: tuple[tuple[bytes, int], ...] = ()
    """The director's own addresses, packed, with the length of their prefix."""
    marks: tuple[MarkRule, ...] = ()
    differences: Differences = OURS


@dataclass(slots=True)
class Session:
    """A player, and what was found out on the way."""

    player: Player
    surroundings: Surroundings
    survey: Survey | None = None
    interfaces: list[Interface] = field(default_factory=list)
    """Of the capture, one of each name and link type."""
    notes: list[str] = field(default_factory=list)
    """What the user should know: sentences."""


def begin(
    rules: RuleSet,
    options: Options,
    capture: str | PathLike[str] | None = None,
    progress: Callable[[int], None] = lambda _offset: None,
) -> Session:
    """Everything up to the first packet; reads the whole capture once. Raises CaptureError, ControlError.

    progress: told the bytes read so far, now and then.
    """
    virtual = {view.spec.key.addr for view, _ in rules.services if not view.spec.key.fwmark}
    virtual |= {rule.address for rule in options.marks}
    servers = {dest.spec.key.addr for _, dests in rules.services for dest in dests} - virtual
    places = Places()
    surroundings = Surroundings(places, Random(options.seed).randrange, mtu=options.mtu)
    for address in sorted(virtual):
        surroundings.add_virtual(address)
    for address, prefix in options.addresses:
        surroundings.add_address("", address, prefix)
    survey = None
    interfaces: list[Interface] = []
    own_addresses: dict[str, bytes] = {}
    if capture is not None:
        survey, interfaces = _survey(capture, virtual, servers, progress)
        places.fixed = survey.places()
        places.default = survey.default() or _first_place(interfaces) or places.default
        for interface in interfaces:
            name = interface.name or "if0"
            for address, prefix in interface.addresses:
                surroundings.add_address(name, address, prefix)
            own_addresses[interface.name] = interface.mac or survey.own_address(interface.name)
    engine = Engine(surroundings, differences=options.differences, now=0.0)
    rules.apply(engine.control, 0.0)
    sorter = Sorter(
        virtual=frozenset(virtual),
        servers=frozenset(servers),
        own=frozenset(address for _, address, _ in surroundings.addresses),
        director=survey.director if survey is not None else frozenset(),
    )
    player = Player(engine, surroundings, sorter, marks=options.marks, own_addresses=own_addresses)
    session = Session(player, surroundings, survey, interfaces)
    session.notes = _notes(rules, options, session)
    return session


def _survey(
    capture: str | PathLike[str],
    virtual: set[bytes],
    servers: set[bytes],
    progress: Callable[[int], None],
) -> tuple[Survey, list[Interface]]:
    survey = Survey(virtual, servers)
    with PcapReader(capture) as reader:
        known = 0
        for frame in reader.receive():
            if known != len(reader.interfaces):
                for interface in reader.interfaces[known:]:
                    survey.add_interface_address(interface.mac)
                known = len(reader.interfaces)
            survey.look(frame)
            if survey.frames % 4096 == 0:
                progress(reader.tell())
        unique = {(each.name, each.link): each for each in reversed(reader.interfaces)}
    return survey, list(reversed(unique.values()))


def _first_place(interfaces: list[Interface]) -> Place | None:
    return Place(interfaces[0].name, interfaces[0].link) if interfaces else None


def _notes(rules: RuleSet, options: Options, session: Session) -> list[str]:
    notes = []
    marked = {rule.mark for rule in options.marks}
    for view, _ in rules.services:
        key = view.spec.key
        if key.fwmark and key.fwmark not in marked:
            notes.append(
                f"service {key}: captures hold no firewall marks; say which packets have it: "
                f"--mark {key.fwmark}=tcp:ADDRESS:PORT"
            )
    known = {len(address) for _, address, _ in session.surroundings.addresses}
    tunnels = {
        len(dest.spec.key.addr) for _, dests in rules.services for dest in dests if dest.spec.forward & 7 == 2
    }
    for width in sorted(tunnels - known):
        family = "IPv4" if width == 4 else "IPv6"
        notes.append(
            f"no {family} address of the director itself is known: tunnels begin at the virtual address; "
            "say --local ADDRESS/PREFIX to give it"
        )
    return notes
