"""What the lab needs of the machine beside namespaces, looked for before anything is made."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pyvs.lab.errors import LabError

PROGRAMS: Final = (
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("ip6tables", "iptables"),
    ("nsenter", "util-linux"),
)
"""Programs, and the Debian packages that bring them."""

SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps some of them, and where a user's PATH doesn't look."""


def widen_path() -> None:
    """Let this process and its children find the system's programs."""
    known = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*known, *(name for name in SYSTEM_FOLDERS if name not in known)])


def check_programs(find: Callable[[str], str | None] = shutil.which) -> None:
    """Return when all programs are there.

    Raises LabError that says what to install.
    """
    missing = [(name, package) for name, package in PROGRAMS if find(name) is None]
    if missing:
        names = ", ".join(name for name, _ in missing)
        packages = " ".join(dict.fromkeys(package for _, package in missing))
        raise LabError(f"Not found here: {names}. Install with `sudo apt-get install {packages}`.")


def families(
    wanted: Sequence[int], default: Sequence[int], listing: Path = Path("/proc/net/if_inet6")
) -> tuple[int, ...]:
    """The families to run: those wanted, or of the default all that this kernel has.

    Raises LabError when IPv6 is wanted and isn't there.
    """
    if listing.exists():
        return tuple(wanted or default)
    if 6 in wanted:
        raise LabError("This kernel has no IPv6 (started with ipv6.disable=1?), so family 6 can't be shown.")
    return tuple(wanted or (family for family in default if family != 6))
