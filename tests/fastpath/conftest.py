from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.fastpath.network import Network, may_load

from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath, Mode


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if not may_load():
        pytest.skip("programs can be loaded by root only")
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def load(network: Network) -> Iterator[Callable[[Mode], FastPath]]:
    """The programs, loaded once, their maps emptied each time."""
    loaded: dict[Mode, FastPath] = {}

    def get(mode: Mode) -> FastPath:
        try:
            if mode not in loaded:
                loaded[mode] = FastPath.open(mode, connections=1 << 10)
        except FastPathUnavailable as why:
            pytest.skip(str(why))
        fast = loaded[mode]
        fast.clear(64)
        fast.renew_hops()
        fast.configure(redirect_load=0)  # there is one device, and every reply would be worth a redirect
        fast.set_device(network.ifindex, network.mac)
        return fast

    yield get
    for fast in loaded.values():
        fast.close()
