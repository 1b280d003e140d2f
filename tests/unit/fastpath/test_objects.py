import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyvs.fastpath import build, objects
from pyvs.fastpath.answers import Answers
from pyvs.fastpath.change import Changes
from pyvs.fastpath.errors import NEEDS_ROOT, FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.libbpf import call
from pyvs.fastpath.maps import VERDICT
from pyvs.fastpath.objects import LoadedObject
from pyvs.fastpath.sweep import Sweeper
from pyvs.fastpath.sweep_by_key import KeySweeper


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    odd = tmp_path / "odd.o"
    odd.write_bytes(b"no program")
    with pytest.raises(FastPathUnavailable, match=r"odd\.o can't be read"):
        LoadedObject(odd)


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (errno.EPERM, "Couldn't load trivial BPF program. And so on.", f"^{NEEDS_ROOT}, of the host "),
        (errno.EPERM, f"{VERDICT}R1 is odd", "does not take pyvs_xdp.o: .*; the verifier says: R1 is odd$"),
        (errno.E2BIG, "too much", "does not take pyvs_xdp.o: Argument list too long; too much$"),
    ],
)
def test_what_the_kernel_refuses_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str, told: str
) -> None:
    def refuse(name: str, *arguments: object) -> int:
        if name == "bpf_object__load":
            raise OSError(number, os.strerror(number))
        return call(name, *arguments)

    monkeypatch.setattr(objects, "call", refuse)
    monkeypatch.setattr(objects, "said", lambda: words)
    with pytest.raises(FastPathUnavailable, match=told):
        LoadedObject(build.program("pyvs_xdp"))


@pytest.mark.root
def test_maps_are_shared(fast: FastPath) -> None:
    other = LoadedObject(build.program("pyvs_xdp"), shared=fast.loaded.maps)
    try:
        fast.configure(drop_rate=77)
        assert other.program("pyvs_xdp") > 0
        for ask in (other.program, other.handle_of):
            with pytest.raises(
                FastPathUnavailable, match=r"pyvs_xdp\.o is not this .*: it has no program nothing"
            ):
                ask("nothing")
        with pytest.raises(FastPathUnavailable, match=r"it has no map nothing"):
            other.maps["nothing"]
        assert "nothing" not in other.maps
        assert fast.settings.at(0)["drop_rate"] == 77
    finally:
        fast.configure(drop_rate=0)
        other.close()


def identity(descriptor: int) -> str:
    """What the kernel knows a map by."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
    return next(line for line in lines if line.startswith("map_id:"))


@pytest.mark.root
@pytest.mark.parametrize("name", ["pyvs_sweep", "pyvs_end", "pyvs_change", "pyvs_answer"])
def test_what_shares_maps_takes_no_memory_for_any_of_them(fast: FastPath, name: str) -> None:
    other = LoadedObject(build.program(name), shared=fast.loaded.maps)
    try:
        own = {
            name
            for name, descriptor in other.maps.items()
            if name not in fast.loaded.maps or identity(descriptor) != identity(fast.loaded.maps[name])
        }
        assert own <= {"rodata", "owners"}
        assert "conns4" in other.maps
    finally:
        other.close()


@pytest.mark.root
@pytest.mark.parametrize(
    ("use", "missing"),
    [
        (lambda fast: FastPath.open("xdp", connections=64), "program pyvs_xdp"),
        (lambda fast: Changes(fast.loaded, None), "program pyvs_change"),
        (lambda fast: Sweeper(fast.loaded.maps), "program sweep4"),
        (lambda fast: KeySweeper(fast.loaded.maps, fast.jiffies), "program pyvs_end"),
        (lambda fast: Answers(fast.loaded, Path("/nowhere")), "program pyvs_answer"),
    ],
)
def test_an_object_file_of_something_else_is_told_in_a_sentence(
    fast: FastPath, monkeypatch: pytest.MonkeyPatch, use: Callable[[FastPath], object], missing: str
) -> None:
    closed: list[LoadedObject] = []
    close = LoadedObject.close

    def note(loaded: LoadedObject) -> None:
        closed.append(loaded)
        close(loaded)

    real = build.program("pyvs_repeat")
    monkeypatch.setattr(build, "program", lambda name: real)
    monkeypatch.setattr(LoadedObject, "close", note)
    with pytest.raises(FastPathUnavailable, match=rf"pyvs_repeat\.o .*it has no {missing}"):
        use(fast)
    assert [loaded.path for loaded in closed] == [real], "nothing of it stays in the kernel"
