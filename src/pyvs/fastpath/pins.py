"""Where the programs' maps and links are pinned, so that they outlive the daemon: a folder of a bpf file system.

    /sys/fs/bpf/pyvs/COOKIE/LAYOUT/     COOKIE names the network namespace, LAYOUT what lies in the maps
    .../LAYOUT/links/                   the links that tie programs to devices

A namespace's cookie is never given again while the host runs, unlike its inode number. The name of the layout changes
with every structure of `layout.LAYOUTS`, so a daemon never takes another one's maps for its own.

`ip netns exec` gives a command a /sys of its own, where no bpf file system is: then that of process 1 is taken, since
what is pinned there stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from hashlib import sha256
from pathlib import Path
from typing import Final

from pyvs.fastpath.errors import NEEDS_ROOT, FastPathUnavailable
from pyvs.fastpath.layout import LAYOUTS, VERSION

USUAL: Final = Path("/sys/fs/bpf")
VARIABLE: Final = "PYVS_BPFFS"
"""The environment variable that names another bpf file system."""
FIRST_ROOT: Final = Path("/proc/1/root")
"""The files of process 1, for those who may look at them."""
_BPF_MAGIC: Final = 0xCAFE4A11
_SO_NETNS_COOKIE: Final = 71
LINKS: Final = "links"
LONE: Final = (
    "the fast path goes with this mount namespace, which has a bpf file system of its own: `ip netns exec NAME` makes "
    "such a one, `nsenter --net=/run/netns/NAME` does not"
)


def layout_name() -> str:
    """The name of this layout: its version, and a fingerprint of the structures."""
    texts = "\n".join(layout.c_text() for layout in LAYOUTS)
    return f"layout-{VERSION}-{sha256(texts.encode()).hexdigest()[:8]}"


def wanted() -> Path:
    """Where the bpf file system should be, whether there is one or not."""
    return Path(os.environ.get(VARIABLE) or USUAL).absolute()


def file_system() -> Path:
    """The bpf file system, of our mount namespace or of process 1's; where it should be, if neither has one."""
    place = wanted()
    if not is_bpf(place):
        first = FIRST_ROOT / place.relative_to("/")
        if is_bpf(first):
            return first
    return place


def home() -> Path:
    """The folder of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        raw = any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    return file_system() / "pyvs" / f"{struct.unpack('=Q', raw)[0]}"


def prepare() -> Path:
    """The folder for maps of this layout, made if need be. Raises FastPathUnavailable with the remedy.

    Maps of another layout that are still in use are never touched: they are refused.
    """
    place = file_system()
    try:
        if not is_bpf(place):
            _mount(place)
        base = home()
        folder = base / layout_name()
        others = [other.name for other in base.glob("layout-*") if other.name != folder.name]
        if others:
            raise FastPathUnavailable(
                f"the fast path of another version is still pinned in {base / others[0]}, and its maps can't be read: "
                "`pyvs detach` ends it and its connections"
            )
        (folder / LINKS).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        need = f"; {NEEDS_ROOT}" if isinstance(error, PermissionError) else ""
        raise FastPathUnavailable(f"nothing can be pinned below {place}: {error.strerror}{need}") from None
    return folder


def remove(folder: Path) -> int:
    """Unpin everything in a folder, links first; how many there were. Raises OSError."""
    if not folder.is_dir():
        return 0
    removed = 0
    for place in sorted(folder.iterdir(), key=lambda place: not place.is_dir()):
        if place.is_dir():
            removed += remove(place)
        else:
            place.unlink()
            removed += 1
    folder.rmdir()
    return removed


def is_bpf(place: Path) -> bool:
    """Whether a bpf file system is mounted there."""
    room = ctypes.create_string_buffer(256)
    if _libc.statfs(os.fsencode(place), room) != 0:
        return False
    return int(ctypes.c_long.from_buffer(room).value) == _BPF_MAGIC


def is_lone() -> bool:
    """Whether an ancestor sees another bpf file system there, so that this one goes with our mount namespace."""
    place = file_system()
    if place.is_relative_to(FIRST_ROOT):
        return False
    ancestor = os.getppid()
    with contextlib.suppress(OSError):  # what can't be seen
        device = place.stat().st_dev
        while ancestor > 0:
            if Path(f"/proc/{ancestor}/root{place}").stat().st_dev != device:
                return True
            ancestor = int(Path(f"/proc/{ancestor}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def _mount(place: Path) -> None:
    if place != USUAL:
        place.mkdir(parents=True, exist_ok=True)
    if _libc.mount(b"bpf", os.fsencode(place), b"bpf", ctypes.c_ulong(0), b"mode=0700") != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no bpf file system is mounted at {place} ({os.strerror(number)})")


_libc: Final = ctypes.CDLL(None, use_errno=True)
