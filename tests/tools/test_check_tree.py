"""The check of the tree finds what it is there for."""

import importlib.util
import sys
from pathlib import Path, PurePosixPath

import pytest

HERE = Path(__file__).resolve().parents[2] / "tools" / "check_tree.py"
SPEC = importlib.util.spec_from_file_location("check_tree", HERE)
assert SPEC is not None
assert SPEC.loader is not None
check_tree = importlib.util.module_from_spec(SPEC)
sys.modules["check_tree"] = check_tree
SPEC.loader.exec_module(check_tree)


def plant(root: Path, **texts: str) -> list[PurePosixPath]:
    """Files in a tree; a name's double underscores are slashes, and its suffix is .py."""
    files = []
    for name, text in texts.items():
        file = PurePosixPath(name.replace("__", "/") + ".py")
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files.append(file)
    return files


CODE = "def find() -> int:\n    return 1\n"


def test_long_files_are_found(tmp_path: Path) -> None:
    files = plant(tmp_path, src__pyvs__short="x = 1\n" * 400, src__pyvs__long="x = 1\n" * 401)
    assert [line.split(":")[0] for line in check_tree.check_lengths(files, tmp_path)] == ["src/pyvs/long.py"]


def test_an_excuse_holds_and_is_dropped_when_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_tree, "EXCUSED", {"long.py": "a table", "short.py": "a table"})
    files = plant(tmp_path, short="x = 1\n", long="x = 1\n" * 401)
    assert [line.split(":")[0] for line in check_tree.check_lengths(files, tmp_path)] == ["short.py"]


@pytest.mark.parametrize("name", ["src/pyvs/utils.py", "src/pyvs/common/x.py", "tests/unit/test_helpers.py"])
def test_names_that_say_nothing_are_found(name: str) -> None:
    assert len(list(check_tree.check_names([PurePosixPath(name)]))) == 1


def test_names_that_say_something_pass() -> None:
    assert list(check_tree.check_names([PurePosixPath("src/pyvs/core/timers.py")])) == []


def test_a_source_wants_its_test(tmp_path: Path) -> None:
    alone = plant(tmp_path, src__pyvs__a__b=CODE)
    assert list(check_tree.check_mirror(alone, tmp_path)) == [
        "src/pyvs/a/b.py: no unit test mirrors it: tests/unit/a/test_b.py is missing"
    ]
    assert (
        list(check_tree.check_mirror([*alone, *plant(tmp_path, tests__unit__a__test_b="")], tmp_path)) == []
    )


def test_a_test_nearby_that_imports_the_source_will_do(tmp_path: Path) -> None:
    files = plant(tmp_path, src__pyvs__a__b=CODE, tests__unit__a__test_all="from pyvs.a.b import find\n")
    assert list(check_tree.check_mirror(files, tmp_path)) == []
    files = plant(tmp_path, src__pyvs__a__b=CODE, tests__unit__a__test_all="from pyvs.a.c import find\n")
    assert len(list(check_tree.check_mirror(files, tmp_path))) == 1


def test_names_alone_want_no_test(tmp_path: Path) -> None:
    files = plant(tmp_path, src__pyvs__flags="class Flag:\n    ONE = 1\n")
    assert list(check_tree.check_mirror(files, tmp_path)) == []


def test_a_test_without_a_source_is_found(tmp_path: Path) -> None:
    files = plant(tmp_path, tests__unit__gone__test_b="")
    assert [line.split(":")[0] for line in check_tree.check_mirror(files, tmp_path)] == [
        "tests/unit/gone/test_b.py"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import time\n",
        "from os import path\n",
        "def f():\n    import socket\n",
        "import concurrent.futures\n",
        "import click\n",
        "from pyvs.daemon import loop\n",
        "from pyvs import daemon\n",
        "def f():\n    return open('file')\n",
    ],
)
def test_a_core_that_reaches_out_is_found(text: str, tmp_path: Path) -> None:
    files = plant(tmp_path, src__pyvs__core__x=text)
    assert len(list(check_tree.check_purity(files, tmp_path))) == 1


def test_a_pure_core_passes(tmp_path: Path) -> None:
    text = "import heapq\nfrom struct import Struct\nfrom pyvs.core import flags\nfrom pyvs.core.flags import Hook\n"
    assert list(check_tree.check_purity(plant(tmp_path, src__pyvs__core__x=text), tmp_path)) == []


def test_other_rooms_may_reach_out(tmp_path: Path) -> None:
    assert (
        list(check_tree.check_purity(plant(tmp_path, src__pyvs__daemon__x="import time\n"), tmp_path)) == []
    )
