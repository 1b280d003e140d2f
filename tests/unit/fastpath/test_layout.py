import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.fastpath import build
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.layout import CONN4, CONN6, DEST, HOP, KEY4, KEY6, LAYOUTS, SETTINGS
from pyvs.fastpath.structure import Field, Layout


@pytest.fixture(scope="module")
def types() -> list[dict[str, Any]]:
    """The type information of the program for tc, as bpftool reads it."""
    if shutil.which("bpftool") is None:
        pytest.skip("bpftool is not here to read type information")
    try:
        path = build.program("pyvs_tc")
    except FastPathUnavailable as why:
        pytest.skip(str(why))
    said = subprocess.run(
        ["bpftool", "-j", "btf", "dump", "file", str(path)], capture_output=True, check=True
    ).stdout
    return list(json.loads(said)["types"])


USED = [
    layout
    for layout in LAYOUTS
    if layout.name not in {"conn", "owner", "change", "template_change", "report", "claim", "given"}
]


@pytest.mark.parametrize("layout", USED, ids=[layout.name for layout in USED])
def test_compiled_structures_are_as_the_table_says(layout: Layout, types: list[dict[str, Any]]) -> None:
    (found,) = [one for one in types if one["kind"] == "STRUCT" and one["name"] == layout.name]
    assert found["size"] == layout.size
    offsets = {member["name"]: member["bits_offset"] // 8 for member in found["members"]}
    for field in layout.fields:
        if isinstance(field, Layout):
            assert offsets[field.name] == layout.offset(f"{field.name}_{field.leaves[0].name}")
        else:
            assert offsets[field.name] == layout.offset(field.name)


def test_an_entry_is_two_lines_of_the_cache() -> None:
    kernel_part = 48
    assert (kernel_part + KEY4.size + CONN4.size) == 128
    assert CONN6.size % 4 == 0
    assert KEY6.size == 40


def test_packs_what_it_unpacks() -> None:
    values = SETTINGS.unpack(SETTINGS.pack(now=7, timeouts=(1, 2, 3), reuse_mode=2))
    assert (values["now"], values["timeouts"], values["reuse_mode"]) == (7, (1, 2, 3, *[0] * 9), 2)
    assert SETTINGS.pack(**values) == SETTINGS.pack(now=7, timeouts=(1, 2, 3), reuse_mode=2)


@given(st.binary(min_size=DEST.size, max_size=DEST.size))
def test_any_bytes_come_back(data: bytes) -> None:
    assert DEST.pack(**DEST.unpack(data)) == data


def test_a_field_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="dest has no field colour"):
        DEST.pack(colour=1)
    with pytest.raises(KeyError, match="hop has no field colour"):
        HOP.offset("colour")


def test_layouts_are_members_of_others() -> None:
    inner = Layout("inner", Field("a", "u16"), Field("b", "be16"))
    outer = Layout("outer", Field("x", "u32"), inner)
    assert outer.names == ("x", "inner_a", "inner_b")
    assert outer.offset("inner_b") == 6
    assert outer.c_text() == "struct outer {\n    __u32 x;\n    struct inner inner;\n};"
