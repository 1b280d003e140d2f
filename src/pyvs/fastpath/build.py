"""The programs: as they came with the package, or compiled by clang into a cache when the sources are at hand.

A wheel holds the object files; an editable install compiles each on first use. Beside a file of the cache lies the
digest of what the compiler wrote: what has become another file since is compiled anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from pyvs.fastpath import header
from pyvs.fastpath.errors import FastPathUnavailable

HERE: Final = Path(__file__).resolve().parent
SOURCES: Final = HERE / "bpf"
SHIPPED: Final = HERE / "objects"

PLAIN: Final = "_plain"
"""The same program for kernels before 5.17, which know no `bpf_loop`."""
BARE: Final = "_bare"
"""The same where a program with functions can't call another program either: kernels that have no compiler for
programs, and on arm64 those before 6.0. New connections of persistent services go up there."""
_LEFT_OUT: Final = {PLAIN: ("-DPYVS_NO_LOOP",), BARE: ("-DPYVS_NO_LOOP", "-DPYVS_NO_TAIL")}

PROGRAMS: Final = (
    "pyvs_tc",
    "pyvs_tc_plain",
    "pyvs_tc_bare",
    "pyvs_xdp",
    "pyvs_xdp_plain",
    "pyvs_xdp_bare",
    "pyvs_sweep",
    "pyvs_end",
    "pyvs_repeat",
    "pyvs_change",
    "pyvs_answer",
)
"""Object files, each from `bpf/NAME.bpf.c`."""


def cache() -> Path:
    """Where compiled programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "pyvs" / "fastpath"


def _sources() -> Iterator[Path]:
    yield from sorted(SOURCES.glob("*.[ch]"))


def fingerprint() -> str:
    """A name for this state of the sources and tables."""
    digest = sha256(header.text().encode())
    for source in _sources():
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def compile_into(folder: Path, names: tuple[str, ...] = PROGRAMS) -> None:
    """Compile the programs. Raises FastPathUnavailable: no clang, no libbpf headers, or what the compiler says."""
    clang = shutil.which("clang")
    if clang is None:
        raise FastPathUnavailable("the fast path's programs are not compiled and there is no clang to do it")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        Path(scratch, "tables.h").write_text(header.text(), encoding="ascii")
        for name in names:
            built = Path(scratch, f"{name}.o")
            command = [clang, "-O2", "-g", "-Wall", "-target", "bpf", "-mcpu=v3"]
            command += [f"-I{scratch}", f"-I{SOURCES}", *_headers()]
            kind = next((kind for kind in _LEFT_OUT if name.endswith(kind)), "")
            command += _LEFT_OUT.get(kind, ())
            source = f"{name.removesuffix(kind)}.bpf.c"
            command += ["-c", str(SOURCES / source), "-o", str(built)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["nothing"]
                raise FastPathUnavailable(f"clang can't compile {source}: {said[0]}")
            built.replace(folder / f"{name}.o")


def _headers() -> list[str]:
    """Where Debian and its like keep `asm/types.h`, which clang does not look for when it compiles for BPF."""
    triplet = sysconfig.get_config_var("MULTIARCH")
    return [f"-idirafter/usr/include/{triplet}"] if triplet else []


def program(name: str) -> Path:
    """The object file of a program. Raises FastPathUnavailable."""
    shipped = SHIPPED / f"{name}.o"
    if shipped.exists():
        return shipped
    folder = cache() / fingerprint()
    built = folder / f"{name}.o"
    seal = built.with_suffix(".sha256")
    if not _is_whole(built, seal):
        try:
            compile_into(folder, (name,))
            seal.write_text(sha256(built.read_bytes()).hexdigest())
        except OSError as error:
            raise FastPathUnavailable(
                f"the fast path's programs can't be compiled into {folder}: {error}"
            ) from None
    return built


def _is_whole(built: Path, seal: Path) -> bool:
    """Whether a file of the cache is what the compiler wrote; not if it can't be read."""
    try:
        return sha256(built.read_bytes()).hexdigest() == seal.read_text()
    except (OSError, ValueError):
        return False
