"""What holds for all tests: who may run, where, and how long hypothesis may take.

`--hypothesis-profile=long` looks thirty times as long.
"""

import os

import pytest
from hypothesis import Phase, settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=3000)
settings.register_profile(
    "mutants", deadline=None, derandomize=True, max_examples=50, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need root are skipped without it; those that move packets run one after the other."""
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(
                pytest.mark.skip(reason="needs root: run as root, or by `unshare -Urnm --map-root-user`")
            )
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group("live"))
