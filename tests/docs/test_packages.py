"""What package docstrings say stands in a package stands there, and they leave no room out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "pyvs"
PACKAGES = sorted(file.parent for file in ROOT.rglob("__init__.py"))
FIRST_COLUMN = re.compile(r"^(?: *\d+ +)?(\S.*?)(?:  +|$)", re.MULTILINE)


def docstring(package: Path) -> str:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    assert text, f"{package} says nothing of itself"
    return text


def listed(text: str) -> list[str]:
    """Files and folders in the first column of a list."""
    words = [word for entry in FIRST_COLUMN.findall(text) for word in entry.split(", ")]
    return [word for word in words if re.fullmatch(r"[\w/]+\.py|[\w/]+/", word)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT.parent)))
def test_what_is_listed_is_there(package: Path) -> None:
    names = listed(docstring(package))
    assert [name for name in names if not any(package.glob(name.replace(".py", "*")))] == []


@pytest.mark.parametrize("package", [ROOT, ROOT / "core"], ids=["pyvs", "core"])
def test_no_room_is_left_out(package: Path) -> None:
    text = docstring(package)
    rooms = {file.parent.name for file in package.glob("*/__init__.py")}
    rooms |= {file.stem for file in package.glob("*.py")} - {"__init__"}
    missing = sorted(room for room in rooms if not re.search(rf"\b{room}\b", text))
    assert missing == [], f"say in the docstring of {package.name} what these are for"


def test_lists_are_found() -> None:
    assert listed("Doc.\n\na.py, b/   what\n    2  c.py     more\nplain words\n") == ["a.py", "b/", "c.py"]
