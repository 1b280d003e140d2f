"""A scheduler of your own: each server gets clients by chance, as often as its weight says.

Run it: `python examples/scheduler_of_your_own.py`. To use it, give it to an engine,

    Engine(environment, schedulers={"random": WeightedRandom})

or let `pyvs run` find it by an entry point in your package's pyproject.toml,

    [project.entry-points."pyvs.schedulers"]
    random = "my_package.scheduling:WeightedRandom"

and then: `pyvsadm -A -t 192.0.2.100:80 -s random`.
"""

from collections import Counter

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination
from pyvs.testing.schedulers import SchedulerBench


class WeightedRandom(Scheduler):
    """Draws lots; a server of weight 3 holds three of them.

    Chance comes from `self.surroundings`, never from the module `random`: so a recorded run can be repeated.
    """

    name = "random"

    def pick(self, request: Request) -> Destination | None:
        """Called for the first packet of each connection; None: the client is told that nobody is there."""
        able = [d for d in self.service.destinations if d.weight > 0 and not d.overloaded]
        if not able:
            return None
        lot = self.surroundings.random(sum(destination.weight for destination in able))
        for destination in able:
            lot -= destination.weight
            if lot < 0:
                break
        return destination


def main() -> None:
    """Let 10,000 clients come to three servers of weights 1, 2 and 7."""
    bench = SchedulerBench(WeightedRandom, [1, 2, 7])
    share = Counter(bench.numbers(10_000))
    for number, server in bench.servers.items():
        print(f"server {number}, weight {server.weight}: {share[number]} clients")


if __name__ == "__main__":
    main()
