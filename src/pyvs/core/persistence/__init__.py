"""Which flows go together beyond their client's address: persistence engines, by the name `--pe` takes."""

from collections.abc import Mapping
from typing import Final

from pyvs.core.persistence.engine import PersistenceEngine

ENGINES: Final[Mapping[str, PersistenceEngine]] = {}
