from pathlib import Path

import pytest

from pyvs.fastpath import build
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.objects import LoadedObject


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    odd = tmp_path / "odd.o"
    odd.write_bytes(b"no program")
    with pytest.raises(FastPathUnavailable, match=r"odd\.o can't be read"):
        LoadedObject(odd)


@pytest.mark.root
def test_maps_are_shared(fast: FastPath) -> None:
    shared = {name: fd for name, fd in fast.loaded.maps.items() if name != "rodata"}
    other = LoadedObject(build.program("pyvs_xdp"), shared=shared)
    try:
        fast.configure(drop_rate=77)
        assert other.program("pyvs_xdp") > 0
        with pytest.raises(KeyError, match="nothing"):
            other.program("nothing")
        with pytest.raises(OSError, match="No such file"):
            other.handle_of("nothing")
        assert fast.settings.at(0)["drop_rate"] == 77
    finally:
        fast.configure(drop_rate=0)
        other.close()
