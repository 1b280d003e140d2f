"""An agent's report as weights of virtual services' destinations: what the machine wants, of what was configured."""

from __future__ import annotations

from dataclasses import replace

from pyvs.core.control.specs import DestKey, ServiceKey
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError
from pyvs.core.masquerade.agent_line import AgentReport

Place = tuple[ServiceKey, DestKey]


class Reweigher:
    """Remembers the weights that administrators gave, and sets those that agents ask for."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self._configured: dict[Place, int] = {}
        self._set: dict[Place, int] = {}
        """The weights that were set here: another one was set by an administrator."""

    def apply(self, address: bytes, report: AgentReport, now: float) -> int:
        """Set the weights of all destinations at an address; how many changed."""
        changed = 0
        for service in self.control.get_services():
            key = service.spec.key
            for view in self.control.get_dests(key):
                spec = view.spec
                if spec.key.addr != address:
                    continue
                place = (key, spec.key)
                if self._set.get(place) != spec.weight:
                    self._configured[place] = spec.weight
                wanted = report.weight(self._configured[place])
                if wanted is None or wanted == spec.weight:
                    continue
                try:
                    self.control.set_dest(key, replace(spec, weight=wanted), now)
                except ControlError:
                    continue  # it has gone meanwhile
                self._set[place] = wanted
                changed += 1
        return changed

    def forget(self, address: bytes, now: float) -> None:
        """The agent is listened to no more: give back the configured weights that still are ours."""
        for (key, dest), wanted in list(self._set.items()):
            if dest.addr != address:
                continue
            configured = self._configured.pop((key, dest))
            del self._set[key, dest]
            try:
                for view in self.control.get_dests(key):
                    if view.spec.key == dest and view.spec.weight == wanted:
                        self.control.set_dest(key, replace(view.spec, weight=configured), now)
            except ControlError:
                continue
