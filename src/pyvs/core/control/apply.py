"""Many changes in one step: all of them are made, or none; and packets never wait for it.

    tried        each service's changes are made at a copy of it, a stretch at a time: who is refused is refused here,
                 and nothing was changed
    holding      settings are made, the changes of services are promised (`Registry.promised`): from this moment on they
                 hold, for a packet that looks for a service sees its promise kept first
    kept         one service after the other, a stretch at a time

What adds and changes comes first, what removes comes last. So servers and connections of what stays are never touched
by a change that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from pyvs.core.command import Log
from pyvs.core.control import destinations, services
from pyvs.core.control.native_specs import (
    AddDest,
    AddService,
    Change,
    ChangeMasquerade,
    RemoveDest,
    RemoveService,
    SetDest,
    SetKnob,
    SetPolicy,
    SetService,
    SetTimeouts,
)
from pyvs.core.control.specs import ServiceKey
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family
from pyvs.core.masquerade.requests import inverse
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.registry import Registry
from pyvs.core.services.service import Service, ServiceName
from pyvs.core.services.trash import Trash

if TYPE_CHECKING:
    from pyvs.core.control.verbs import Control

STRETCH: Final = 30
"""Changes that are tried or made in one step: about a millisecond."""
MANY: Final = 300
"""Changes that are only sorted in one step."""
JOB: Final = "apply"
_END: Final = object()

Undo = Callable[[], object]
Trier: TypeAlias = "Callable[[Namespace], Control]"
Setting: TypeAlias = SetTimeouts | SetKnob | ChangeMasquerade
OfService: TypeAlias = AddService | SetService | RemoveService | AddDest | SetDest | RemoveDest | SetPolicy
Numbered: TypeAlias = tuple[int, OfService]
"""A change, and its place among all."""


class _Step:
    """The changes, as they are made: settings, then one service after the other."""

    def __init__(self) -> None:
        self.settings: list[tuple[int, Setting]] = []
        self.groups: dict[ServiceName, tuple[ServiceKey, list[Numbered]]] = {}
        """By service; its removals last."""
        self.schedulers: set[str] = set()
        self.families: set[Family] = set()

    def take(self, at: int, change: Change) -> None:
        """Take in a change, the `at`-th."""
        if isinstance(change, SetTimeouts | SetKnob | ChangeMasquerade):
            self.settings.append((at, change))
            return
        if isinstance(change, AddService | SetService):
            key = change.spec.key
            self.schedulers.add(change.spec.scheduler)
        else:
            key = change.key
        self.families.add(key.af)
        self.groups.setdefault(services.name_of(key), (key, []))[1].append((at, change))


def apply(
    control: Control, trier: Trier, changes: Sequence[Change], generation: int | None, now: float
) -> Iterator[None]:
    """Make all changes, a stretch a step. generation: of the rules that they were worked out from (None: any).

    trier: the verbs of a namespace to try them in. Raises ControlError, which says of which change, and nothing was
    changed: EBUSY when the rules are others by now, or what a verb refuses. Once they hold all are made, whether
    somebody takes the steps or not.
    """
    ns = control.ns
    ns.jobs.finish(JOB)
    ns.now = max(ns.now, now)
    if generation is not None and generation != ns.services.generation:
        raise ControlError(
            Errno.EBUSY, "the rules were changed by someone else meanwhile: look at them again"
        )
    step = yield from _taken(changes)
    promised: dict[ServiceName, Iterator[None]] = {}
    for at, (name, (_, group)) in enumerate(step.groups.items(), 1):
        promised[name] = _made(control, group)
        if at % MANY == 0:
            yield
    tried_at = None
    while tried_at != ns.services.generation:
        tried_at = ns.services.generation
        yield from _tried(ns, trier, step)
    control.begin_step(len(changes))
    try:
        _set(control, step)
    except ControlError:
        control.leave_step()
        raise
    families = ns.services.families
    for family in step.families:  # the hooks look while there are services
        families[family] = families.get(family, 0) + 1
    ns.services.promised = promised
    ns.jobs.begin(JOB, _kept(control, step.families))
    while step.groups:
        step.groups.popitem()
        if not len(step.groups) % MANY:
            yield
    while JOB in ns.jobs:
        yield
        ns.jobs.step_of(JOB)


def _taken(changes: Sequence[Change]) -> Generator[None, None, _Step]:
    step = _Step()
    for removals in (False, True):
        for at, change in enumerate(changes):
            if isinstance(change, RemoveService | RemoveDest) is removals:
                step.take(at, change)
            if at % MANY == MANY - 1:
                yield
    return step


# ---- trying ----------------------------------------------------------------


def _tried(ns: Namespace, trier: Trier, step: _Step) -> Iterator[None]:
    """Refuse what would be refused: each service's changes are made at a copy of it."""
    trial = Namespace(ns.environment, schedulers=ns.schedulers, now=ns.now)
    trial.protocols, trial.sync = ns.protocols, ns.sync
    control = trier(trial)
    left = STRETCH
    for key, group in step.groups.values():
        for _ in _try(ns, control, key, group):
            left -= 1
            if not left:
                left = STRETCH
                yield


