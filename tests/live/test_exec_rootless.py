"""`pyvs exec` in a user namespace: no right of the machine's is needed."""

import shutil
import subprocess

import pytest

from pyvs.lab.director import program

pytestmark = [pytest.mark.live]

SCRIPT = """
mount -t tmpfs none /run
ip link set lo up
{pyvs} run --no-state --rules /dev/null > /run/log 2>&1 &
for try in $(seq 300); do grep -q ready: /run/log && break; sleep 0.2; done
{pyvs} exec -- ipvsadm -A -t 127.0.0.1:80 -s rr
{pyvs} exec --supervise -- ipvsadm -a -t 127.0.0.1:80 -r 127.0.0.2 -m
{pyvs} exec -- ipvsadm -Sn
{pyvs} exec -- cat /proc/sys/net/ipv4/vs/conntrack
kill $!
wait $!
"""


def test_both_ways_work_without_root() -> None:
    if shutil.which("ipvsadm") is None or shutil.which("unshare") is None:
        pytest.skip("needs ipvsadm and unshare")
    possible = subprocess.run(
        ["unshare", "-Urnm", "--map-root-user", "true"], capture_output=True, check=False
    )
    if possible.returncode:
        pytest.skip("this system has no user namespaces")
    done = subprocess.run(
        ["unshare", "-Urnm", "--map-root-user", "sh", "-c", SCRIPT.format(pyvs=program("pyvs"))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.returncode) == (
        "-A -t 127.0.0.1:80 -s rr\n-a -t 127.0.0.1:80 -r 127.0.0.2:80 -m -w 1\n0\n",
        0,
    ), done.stderr
