"""The warning of ipvsadm 1.31, as it gave it to directors of these versions."""

import pytest

from pyvs.cli.ipvsadm.version import warning
from pyvs.netlink.client import Client

OLD = """\
Warning: IPVS version mismatch:\x20
  Kernel compiled with IPVS version {}
  ipvsadm v1.31  requires minimum IPVS version 1.1.4

"""


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (0x010201, ""),
        (0x010104, ""),
        (0x020000, ""),
        (0x010103, OLD.format("1.1.3")),
        (0x010000, OLD.format("1.0.0")),
        (0x000909, OLD.format("0.9.9")),
    ],
)
def test_older_versions_are_warned_of(
    client: Client, monkeypatch: pytest.MonkeyPatch, version: int, said: str
) -> None:
    monkeypatch.setattr(client, "get_info", lambda: (version, 4096))
    assert warning(client) == said
