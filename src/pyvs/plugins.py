"""Schedulers and helpers from other packages, found by entry points.

In the other package's pyproject.toml:

[project.entry-points."pyvs.schedulers"]
random = "my_package.scheduling:WeightedRandom"

[project.entry-points."pyvs.apps"]
tftp = "my_package.tftp:Tftp"

The name is the one that `ipvsadm -s` takes. Nobody but the processes at the top reads them: the core gets what
they found by `Engine(schedulers=...)` and `ns.apps.register(...)`.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from pyvs.core.apps.app import App
from pyvs.core.errors import PyvsError
from pyvs.core.schedulers.scheduler import Scheduler

SCHEDULERS: Final = "pyvs.schedulers"
APPS: Final = "pyvs.apps"

T = TypeVar("T")


class BadPlugin(PyvsError):
    """An entry point that can't be used."""


def schedulers(points: Iterable[EntryPoint] | None = None) -> dict[str, type[Scheduler]]:
    """The schedulers of other packages, by name. Raises BadPlugin."""
    return _load(SCHEDULERS, Scheduler, points)


def apps(points: Iterable[EntryPoint] | None = None) -> dict[str, type[App]]:
    """The helpers of other packages, by name. Raises BadPlugin."""
    return _load(APPS, App, points)


def _load(group: str, kind: type[T], points: Iterable[EntryPoint] | None) -> dict[str, type[T]]:
    found: dict[str, type[T]] = {}
    for point in entry_points(group=group) if points is None else points:
        where = f"entry point {point.name} = {point.value} of group {group}"
        try:
            loaded = point.load()
        except Exception as error:
            raise BadPlugin(f"{where}: can't be loaded ({error}); mend or uninstall its package") from error
        if not (isinstance(loaded, type) and issubclass(loaded, kind)):
            raise BadPlugin(f"{where}: is no subclass of {kind.__module__}.{kind.__name__}")
        if point.name in found:
            raise BadPlugin(f"{where}: another package has this name too; uninstall one of them")
        found[point.name] = loaded
    return found
