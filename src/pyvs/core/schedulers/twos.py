"""The power of two random choices: the less loaded of two. Kernel: ip_vs_twos.c."""

from pyvs.core.schedulers.load import load
from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class TwoChoices(Scheduler):
    """Draws two servers, each with the chance that its weight gives it; they may be the same.

    A draw goes from 0 to the sum of the weights, both included: the first server gets one chance more. The
    first draw wins a tie.
    """

    name = "twos"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_twos_schedule`."""
        able = [d for d in self.service.destinations if d.weight > 0 and not d.overloaded]
        if not able:
            return None
        chances = sum(d.weight for d in able) + 1
        first = _drawn(able, self.surroundings.random(chances))
        second = _drawn(able, self.surroundings.random(chances))
        return second if second.weight * load(first) > first.weight * load(second) else first


def _drawn(able: list[Destination], draw: int) -> Destination:
    """Who holds this number: the first holds 0 to its weight, the second the next, and so on."""
    for destination in able:
        draw -= destination.weight
        if draw <= 0:
            return destination
    return able[-1]
