"""Where the state is kept: a folder for each network namespace that can come back, and one director in it at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from pyvs.core.errors import PyvsError

SYSTEM: Final = Path("/var/lib/pyvs")
NAMED: Final = Path("/run/netns")
_WHOLE: Final = ["0", "0", "4294967295"]
"""The map of user numbers outside of all user namespaces."""


def default_folder(
    *,
    process: Path = Path("/proc/self"),
    first: Path = Path("/proc/1"),
    named: Path = NAMED,
    environment: dict[str, str] | None = None,
) -> Path | None:
    """The folder of this network namespace; None: it has no name, and so never comes back.

    What the service manager names (STATE_DIRECTORY) comes first. The host's is /var/lib/pyvs, that of `ip netns add
    NAME` is /var/lib/pyvs/NAME; without root, or in a user namespace, it is $XDG_STATE_HOME/pyvs.
    """
    variables = os.environ if environment is None else environment
    given = variables.get("STATE_DIRECTORY")
    if given:
        return Path(given.partition(":")[0])
    if (process / "uid_map").read_text().split() != _WHOLE or os.geteuid() != 0:
        home = variables.get("XDG_STATE_HOME") or f"{variables.get('HOME', '/root')}/.local/state"
        return Path(home, "pyvs")
    own = _inode(process / "ns" / "net")
    if own == _inode(first / "ns" / "net"):
        return SYSTEM
    if named.is_dir():
        for name in sorted(named.iterdir()):
            if _inode(name) == own:
                return SYSTEM / name.name
    return None


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


class Lock:
    """The right to use a folder, which is made if need be."""

    def __init__(self, folder: Path) -> None:
        """Raises PyvsError when another director has it, or it can't be made."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PyvsError(
                f"the state can't be kept in {folder}: {error.strerror}: give another folder by --state-dir, "
                "or --no-state"
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise PyvsError(
                f"another director keeps its state in {folder}: give this one a folder of its own by --state-dir, "
                "or --no-state"
            ) from None

    def close(self) -> None:
        """Let others use it."""
        os.close(self._fd)
