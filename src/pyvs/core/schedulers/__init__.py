"""Who will serve: the schedulers, by the name that `ipvsadm -s` takes.

A new scheduler is one file and one line here.
"""

from collections.abc import Mapping
from typing import Final

from pyvs.core.schedulers.dh import DestinationHashing
from pyvs.core.schedulers.fo import WeightedFailover
from pyvs.core.schedulers.lblc import LocalityLeastConnection
from pyvs.core.schedulers.lblcr import LocalityReplicated
from pyvs.core.schedulers.lc import LeastConnection
from pyvs.core.schedulers.mh import MaglevHashing
from pyvs.core.schedulers.nq import NeverQueue
from pyvs.core.schedulers.ovf import WeightedOverflow
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.schedulers.sed import ShortestExpectedDelay
from pyvs.core.schedulers.sh import SourceHashing
from pyvs.core.schedulers.twos import TwoChoices
from pyvs.core.schedulers.wlc import WeightedLeastConnection
from pyvs.core.schedulers.wrr import WeightedRoundRobin

SCHEDULERS: Final[Mapping[str, type[Scheduler]]] = {
    "rr": RoundRobin,
    "wrr": WeightedRoundRobin,
    "lc": LeastConnection,
    "wlc": WeightedLeastConnection,
    "lblc": LocalityLeastConnection,
    "lblcr": LocalityReplicated,
    "dh": DestinationHashing,
    "sh": SourceHashing,
    "sed": ShortestExpectedDelay,
    "nq": NeverQueue,
    "fo": WeightedFailover,
    "ovf": WeightedOverflow,
    "mh": MaglevHashing,
    "twos": TwoChoices,
}
