"""`pyvs shell`: every program in it finds the director, and so do the files of IPVS."""

import os

import pytest
from tests.live.programs import needs

from pyvs.lab.director import Director, program
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [pytest.mark.live, pytest.mark.root, needs("ipvsadm")]

NETWORK = Topology("one", (Host("director", (Interface("lan", ("10.1.1.1/24",)),)),))
TYPED = """
ipvsadm -A -t 10.1.1.1:80 -s rr
ipvsadm -Sn
echo 1 > /proc/sys/net/ipv4/vs/sloppy_tcp
cat /proc/sys/net/ipv4/vs/sloppy_tcp
grep -c rr /proc/net/ip_vs
test -e /proc/net/ip_vs_conn && echo there
sysctl net.ipv4.vs.sloppy_tcp
cd /proc/net && head -n 1 ip_vs_app
exit 3
"""


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_all_of_it_is_as_with_the_kernel(shell: str) -> None:
    with Lab(NETWORK) as lab, Director(lab) as director:
        process = lab["director"].popen(
            [program("pyvs"), "shell"],
            stdin=-1,
            stdout=-1,
            stderr=-1,
            environment={
                **director.environment,
                "SHELL": shell,
                "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
            },
        )
        out, err = process.communicate(TYPED, timeout=90)
        assert (err, process.returncode) == ("", 3)
        assert out.splitlines() == [
            "-A -t 10.1.1.1:80 -s rr",
            "1",
            "1",
            "there",
            "net.ipv4.vs.sloppy_tcp = 1",
            "prot port    usecnt name",
        ]
