"""Where the compiled parts come from, and that what they export is what they are to replace."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from pyvs.core.errors import PyvsError
from pyvs.exec import build
from pyvs.exec.build import PRODUCTS, SHIM, SUPERVISOR, Product, compile_to, path_of

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@needs_compiler
@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.file)
def test_it_compiles_without_a_warning(product: Product, tmp_path: Path) -> None:
    strict = product._replace(options=(*product.options, "-Werror"))
    target = tmp_path / product.file
    compile_to(strict, target)
    assert target.stat().st_mode & stat.S_IXUSR
    assert [path.name for path in tmp_path.iterdir()] == [product.file]


@needs_compiler
def test_it_is_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (build.HERE / SHIM.file).exists():
        pytest.skip("the package was built with it")
    first = path_of(SHIM)
    assert first.is_relative_to(cache / "pyvs")
    monkeypatch.setattr(build, "COMPILERS", ())
    assert path_of(SHIM) == first


@needs_compiler
def test_only_hooks_are_seen_from_outside(tmp_path: Path) -> None:
    target = tmp_path / SHIM.file
    compile_to(SHIM, target)
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(target)], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in listed.stdout.splitlines() if " T " in line}
    assert {"socket", "sendmsg", "recvmsg", "open64", "fopen", "setsockopt", "epoll_ctl", "close"} <= names
    assert not {name for name in names if name.startswith(("director_", "descriptor_", "place_"))}


def test_without_a_compiler_the_remedy_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "HERE", cache)
    monkeypatch.setattr(build, "COMPILERS", ())
    with pytest.raises(PyvsError, match="install gcc"):
        path_of(SUPERVISOR)


@needs_compiler
def test_the_compilers_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.c").write_text("this is not C\n")
    monkeypatch.setattr(build, "HERE", tmp_path)
    with pytest.raises(PyvsError, match=r"broken could not be compiled: .*broken\.c"):
        compile_to(Product("broken", ("*.c",), (), ()), tmp_path / "folder" / "broken")
    assert os.listdir(tmp_path / "folder") == []
