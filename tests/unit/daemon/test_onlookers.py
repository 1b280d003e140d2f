"""Who looks at what leaves by one end of a pair: asked of the kernel, in namespaces."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvs.daemon import onlookers
from pyvs.daemon.onlookers import Onlookers, has_egress_chains, packet_sockets
from pyvs.datapath.rtnetlink import Rtnetlink
from pyvs.lab.namespace import Namespace

ADD, ALL = "tc filter add dev out", "protocol ip u32 match u32 0 0 flowid 1:1"
HEAD = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((), set()),
        (("0003  7", "0003  9"), {7, 9}),
        (("0003  0",), {0}),
        (("0800  7", "88cc  0", "0806  3"), set()),  # only what arrives is shown to these
        (("0003",), {0}),  # a line that can't be read: somebody may look
    ],
)
def test_packet_sockets_for_all_packets(tmp_path: Path, rows: tuple[str, ...], found: set[int]) -> None:
    file = tmp_path / "packet"
    file.write_text(HEAD + "".join(f"0000000000000000 3      3    {row}\n" for row in rows))
    assert packet_sockets(file) == found


def test_where_they_can_t_be_read_somebody_may_look(tmp_path: Path) -> None:
    assert packet_sockets(tmp_path / "none") == {0}


class Pair:
    """One end of a veth pair, the other in another namespace."""

    def __init__(self, near: Namespace, far: Namespace) -> None:
        self.near, self.far = near, far
        self.run("ip", "link", "add", "out", "type", "veth", "peer", "name", "far", "netns", far.path)
        self.run("ip", "link", "set", "out", "up")
        self.rtnetlink = near.call(Rtnetlink)
        self.link = next(link for link in self.rtnetlink.links() if link.name == "out")

    def run(self, *words: str) -> None:
        self.near.run(words, descriptors=[self.far.descriptor])

    def who(self) -> str:
        return self.near.call(self._who)

    def _who(self) -> str:
        return Onlookers(self.rtnetlink).at(self.link)


@pytest.fixture
def pair() -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    with Namespace("near") as near, Namespace("far") as far:
        pair = Pair(near, far)
        yield pair
        pair.rtnetlink.close()


@pytest.mark.root
def test_nobody_looks_at_a_new_pair(pair: Pair) -> None:
    assert pair.link.reaches_out
    assert pair.who() == ""


@pytest.mark.root
@pytest.mark.parametrize("device", ["out", None])
def test_a_packet_socket_as_tcpdump_opens_it(pair: Pair, device: str | None) -> None:
    kind = socket.AF_PACKET, socket.SOCK_RAW
    with pair.near.call(lambda: socket.socket(*kind, 0)) as door:
        assert pair.who() == "", "one that only sends sees nothing"
        if device is not None:
            door.bind((device, 3))
            assert pair.who() == "a packet socket"
    if device is None:
        with pair.near.call(lambda: socket.socket(*kind, socket.htons(3))):
            assert pair.who() == "a packet socket"
    assert pair.who() == ""


@pytest.mark.root
def test_a_queueing_discipline(pair: Pair) -> None:
    pair.run("tc", "qdisc", "add", "dev", "out", "root", "pfifo")
    assert pair.who() == "a queueing discipline"


@pytest.mark.root
def test_filters_of_tc_only_where_they_see_what_leaves(pair: Pair) -> None:
    pair.run("tc", "qdisc", "add", "dev", "out", "clsact")
    pair.run(*f"{ADD} ingress {ALL}".split())
    assert pair.who() == ""
    pair.run(*f"{ADD} egress {ALL}".split())
    assert pair.who() == "tc"


@pytest.mark.root
def test_chains_of_nftables_at_the_way_out(pair: Pair) -> None:
    if shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("there is no nft")
    pair.run("nft", "add", "table", "netdev", "watch")
    assert not pair.near.call(has_egress_chains)
    for hook in ("ingress", "egress"):
        chain = f"add chain netdev watch {hook} {{ type filter hook {hook} device out priority 0; }}"
        if pair.near.popen(["nft", chain]).wait(10):
            pytest.skip(f"this kernel has no hook {hook} for nftables")
        assert pair.who() == ("nftables" if hook == "egress" else "")


@pytest.mark.parametrize(("trouble", "found"), [(BlockingIOError, True), (OSError, False)])
def test_where_nftables_does_not_answer_there_may_be_chains(
    monkeypatch: pytest.MonkeyPatch, trouble: type[OSError], found: bool
) -> None:
    def ask(protocol: int) -> None:
        raise trouble

    monkeypatch.setattr(onlookers, "Questions", ask)
    assert has_egress_chains() is found


@pytest.mark.root
def test_a_device_that_is_gone(pair: Pair) -> None:
    pair.run("ip", "link", "delete", "out")
    assert pair.who() == "unknown"


@pytest.mark.root
def test_a_pair_whose_other_end_has_come_home(pair: Pair) -> None:
    pair.far.run(["ip", "link", "set", "far", "netns", pair.near.path], descriptors=[pair.near.descriptor])
    pair.run("ip", "link", "set", "out", "up")
    assert pair.who() == "no pair"
