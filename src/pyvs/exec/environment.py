"""What a program is started with so that the shim is in it and in all that it starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pyvs.netlink.unix import VARIABLE

PRELOAD: Final = "LD_PRELOAD"


def preloaded(environment: Mapping[str, str], shim: Path, socket: str | None = None) -> dict[str, str]:
    """The environment with the shim before all else that is preloaded; `socket` names a director by its socket.

    Without it each program finds the director of the network namespace in which it is.
    """
    before = [part for part in environment.get(PRELOAD, "").replace(" ", ":").split(":") if part]
    result = {**environment, PRELOAD: ":".join([str(shim), *(part for part in before if part != str(shim))])}
    if socket is not None:
        result[VARIABLE] = socket
    return result
