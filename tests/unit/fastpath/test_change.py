"""What goes to the program that changes destinations, byte for byte; the kernel is a function that keeps it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, cast

import pytest

from pyvs.fastpath import build, change
from pyvs.fastpath.change import SET, SET_HOP, SET_OVER, SET_TIME, SET_TOLD, Changes
from pyvs.fastpath.layout import CHANGE, CLAIM, CONN4, CONN6, GIVEN, KEY4, KEY6, TEMPLATE_CHANGE
from pyvs.fastpath.objects import LoadedObject


class Kernel:
    """Keeps the frames, and answers what it is told to."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.programs: list[int] = []
        self.answer = 0
        self.left = b""
        """The frame as the program leaves it."""
        self.loads: list[dict[str, Any]] = []
        self.closed = 0

    def call(self, name: str, program: int, options: Any) -> int:
        assert name == "bpf_prog_test_run_opts"
        self.programs.append(program)
        given = options._obj
        assert given.sz == ctypes.sizeof(given)
        self.frames.append(ctypes.string_at(given.data_in, given.data_size_in))
        if given.data_out:
            ctypes.memmove(given.data_out, self.left, min(len(self.left), given.data_size_out))
        given.retval = self.answer
        return 0

    def load(self, path: Path, **options: Any) -> Kernel:
        self.loads.append({"path": path, **options})
        return self

    maps = {"owners": 66}  # noqa: RUF012

    def program(self, name: str) -> int:
        return {"pyvs_change": 55, "pyvs_template": 56, "pyvs_claim": 57, "pyvs_give": 58}[name]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(change, "call", kernel.call)
    monkeypatch.setattr(change, "LoadedObject", kernel.load)
    monkeypatch.setattr(build, "program", lambda name: Path(f"{name}.o"))
    return kernel


def made(kernel: Kernel) -> Changes:
    loaded = cast("LoadedObject", type("Loaded", (), {"maps": {"dests": 3, "conns4": 4}})())
    return Changes(loaded, Path("/pins"))


def test_it_shares_the_maps(kernel: Kernel) -> None:
    changes = made(kernel)
    (load,) = kernel.loads
    assert load["shared"] == {"dests": 3, "conns4": 4}
    assert (load["path"], load["pins"]) == (Path("pyvs_change.o"), Path("/pins"))
    assert changes.owners.descriptor == 66
    changes.close()
    assert kernel.closed == 1


def test_templates_are_added_and_nothing_else_is_set(kernel: Kernel) -> None:
    made(kernel).make(9, persistent=-1)
    (frame,) = kernel.frames
    fields = CHANGE.unpack(frame)
    assert len(frame) == CHANGE.size
    assert (fields["number"], fields["set"], fields["persistent"]) == (9, 0, -1)


@pytest.mark.parametrize(("hop", "expected"), [(False, SET), (True, SET | SET_HOP)])
def test_what_an_administrator_says(kernel: Kernel, hop: bool, expected: int) -> None:
    made(kernel).make(3, wanted={"weight": -7, "port": b"\x1f\x90", "hop_mtu": 1400}, hop=hop)
    fields = CHANGE.unpack(kernel.frames[0])
    assert fields["set"] == expected
    assert (fields["dest_weight"], fields["dest_port"], fields["dest_hop_mtu"]) == (-7, b"\x1f\x90", 1400)
    assert fields["persistent"] == 0


def test_hop_alone_sets_nothing(kernel: Kernel) -> None:
    made(kernel).make(3, persistent=1, hop=True)
    assert CHANGE.unpack(kernel.frames[0])["set"] == 0


def test_what_the_program_refuses_is_an_error(kernel: Kernel) -> None:
    kernel.answer = 1
    with pytest.raises(OSError, match="refused destination 4711"):
        made(kernel).make(4711, persistent=1)


def test_a_field_that_is_none_is_not_sent(kernel: Kernel) -> None:
    with pytest.raises(KeyError, match="dest_colour"):
        made(kernel).make(1, wanted={"colour": 1})
    assert kernel.frames == []


def test_a_template_is_told_what_happened(kernel: Kernel) -> None:
    changes = made(kernel)
    assert changes.template(7, engine=2, status=1, time=(100, 200), told=(3, 400, 1))
    assert changes.template(7, over=True)
    kernel.answer = 1
    assert not changes.template(8)
    assert kernel.programs == [56] * 3
    rows = [TEMPLATE_CHANGE.unpack(frame) for frame in kernel.frames]
    names = (
        "number",
        "set",
        "engine",
        "status",
        "seen",
        "timeout",
        "packets",
        "told",
        "told_retries",
    )
    assert [[row[name] for name in names] for row in rows] == [
        [7, SET_TIME | SET_TOLD, 2, 1, 100, 200, 3, 400, 1],
        [7, SET_OVER, 0, 0, 0, 0, 0, 0, 0],
        [8, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(("key", "entry", "six"), [(KEY4, CONN4, 0), (KEY6, CONN6, 1)])
def test_what_is_claimed_comes_as_it_was(kernel: Kernel, key: Any, entry: Any, six: int) -> None:
    changes = made(kernel)
    raw = key.pack(protocol=6, sport=b"\1\2")
    value = bytes(range(entry.size))
    kernel.left = CLAIM.pack(conn=value.ljust(CONN6.size, b"\xff"))
    assert changes.take(raw, 4711) == value
    kernel.answer = 1
    assert changes.take(raw, 4711) is None
    assert kernel.programs == [57, 57]
    fields = CLAIM.unpack(kernel.frames[0])
    assert (fields["six"], fields["claimant"]) == (six, 4711)
    assert fields["key"] == raw.ljust(KEY6.size, b"\0")


@pytest.mark.parametrize(("key", "entry", "six"), [(KEY4, CONN4, 0), (KEY6, CONN6, 1)])
def test_what_is_given_goes_with_both_entries_or_one(kernel: Kernel, key: Any, entry: Any, six: int) -> None:
    changes = made(kernel)
    there, back = ((name * key.size, value * entry.size) for name, value in ((b"k", b"v"), (b"b", b"r")))
    assert changes.give([back, there])
    kernel.answer = 1
    assert not changes.give([there])
    assert kernel.programs == [58] * 2
    pair, single = (GIVEN.unpack(frame) for frame in kernel.frames)
    assert [pair["six"], single["six"]] == [six, six]
    for row, (other_key, other) in ((pair, back), (single, (b"", b""))):
        assert row["key"] == there[0].ljust(KEY6.size, b"\0")
        assert row["conn"] == there[1].ljust(CONN6.size, b"\0")
        assert row["back"] == other_key.ljust(KEY6.size, b"\0")
        assert row["reply"] == other.ljust(CONN6.size, b"\0")
