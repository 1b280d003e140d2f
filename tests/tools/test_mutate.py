"""The driver changes what it says it changes, one place at a time."""

import ast

import pytest
from tools.mutate import mutants


def changes(source: str) -> set[str]:
    return {ast.unparse(tree) for _, _, tree in mutants(ast.parse(source))}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = a + 1", {"x = a - 1", "x = a + 2"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = +a"}),
        ("x = True", {"x = False"}),
        ("ROW = (ES, CL)", {"ROW = (CL, CL)", "ROW = (ES, ES)"}),
        ("x: int | None = y", set()),
        ("if a:\n    b()", {"if True:\n    b()", "if False:\n    b()", "if a:\n    pass"}),
        ("def f(x: A | B) -> A | None:\n    return x", {"def f(x: A | B) -> A | None:\n    return None"}),
        ('"""Words."""', set()),
    ],
)
def test_each_change(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


def test_the_tree_itself_stays_as_it_is() -> None:
    tree = ast.parse("if a < 1:\n    b = 2")
    before = ast.dump(tree)
    assert len(list(mutants(tree))) == 6
    assert ast.dump(tree) == before
