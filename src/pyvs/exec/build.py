"""Where the compiled parts are: beside this file when the package was built with them, else built now into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from pyvs.core.errors import PyvsError

HERE: Final = Path(__file__).resolve().parent
FLAGS: Final = ("-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE")
COMPILERS: Final = ("cc", "gcc", "clang")
SECONDS: Final = 120


class Product(NamedTuple):
    """Something that is compiled: its file, its sources, what the compiler is told besides."""

    file: str
    sources: tuple[str, ...]
    """Patterns of files beside this one."""
    options: tuple[str, ...]
    libraries: tuple[str, ...]


SHIM: Final = Product("pyvs-shim.so", ("shim/*.c",), ("-shared", "-fPIC"), ("-ldl", "-lpthread"))
SUPERVISOR: Final = Product(
    "pyvs-supervise",
    ("supervise/*.c", "shim/director.c", "shim/messages.c", "shim/places.c"),
    (f"-I{HERE / 'shim'}",),
    (),
)
PRODUCTS: Final = (SHIM, SUPERVISOR)


def path_of(product: Product) -> Path:
    """The compiled product. Raises PyvsError when it has to be compiled and cannot be."""
    beside = HERE / product.file
    if beside.exists():
        return beside
    cached = _cache() / _fingerprint(product) / product.file
    if not cached.exists():
        compile_to(product, cached)
    return cached


def compile_to(product: Product, target: Path) -> None:
    """Compile it; the file appears whole or not at all. Raises PyvsError with the compiler's words."""
    compiler = next((name for name in COMPILERS if shutil.which(name)), None)
    if compiler is None:
        raise PyvsError(
            f"{product.file} has to be compiled and there is no C compiler: install gcc, "
            "or a package of pyvs that was built with it"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, product.file)
        command = [
            compiler,
            *FLAGS,
            *product.options,
            "-o",
            str(made),
            *_sources(product),
            *product.libraries,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise PyvsError(f"{product.file} could not be compiled: {done.stderr.strip()[-2000:]}")
        made.chmod(0o755)
        made.replace(target)


def _sources(product: Product) -> list[str]:
    return [str(path) for pattern in product.sources for path in sorted(HERE.glob(pattern))]


def _fingerprint(product: Product) -> str:
    """A name that changes with the sources."""
    digest = hashlib.sha256(repr((product, FLAGS)).encode())
    headers = [str(path) for path in sorted(HERE.glob("*/*.h"))]
    for path in _sources(product) + headers:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base, "pyvs")
    home = Path.home()
    if home.is_dir() and os.access(home, os.W_OK):
        return home / ".cache" / "pyvs"
    return Path(tempfile.gettempdir(), f"pyvs-{os.geteuid()}")
