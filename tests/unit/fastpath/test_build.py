import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from pyvs.fastpath import build
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.objects import LoadedObject


def test_without_clang_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FastPathUnavailable, match="no clang"):
        build.compile_into(tmp_path)


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not here")
def test_what_the_compiler_says_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "odd.bpf.c").write_text("int odd(void) { return nothing; }\n")
    monkeypatch.setattr(build, "SOURCES", sources)
    with pytest.raises(FastPathUnavailable, match=r"can't compile odd\.bpf\.c: .*nothing"):
        build.compile_into(tmp_path / "objects", ("odd",))


@pytest.mark.root
@pytest.mark.skipif(
    shutil.which("clang") is None or os.geteuid() != 0, reason="clang is not here, or no privilege"
)
def test_what_the_verifier_says_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "odd.bpf.c").write_text(
        """#include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        SEC("tc") int odd(struct __sk_buff *skb) { return *(char *)(long)skb->data_end; }
        char _license[] SEC("license") = "GPL";
        """
    )
    monkeypatch.setattr(build, "SOURCES", sources)
    build.compile_into(tmp_path / "objects", ("odd",))
    with pytest.raises(
        FastPathUnavailable, match=r"does not take odd\.o: .*; the verifier says: R\d .*pkt_end"
    ):
        LoadedObject(tmp_path / "objects" / "odd.o")


def test_a_change_of_a_source_makes_it_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    (tmp_path / "a.h").write_text("1")
    before = build.fingerprint()
    assert build.fingerprint() == before
    (tmp_path / "a.h").write_text("2")
    assert build.fingerprint() != before


def test_shipped_programs_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "SHIPPED", tmp_path)
    (tmp_path / "pyvs_tc.o").write_bytes(b"")
    assert build.program("pyvs_tc") == tmp_path / "pyvs_tc.o"


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not here")
def test_only_what_is_asked_for_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first start must not wait for the programs of other kernels."""
    monkeypatch.setattr(build, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = build.program("pyvs_repeat")
    assert sorted(file.name for file in made.parent.iterdir()) == ["pyvs_repeat.o", "pyvs_repeat.sha256"]


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not here")
def test_what_is_no_longer_what_the_compiler_wrote_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = build.program("pyvs_repeat")
    whole = made.read_bytes()
    seal = made.with_suffix(".sha256")
    for spoil in (
        lambda: made.write_bytes(whole[:1000]),
        lambda: made.write_bytes(whole[:-1] + b"?"),
        made.unlink,
        seal.unlink,
        lambda: seal.write_bytes(b"\xff"),
    ):
        spoil()
        assert build.program("pyvs_repeat") == made
        assert len(made.read_bytes()) == len(whole)
        assert seal.read_text() == sha256(made.read_bytes()).hexdigest()
    before = made.stat().st_ino
    assert build.program("pyvs_repeat").stat().st_ino == before, "it is compiled once"
    made.write_bytes(b"")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FastPathUnavailable, match="no clang"):
        build.program("pyvs_repeat")


def test_the_cache_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert build.cache() == Path("/somewhere/pyvs/fastpath")


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(build, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(FastPathUnavailable, match="can't be compiled into"):
        build.program("pyvs_tc")
