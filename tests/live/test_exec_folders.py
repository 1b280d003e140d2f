"""The folder of the sysctls under `pyvs exec`: shells and programs list, look, read and write, as root and not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pyvs.core.engine import Engine
from pyvs.lab.director import Director, program
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology
from pyvs.testing.environment import FixedEnvironment

pytestmark = [pytest.mark.live]

NETWORK = Topology("one", (Host("director", (Interface("lan", ("10.1.1.1/24",)),)),))
FOLDER = "/proc/sys/net/ipv4/vs"
NAMES = Engine(FixedEnvironment([])).control.sysctl_names()
SCRIPT = f"""
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C ls {FOLDER}
echo --
ls -l {FOLDER}/ | grep -c '^-rw-r--r--.*root'
ls -d {FOLDER}
ls /proc/sys/net/ipv4 | grep -x vs
ls /proc/net | grep -c '^ip_vs'
echo -- looking
test -d {FOLDER} && echo folder
test -r {FOLDER}/conntrack && test -w {FOLDER}/conntrack && echo both
test -e {FOLDER}/nosuch || echo none
stat -c '%F %a' {FOLDER} {FOLDER}/conntrack
realpath {FOLDER}/conntrack
echo -- writing
echo 1 > {FOLDER}/expire_nodest_conn
cat {FOLDER}/expire_nodest_conn
sysctl -w net.ipv4.vs.expire_nodest_conn=0
sysctl -n net.ipv4.vs.expire_nodest_conn
sysctl -a 2> /dev/null | grep -c '^net.ipv4.vs'
cat {FOLDER}/nosuch 2> /dev/null || echo none
echo -- patterns
echo {FOLDER}/drop_*
find {FOLDER} -name 'drop*' | sort
find /proc/sys/net/ipv4 -maxdepth 2 -path '*/vs/sync_t*'
cat < /proc/sys/net//ipv4/./vs/conntrack
cd /proc/sys/net/ipv4 && cat vs/conntrack && ls vs | wc -l
python3 -c '
import os
folder = "{FOLDER}"
print(len(os.listdir(folder)), sum(each.is_file() for each in os.scandir(folder)), list(os.walk(folder))[0][1])
fd = os.open(folder, os.O_DIRECTORY)
print(len(os.listdir(fd)), os.open("conntrack", os.O_RDONLY, dir_fd=fd) > 0)
'
"""
EXPECTED = [
    *NAMES,
    "--",
    str(len(NAMES)),
    FOLDER,
    "vs",
    "6",
    "-- looking",
    "folder",
    "both",
    "none",
    "directory 555",
    "regular empty file 644",
    f"{FOLDER}/conntrack",
    "-- writing",
    "1",
    "net.ipv4.vs.expire_nodest_conn = 0",
    "0",
    str(len(NAMES)),
    "none",
    "-- patterns",
    f"{FOLDER}/drop_entry {FOLDER}/drop_packet",
    f"{FOLDER}/drop_entry",
    f"{FOLDER}/drop_packet",
    f"{FOLDER}/sync_threshold",
    "0",
    "0",
    str(len(NAMES)),
    f"{len(NAMES)} {len(NAMES)} []",
    f"{len(NAMES)} True",
]
WAYS = [
    (shell, option)
    for shell in ("bash", "dash")
    for option in ([], ["--supervise"])
    if shutil.which(shell) is not None
]
ROOTLESS = """
mount -t tmpfs none /run
ip link set lo up
{pyvs} run --no-state --rules /dev/null > /run/log 2>&1 &
for try in $(seq 300); do grep -q ready: /run/log && break; sleep 0.2; done
{pyvs} exec {option} -- {shell} {script}
status=$?
kill $!
wait $!
exit $status
"""


@pytest.mark.root
@pytest.mark.parametrize(("shell", "option"), WAYS)
def test_the_folder_is_there_for_everyone(shell: str, option: list[str]) -> None:
    with Lab(NETWORK) as lab, Director(lab) as director:
        words = [program("pyvs"), "exec", *option, "--", shell, "-c", SCRIPT]
        found = lab.run("director", words, timeout=180, environment=director.environment)
        assert found.splitlines() == EXPECTED


@pytest.mark.root
def test_pyvs_shell_has_it_too() -> None:
    with Lab(NETWORK) as lab, Director(lab) as director:
        process = lab["director"].popen(
            [program("pyvs"), "shell"],
            stdin=-1,
            stdout=-1,
            stderr=-1,
            environment={**director.environment, "SHELL": "/bin/bash", "PATH": "/usr/bin:/bin"},
        )
        out, err = process.communicate(SCRIPT, timeout=180)
        assert (err, process.returncode) == ("", 0)
        assert out.splitlines() == EXPECTED


@pytest.mark.parametrize(("shell", "option"), WAYS)
def test_it_is_there_without_root(tmp_path: Path, shell: str, option: list[str]) -> None:
    outside = ["unshare", "-Urnm", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*outside, "true"], check=False).returncode:
        pytest.skip("this system has no user namespaces")
    (tmp_path / "script").write_text(SCRIPT)
    text = ROOTLESS.format(
        pyvs=program("pyvs"), option=" ".join(option), shell=shell, script=tmp_path / "script"
    )
    done = subprocess.run(
        [*outside, "sh", "-c", text], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout.splitlines(), done.returncode) == (EXPECTED, 0), done.stderr
