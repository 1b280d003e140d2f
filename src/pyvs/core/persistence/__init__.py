"""Which flows go together beyond their client's address: persistence engines, by the name `--pe` takes.

A new one is a file and a line here.
"""

from collections.abc import Mapping
from typing import Final

from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.persistence.sip import SipEngine

ENGINES: Final[Mapping[str, PersistenceEngine]] = {
    "sip": SipEngine(),
}