def _try(ns: Namespace, control: Control, key: ServiceKey, group: list[Numbered]) -> Iterator[None]:
    trial = control.ns
    trial.services, trial.trash = Registry(), Trash()
    present = services.look_up(ns, key)
    at = 0
    try:
        for at, change in group:  # noqa: B007  for the refusal
            if isinstance(change, RemoveService | RemoveDest):
                _find(ns, change)
        if present is not None:
            yield from _copy(trial, present)
        for at, change in group:  # noqa: B007
            if not isinstance(change, RemoveService | RemoveDest):
                _make(control, change, ns.now)
                if isinstance(change, AddService | SetService):  # it has been asked, that is enough
                    services.find(trial, key).scheduler = None
            yield
    except ControlError as refusal:
        refusal.change = at
        raise


def _copy(trial: Namespace, service: Service) -> Iterator[None]:
    copy = Service(service.af, service.protocol, service.addr, service.port, service.fwmark)
    copy.flags, copy.scheduler_name, copy.pe = service.flags, service.scheduler_name, service.pe
    for each in tuple(service.destinations):
        copy.destinations.append(Destination(each.af, each.addr, each.port, copy))
        yield
    trial.services.add(copy)


def _find(ns: Namespace, removal: RemoveService | RemoveDest) -> None:
    """Refuse the removal of what isn't there."""
    service = services.find(ns, removal.key)
    if isinstance(removal, RemoveDest):
        af = removal.dest.af or service.af
        if destinations.look_up(service, af, removal.dest) is None:
            raise ControlError(Errno.ENOENT, f"there is no server {removal.dest} of service {removal.key}")


# ---- making ----------------------------------------------------------------


def _set(control: Control, step: _Step) -> None:
    """Make the changes of settings: all, or none. Raises ControlError."""
    ns = control.ns
    for name in step.schedulers & ns.schedulers.keys():  # their knobs come with them
        ns.sysctl.bring(ns.schedulers[name].settings)
    done: list[Undo] = []
    for at, change in step.settings:
        try:
            done.append(_set_one(control, change))
        except ControlError as refusal:
            refusal.change = at
            for undo in reversed(done):
                with suppress(ControlError):
                    undo()
            raise


def _set_one(control: Control, change: Setting) -> Undo:
    """Change a setting; what takes it back."""
    now = control.ns.now
    if isinstance(change, SetTimeouts):
        kept = control.get_config()
        control.set_config(change.timeouts, now)
        return lambda: control.set_config(kept, now)
    if isinstance(change, SetKnob):
        value = control.sysctl_read(change.name)
        control.sysctl_write(change.name, change.text, now)
        return lambda: control.sysctl_write(change.name, value, now)
    back = inverse(control.ns, change.request)
    control.masquerade(change.request, now)
    return lambda: control.masquerade(back, now)


def _kept(control: Control, awaited: set[Family]) -> Iterator[None]:
    """Keep what was promised, then tell that it is done."""
    registry = control.ns.services
    left = STRETCH
    for name in list(registry.promised):
        made = registry.promised.pop(name, None)
        while made is not None and next(made, _END) is not _END:
            left -= 1
            if not left:
                left = STRETCH
                registry.promised[name] = made
                yield
                made = registry.promised.pop(name, None)
    for family in awaited:
        registry.families[family] -= 1
    yield from control.end_step()
    control.rest()


def _made(control: Control, group: list[Numbered]) -> Iterator[None]:
    """Make the changes of one service, one a step."""
    for _, change in group:
        try:
            _make(control, change, control.ns.now)
        except ControlError as refusal:  # the host has changed since they were tried
            control.ns.commands.append(
                Log("error", f"a change that was tried was refused after all: {refusal}")
            )
        yield


def _make(control: Control, change: OfService, now: float) -> None:
    """Make one change. Raises ControlError."""
    match change:
        case AddService(spec):
            control.new_service(spec, now)
        case SetService(spec):
            control.set_service(spec, now)
        case AddDest(key, dest):
            control.new_dest(key, dest, now)
        case SetDest(key, dest):
            control.set_dest(key, dest, now)
        case SetPolicy(key, policy):
            control.set_policy(key, policy, now)
        case RemoveService(key):
            control.del_service(key, now)
        case RemoveDest(key, place):
            control.del_dest(key, place, now)
