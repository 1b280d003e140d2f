import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.play.shell import syntax
from pyvs.play.shell.parser import SyntaxFault, parse
from pyvs.play.shell.syntax import AndOr, Pipeline, Sequence, Simple, Text


def simple(*words: str) -> Simple:
    return Simple(words=tuple((Text(word),) for word in words))


def test_lists_pipes_and_joints() -> None:
    assert parse("a b | c; d && e || f") == Sequence(
        (
            Pipeline((simple("a", "b"), simple("c"))),
            AndOr(simple("d"), (("&&", simple("e")), ("||", simple("f")))),
        )
    )
    assert parse("") == parse(" # a comment") == Sequence()
    assert parse("a;\n\nb;") == Sequence((simple("a"), simple("b")))
    assert parse("! a") == Pipeline((simple("a"),), True)


def test_quotes() -> None:
    (word,) = parse("""a'b c'"d \\" $e"\\ f""").words  # type: ignore[union-attr]
    assert word[0] == Text("a")
    assert word[1] == Text("b c", True)
    assert syntax.Variable("e", "", True) in word
    assert word[-2:] == (Text(" ", True), Text("f"))


def test_redirections() -> None:
    command = parse("a >out 2>&1 <in >>more 2>/dev/null")
    assert isinstance(command, Simple)
    assert [(r.descriptor, r.operator, r.target[0].text) for r in command.redirects] == [  # type: ignore[union-attr]
        (1, ">", "out"),
        (2, ">&", "1"),
        (0, "<", "in"),
        (1, ">>", "more"),
        (2, ">", "/dev/null"),
    ]


def test_compounds() -> None:
    assert isinstance(parse("for i in 1 2; do a; done"), syntax.For)
    assert isinstance(parse("while a; do b; done"), syntax.While)
    assert isinstance(parse("if a; then b; elif c; then d; else e; fi"), syntax.If)
    assert isinstance(parse("(a; b) > f"), syntax.Group)
    assert isinstance(parse("{ a; b; }"), syntax.Group)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a 'b", "single quote"),
        ('a "b', "double quote"),
        ("a `b", "back quote"),
        ("a $(b", "'\\)' is expected"),
        ("a $((1 + 2)", "'\\)\\)' is expected"),
        ("a |", "command is expected"),
        ("a &", "background"),
        ("for i in 1 2", "'do' is expected"),
        ("if a; then b", "'fi' is expected"),
        ("a )", "not expected"),
        ("cat <<END\nabc", "does not end with 'END'"),
        ("a >", "word is expected"),
    ],
)
def test_mistakes_are_named(line: str, what: str) -> None:
    with pytest.raises(SyntaxFault, match=what):
        parse(line)


@given(st.text(alphabet="ab '\"\\$(){};|&<>\n#=`!12", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SyntaxFault):
        parse(text)
