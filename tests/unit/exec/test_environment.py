from pathlib import Path

from pyvs.exec.environment import preloaded

SHIM = Path("/usr/lib/pyvs-shim.so")


def test_the_shim_comes_before_what_is_preloaded_already() -> None:
    assert preloaded({"A": "b"}, SHIM) == {"A": "b", "LD_PRELOAD": str(SHIM)}
    assert preloaded({"LD_PRELOAD": "one.so two.so:three.so"}, SHIM)["LD_PRELOAD"] == (
        f"{SHIM}:one.so:two.so:three.so"
    )


def test_it_is_there_once() -> None:
    once = preloaded({"LD_PRELOAD": "one.so"}, SHIM)
    assert preloaded(once, SHIM) == once


def test_a_socket_is_handed_on() -> None:
    assert preloaded({}, SHIM, "@name")["PYVS_SOCKET"] == "@name"
    assert preloaded({"PYVS_SOCKET": "/a"}, SHIM)["PYVS_SOCKET"] == "/a"
