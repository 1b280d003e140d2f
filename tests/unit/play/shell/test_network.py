from collections.abc import Callable

import pytest

from pyvs.core.errors import PyvsError
from pyvs.play.director import Director

Run = Callable[[str], tuple[int, str]]


def test_ipvsadm_and_its_scripts(sh: Run) -> None:
    assert sh("ipvsadm -A -t 192.0.2.100:80 -s rr; ipvsadm -a -t 192.0.2.100:80 -r 10.1.0.11 -m") == (0, "")
    rules = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1\n"
    assert sh("ipvsadm-save -n") == sh("ipvsadm -Sn") == (0, rules)
    assert sh("ipvsadm -Sn > /run/saved; ipvsadm -C; ipvsadm-restore < /run/saved") == (0, "")
    assert sh("ipvsadm -Sn | diff /run/saved - && echo same") == (0, "same\n")
    assert sh("ipvsadm -A -t 192.0.2.100:80 -s rr") == (255, "Service already exists\n")


@pytest.mark.parametrize(
    ("line", "status", "output"),
    [
        ("sysctl -w net.ipv4.vs.conntrack=1", 0, "net.ipv4.vs.conntrack = 1\n"),
        ("sysctl net.ipv4.vs.sync_threshold", 0, "net.ipv4.vs.sync_threshold = 3\t50\n"),
        ("sysctl -n net.ipv4.ip_forward", 0, "1\n"),
        ("sysctl -qw net.ipv4.vs.conntrack=0", 0, ""),
        (
            "sysctl -w net.ipv4.vs.drop_entry=9",
            1,
            'sysctl: setting key "net.ipv4.vs.drop_entry": Invalid argument\n',
        ),
        (
            "sysctl net.ipv4.vs.nosuch",
            1,
            "sysctl: cannot stat /proc/sys/net/ipv4/vs/nosuch: No such file or directory\n",
        ),
        ("sysctl -w foo", 1, "sysctl: command line(0): invalid syntax, continuing...\n"),
        (
            "sysctl -a -r 'vs.drop'",
            0,
            "net.ipv4.vs.drop_entry = 0\nnet.ipv4.vs.drop_packet = 0\n",
        ),
        ("cat /proc/sys/net/ipv4/vs/sync_threshold", 0, "3\t50\n"),
        ("echo 3 > /proc/sys/net/ipv4/vs/drop_entry; sysctl -n net.ipv4.vs.drop_entry", 0, "3\n"),
        ("echo 9 > /proc/sys/net/ipv4/vs/drop_entry", 1, "/bin/sh: 1: echo: echo: I/O error\n"),
        (
            "nsenter --net=/proc/1/ns/net sysctl -w net.ipv4.vs.debug_level=3",
            0,
            "net.ipv4.vs.debug_level = 3\n",
        ),
        ("sysctl net.ipv4.conf.all.rp_filter", 0, "net.ipv4.conf.all.rp_filter = 0\n"),
        ("modprobe -a ip_vs_ftp", 0, ""),
    ],
)
def test_sysctl_and_proc(sh: Run, line: str, status: int, output: str) -> None:
    assert sh(line) == (status, output)


def test_ip_changes_the_host(sh: Run, director: Director) -> None:
    assert sh("ip route add local 203.0.113.0/24 dev lo && ip rule add fwmark 3 lookup 99 pref 10") == (0, "")
    assert director.host.is_local(bytes([203, 0, 113, 9]))
    assert sh("ip route add local 203.0.113.0/24 dev lo") == (2, "RTNETLINK answers: File exists\n")
    assert sh("ip route add 1.2.3.0/24 dev nosuch") == (1, 'Cannot find device "nosuch"\n')


def test_iptables_by_family(sh: Run, director: Director) -> None:
    sh("iptables-legacy -t mangle -A PREROUTING -j MARK --set-mark 1")
    assert (len(director.host.filters[4].chains), len(director.host.filters[6].chains)) == (1, 0)
    sh("ip6tables-legacy -t mangle -A PREROUTING -j MARK --set-mark 1")
    assert len(director.host.filters[6].chains) == 1
    assert sh("iptables -A INPUT -j LOG") == (1, "iptables: the target 'LOG' is not known here\n")


@pytest.mark.parametrize(
    "line", ["nsenter --net=/proc/1/ns/net ipvsadm -C", "nsenter -t 1 sysctl x", "sysctl --frob"]
)
def test_what_cannot_be_had_is_said(sh: Run, line: str) -> None:
    if line.startswith("nsenter"):
        with pytest.raises(PyvsError, match="nsenter"):
            sh(line)
    else:
        assert sh(line)[0] == 1
