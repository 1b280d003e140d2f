"""Who will serve: the schedulers, by the name that `ipvsadm -s` takes.

A new scheduler is one file and one line here.
"""

from collections.abc import Mapping
from typing import Final

from pyvs.core.schedulers.lc import LeastConnection
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.schedulers.wlc import WeightedLeastConnection
from pyvs.core.schedulers.wrr import WeightedRoundRobin

SCHEDULERS: Final[Mapping[str, type[Scheduler]]] = {
    "rr": RoundRobin,
    "wrr": WeightedRoundRobin,
    "lc": LeastConnection,
    "wlc": WeightedLeastConnection,
}
