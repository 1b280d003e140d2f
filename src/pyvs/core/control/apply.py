"""Many changes in one step: all of them are made, or none.

What adds and changes comes first and is taken back when one is refused; what removes comes last and can't be refused.
So servers and connections of what stays are never touched by a change that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

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
from pyvs.core.errors import ControlError, Errno
from pyvs.core.masquerade.requests import inverse

if TYPE_CHECKING:
    from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey
    from pyvs.core.control.verbs import Control

Undo = Callable[[], None]


def apply(control: Control, changes: Sequence[Change], generation: int | None, now: float) -> int:
    """Make all changes; how many. generation: of the rules that they were worked out from (None: whatever they are).

    Raises ControlError, which says of which change, and nothing was changed: EBUSY when the rules are others by now, or
    what a verb refuses.
    """
    if generation is not None and generation != control.ns.services.generation:
        raise ControlError(
            Errno.EBUSY, "the rules were changed by someone else meanwhile: look at them again"
        )
    removals = [change for change in changes if isinstance(change, RemoveService | RemoveDest)]
    done: list[Undo] = []
    at = 0
    try:
        for at, change in enumerate(changes):  # noqa: B007  for the refusal
            if isinstance(change, RemoveService | RemoveDest):
                _find(control, change)
        for at, change in enumerate(changes):  # noqa: B007
            if not isinstance(change, RemoveService | RemoveDest):
                done.append(_make(control, change, now))
    except ControlError as refusal:
        refusal.change = at
        for undo in reversed(done):
            with suppress(ControlError):
                undo()
        raise
    for removal in removals:
        if isinstance(removal, RemoveService):
            control.del_service(removal.key, now)
        else:
            control.del_dest(removal.key, removal.dest, now)
    return len(changes)


def _find(control: Control, removal: RemoveService | RemoveDest) -> None:
    """Refuse the removal of what isn't there."""
    service = services.find(control.ns, removal.key)
    if isinstance(removal, RemoveDest):
        af = removal.dest.af or service.af
        if destinations.look_up(service, af, removal.dest) is None:
            raise ControlError(Errno.ENOENT, f"there is no server {removal.dest} of service {removal.key}")


def _make(control: Control, change: Change, now: float) -> Undo:
    """Make one change; what takes it back. Raises ControlError."""
    match change:
        case AddService(spec):
            control.new_service(spec, now)
            return lambda: control.del_service(spec.key, now)
        case SetService(spec):
            was = control.get_service(spec.key).spec
            control.set_service(spec, now)
            return lambda: control.set_service(was, now)
        case AddDest(key, dest):
            control.new_dest(key, dest, now)
            return lambda: control.del_dest(key, dest.key, now)
        case SetDest(key, dest):
            before = _spec_of(control, key, dest.key)
            control.set_dest(key, dest, now)
            return lambda: control.set_dest(key, before, now)
        case SetPolicy(key, policy):
            old = control.get_policy(key)
            control.set_policy(key, policy, now)
            return lambda: control.set_policy(key, old, now)
        case SetTimeouts(timeouts):
            kept = control.get_config()
            control.set_config(timeouts, now)
            return lambda: control.set_config(kept, now)
        case SetKnob(name, text):
            value = control.sysctl_read(name)
            control.sysctl_write(name, text, now)
            return lambda: control.sysctl_write(name, value, now)
        case ChangeMasquerade(request):
            back = inverse(control.ns, request)
            control.masquerade(request, now)

            def again() -> None:
                control.masquerade(back, now)

            return again
        case RemoveService() | RemoveDest():
            raise AssertionError("removals come last")


def _spec_of(control: Control, key: ServiceKey, dest: DestKey) -> DestSpec:
    """What a server is now, with the weight that it would have if it didn't drain."""
    service = services.find(control.ns, key)
    found = destinations.look_up(service, dest.af or service.af, dest)
    if found is None:
        raise ControlError(Errno.ENOENT, f"there is no server {dest} of service {key}: add it first")
    return destinations.rule(found)
