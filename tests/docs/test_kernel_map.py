"""docs/kernel-map.md names everything that the papers show, and nothing that isn't there."""

import ast
import json
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kernel-map.md"
NAMES = json.loads((ROOT / "tests" / "vectors" / "kernel_names.json").read_text())
LINK = re.compile(r"\[`([^`\]]+\.py|[^`\]]+):([\w.]+)`\]\((?:\.\./)+src/pyvs/([^)]+)\)")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*)\|$", re.MULTILINE)


def parts() -> tuple[str, dict[str, str]]:
    """The text of the functions, and of each structure."""
    functions, structures = PAGE.read_text().split("\n## Structures\n")
    found = re.split(r"^### `struct (\w+)`", structures, flags=re.MULTILINE)[1:]
    return functions, dict(zip(found[::2], found[1::2], strict=True))


def rows(text: str) -> list[str]:
    return [name for name, _, _ in ROW.findall(text)]


def test_every_function_has_one_row() -> None:
    assert sorted(rows(parts()[0])) == sorted(NAMES["functions"])


def test_every_structure_has_its_part() -> None:
    assert sorted(parts()[1]) == sorted(NAMES["structures"])


def test_every_field_has_one_row() -> None:
    found = {name: sorted(rows(text)) for name, text in parts()[1].items()}
    assert found == {name: sorted(fields) for name, fields in NAMES["structures"].items()}


def test_a_row_names_ours_or_says_why_there_is_none() -> None:
    for name, ours, why in ROW.findall(PAGE.read_text()):
        assert LINK.search(ours) or (ours == "*nothing*" and why.strip()), name


@cache
def names_in(path: str) -> frozenset[str]:
    """What a module defines: `name`, `Class`, and `Class.name` with the attributes that its instances have."""
    found: set[str] = set()
    for node in ast.parse((ROOT / "src" / "pyvs" / path).read_text()).body:
        found.update(_names(node, ""))
    return frozenset(found)


def _names(node: ast.AST, prefix: str) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        attributes = {
            f"{prefix}{target.attr}"
            for inner in ast.walk(node)
            for target in _targets(inner)
            if prefix
            and isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        }
        return {prefix + node.name} | attributes
    if isinstance(node, ast.ClassDef):
        inside = {name for child in node.body for name in _names(child, f"{prefix}{node.name}.")}
        return {prefix + node.name} | inside
    return {prefix + target.id for target in _targets(node) if isinstance(target, ast.Name)}


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def test_each_of_our_names_exists() -> None:
    links = LINK.findall(PAGE.read_text())
    assert len(links) > 200
    missing = [f"{path}:{name}" for _, name, path in links if name not in names_in(path)]
    assert not missing


def test_a_link_leads_where_it_says() -> None:
    for said, _, path in LINK.findall(PAGE.read_text()):
        assert said in (path, path.removesuffix("/__init__.py"))


def test_a_name_that_is_gone_would_be_noticed() -> None:
    assert "out_route" in names_in("core/transmit/route.py")
    assert "Namespace.trash" in names_in("core/namespace.py")
    assert "Namespace.rubbish" not in names_in("core/namespace.py")
