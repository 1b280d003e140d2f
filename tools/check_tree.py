"""What the tree must hold: short files, mirrored tests, names that mean something, a pure core.

    python tools/check_tree.py

prints a line a finding and ends with status 1 when there is one.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

MOST_LINES: Final = 400
EXCUSED: Final[dict[str, str]] = {}
"""Files that may be longer, and why."""

FORBIDDEN_NAMES: Final = frozenset(
    {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
)

IMPURE: Final = frozenset(
    [
        "asyncio",
        "ctypes",
        "fcntl",
        "glob",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "resource",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "_thread",
        "concurrent",
        "queue",
        "datetime",
        "uuid",
        "urllib",
        "http",
        "sched",
        "syslog",
    ]
)
"""Modules of the standard library that a core of bytes and handed-in time has no business with."""

IMPURE_CALLS: Final = frozenset({"open", "print", "input", "exec", "eval", "breakpoint", "__import__"})

UNTESTED: Final = frozenset({"__init__.py", "__main__.py"})
"""Files that need no mirrored test: a register or a door, tested with what stands behind it."""


def tracked() -> list[PurePosixPath]:
    """Files of the tree as git sees them, new ones included, ignored ones not."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = sorted(set(filter(None, listing.split("\0"))))
    return [PurePosixPath(name) for name in names if (ROOT / name).is_file()]


def check_lengths(files: Iterable[PurePosixPath], root: Path = ROOT) -> Iterator[str]:
    """Python, shell and C files longer than a reader's patience; excuses that are no longer needed."""
    long = set()
    for file in files:
        if file.suffix not in {".py", ".sh", ".c", ".h"}:
            continue
        lines = len((root / file).read_bytes().splitlines())
        if lines > MOST_LINES:
            long.add(str(file))
            if str(file) not in EXCUSED:
                yield f"{file}: {lines} lines, at most {MOST_LINES} are wanted: make it a folder of the same name"
    for name in sorted(EXCUSED.keys() - long):
        yield f"{name}: excused for its length in tools/check_tree.py, but it is short: drop the excuse"


def check_names(files: Iterable[PurePosixPath]) -> Iterator[str]:
    """Files and folders whose name says nothing."""
    for file in files:
        for part in (*file.parts[:-1], file.stem):
            bare = part.removeprefix("test_")
            if bare in FORBIDDEN_NAMES:
                yield f"{file}: the name {part} says nothing: name it by its subject"


def check_mirror(files: Iterable[PurePosixPath], root: Path = ROOT) -> Iterator[str]:
    """Sources without a unit test, and unit tests without a source.

    `src/pyvs/a/b.py` is mirrored by `tests/unit/a/test_b.py`, by a folder `tests/unit/a/b/`, or by any test in
    `tests/unit/a/` that imports it by name. A module of names alone (no function, no method) needs none.
    A test's folder must mirror a folder or a file of the source, or a folder of the tree such as `examples`.
    """
    known = set(files)
    folders = {parent for file in known for parent in file.parents}
    tests = [file for file in sorted(known) if file.parts[:2] == ("tests", "unit") and file.suffix == ".py"]
    imported: dict[PurePosixPath, set[str]] = {}
    for file in tests:
        names = imported.setdefault(file.parent, set())
        for node in ast.walk(ast.parse((root / file).read_bytes())):
            names.update(_imports(node))
            if isinstance(node, ast.ImportFrom):
                names.update(f"{node.module}.{name.name}" for name in node.names)
    for file in sorted(known):
        if file.suffix != ".py" or file.parts[:2] != ("src", "pyvs") or file.name in UNTESTED:
            continue
        mirror = PurePosixPath("tests/unit", *file.parts[2:-1])
        module = ".".join(("pyvs", *file.parts[2:-1], file.stem))
        here = mirror / f"test_{file.stem}.py" in known or mirror / file.stem in folders
        if not here and module not in imported.get(mirror, ()) and _has_code(root / file):
            yield f"{file}: no unit test mirrors it: {mirror}/test_{file.stem}.py is missing"
    for file in tests:
        source = PurePosixPath("src/pyvs", *file.parts[2:-1])
        if {source, PurePosixPath(*file.parts[2:-1])}.isdisjoint(folders) and source.with_suffix(
            ".py"
        ) not in known:
            yield f"{file}: mirrors nothing: there is no {source}"


def _has_code(path: Path) -> bool:
    tree = ast.parse(path.read_bytes())
    protocols = {
        id(item)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(_name(base) == "Protocol" for base in node.bases)
        for item in ast.walk(node)
    }
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) and id(node) not in protocols for node in ast.walk(tree))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def check_purity(files: Iterable[PurePosixPath], root: Path = ROOT) -> Iterator[str]:
    """Imports and calls in the core that reach out of it."""
    for file in files:
        if file.suffix != ".py" or file.parts[:3] != ("src", "pyvs", "core"):
            continue
        for node in ast.walk(ast.parse((root / file).read_bytes())):
            where = f"{file}:{getattr(node, 'lineno', 0)}"
            for module in _imports(node):
                top = module.split(".")[0]
                if top in IMPURE:
                    yield f"{where}: the core imports {module}: it must be handed in"
                elif top == "pyvs" and not f"{module}.".startswith("pyvs.core."):
                    yield f"{where}: the core imports {module}: it stands above the core"
                elif top not in sys.stdlib_module_names | {"pyvs"}:
                    yield f"{where}: the core imports {module}: only the standard library is allowed"
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in IMPURE_CALLS
            ):
                yield f"{where}: the core calls {node.func.id}()"


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module != "pyvs":
        return [node.module or ""]
    if isinstance(node, ast.ImportFrom) and node.module == "pyvs":
        return [f"pyvs.{name.name}" for name in node.names if name.name != "__version__"]
    return []


def findings() -> Iterator[str]:
    """All there is to say about the tree."""
    files = tracked()
    yield from check_lengths(files)
    yield from check_names(files)
    yield from check_mirror(files)
    yield from check_purity(files)


def main() -> int:
    """Print the findings; 1 if there are any."""
    found = list(findings())
    for finding in found:
        print(finding)
    print(f"check_tree: {len(found)} findings" if found else "check_tree: the tree is in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
