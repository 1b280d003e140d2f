"""Mutation testing: change the source in one place at a time, and see whether a test notices.

    python tools/mutate.py                        all rooms of the table below
    python tools/mutate.py src/pyvs/core/timers.py tests/unit/core/test_timers.py ...

Changes: numbers, comparisons, arithmetic, booleans, `and` and `or`, `not`, names of a table's cells, `return`s that
give nothing, statements that are left out. Each mutant is tried in a process forked from one that has pytest
imported and nothing of the project. Survivors are printed with their lines; the status is 1 when there are some.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import setitem
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
CORE: Final = "src/pyvs/core"
UNIT: Final = "tests/unit/core"

ROOMS: Final[dict[str, tuple[str, ...]]] = {
    f"{CORE}/protocols/tcp_states.py": (f"{UNIT}/protocols/test_tcp_states.py",),
    f"{CORE}/packet/checksum.py": (f"{UNIT}/packet/test_checksum.py",),
    f"{CORE}/timers.py": (f"{UNIT}/test_timers.py",),
    f"{CORE}/connections/table.py": (f"{UNIT}/connections/test_table.py",),
    f"{CORE}/connections/binding.py": (f"{UNIT}/connections/test_binding.py",),
    f"{CORE}/connections/expiry.py": (f"{UNIT}/connections/test_expiry.py",),
    **{
        f"{CORE}/schedulers/{name}.py": tuple(
            f"{UNIT}/schedulers/test_{test}.py" for test in (name, "models", "recorded_order")
        )
        for name in (
            "cache", "dh", "fo", "hashing", "lblc", "lblcr", "lc", "load", "mh", "nq", "ovf", "rr", "scheduler", "sed",
            "sh", "twos", "wlc", "wrr",
        )
    },
}  # fmt: skip
"""Source, and the tests that are to notice."""

SECONDS: Final = 60
"""A mutant that takes longer has been noticed."""

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Line, what was changed, and the tree with the change."""
    places = _places(tree)
    for number, node in enumerate(places):
        for what in range(len(_changes(node))):
            clone = copy.deepcopy(tree)
            twin = _places(clone)[number]
            text, change = _changes(twin)[what]
            change()
            yield getattr(node, "lineno", 0), text, ast.fix_missing_locations(clone)


def _places(tree: ast.Module) -> list[ast.AST]:
    """Where something can be changed that matters when it runs: not in annotations and what they import."""
    said = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
    said += [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    idle = {id(part) for node in said if node is not None for part in ast.walk(node)}
    return [node for node in ast.walk(tree) if id(node) not in idle and not _is_idle(node)]


def _is_idle(node: ast.AST) -> bool:
    return not isinstance(node, ast.Compare | ast.BinOp | ast.AugAssign | ast.BoolOp | ast.UnaryOp | ast.Constant
                          | ast.Tuple | ast.Return | ast.If | ast.While | ast.FunctionDef)  # fmt: skip


def _changes(node: ast.AST) -> list[tuple[str, Callable[[], object]]]:
    """What can be changed in a node, and how."""
    found: list[tuple[str, Callable[[], object]]] = []
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            other = COMPARISONS[type(operator)]
            text = f"{type(operator).__name__} becomes {other.__name__}"
            found.append((text, partial(setitem, node.ops, at, other())))
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        swapped = OPERATORS[type(node.op)]
        text = f"{type(node.op).__name__} becomes {swapped.__name__}"
        found.append((text, partial(setattr, node, "op", swapped())))
    elif isinstance(node, ast.BoolOp):
        joined = ast.Or if isinstance(node.op, ast.And) else ast.And
        found.append((f"becomes {joined.__name__}", partial(setattr, node, "op", joined())))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        found.append((f"without {type(node.op).__name__}", partial(setattr, node, "op", ast.UAdd())))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        found.append(
            (f"{node.value} becomes {not node.value}", partial(setattr, node, "value", not node.value))
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        more: float = node.value + 1
        found.append((f"{node.value} becomes {more}", partial(setattr, node, "value", more)))
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        for at, cell in enumerate(node.elts):
            if isinstance(cell, ast.Name) and cell.id.isupper() and len(cell.id) == 2:
                other_name = "ES" if cell.id != "ES" else "CL"
                text = f"cell {at}: {cell.id} becomes {other_name}"
                found.append((text, partial(setattr, cell, "id", other_name)))
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        found.append(("returns None", partial(setattr, node, "value", ast.Constant(None))))
    elif isinstance(node, ast.If | ast.While):
        for value in (True, False) if isinstance(node, ast.If) else (False,):
            text = f"condition becomes {value}"
            found.append((text, partial(setattr, node, "test", ast.Constant(value))))
    if isinstance(node, ast.If | ast.While | ast.FunctionDef):
        for at, statement in enumerate(node.body):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr) and not _is_text(statement):
                text = f"without line {statement.lineno}"
                found.append((text, partial(setitem, node.body, at, ast.Pass())))
    return found


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutated code in the place of one module."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, fullname: str, *_rest: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


def noticed(source: Path, tree: ast.Module, tests: Sequence[str]) -> bool:
    """Whether the tests fail with this tree in the place of the source."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        status = 1
        with contextlib.suppress(BaseException):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            name = ".".join(source.relative_to(ROOT / "src").with_suffix("").parts)
            sys.meta_path.insert(0, _Loader(name, source, tree))
            options = [
                "-x",
                "-q",
                "--no-header",
                "-p",
                "no:randomly",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
            ]
            status = int(pytest.main([*options, "--hypothesis-profile=mutants", *tests]))
        os._exit(status)
    _, state = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(state) != 0


def main() -> int:
    """Try the mutants and name the survivors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("paths", nargs="*", help="a source and its tests; all rooms when left out")
    parser.add_argument(
        "--sample", type=int, default=0, help="so many mutants of each file, chosen by chance"
    )
    given = parser.parse_args()
    rooms = {given.paths[0]: tuple(given.paths[1:])} if given.paths else ROOMS
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    survivors = 0
    for source, tests in rooms.items():
        path = ROOT / source
        tree = ast.parse(path.read_text())
        if noticed(path, tree, tests):
            print(f"{source}: its tests fail as it is: mend them first", flush=True)
            return 2
        tries = list(mutants(tree))
        if given.sample and len(tries) > given.sample:
            tries = random.Random(1).sample(tries, given.sample)
        left = 0
        for line, text, mutant in tries:
            if not noticed(path, mutant, tests):
                left += 1
                print(f"    {source}:{line}: {text}", flush=True)
        print(f"{source}: {len(tries)} mutants, {left} survivors", flush=True)
        survivors += left
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
