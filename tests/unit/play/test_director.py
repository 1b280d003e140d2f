import pytest

from pyvs.core.errors import ControlError, PyvsError
from pyvs.play.clock import BOOT, HZ, Clock, ticks
from pyvs.play.director import Director
from pyvs.play.files import FileFault


def test_clock_counts_ticks() -> None:
    clock = Clock()
    assert (clock.now, clock.since_start) == (BOOT / HZ, 0.0)
    clock.ticks += 7
    assert clock.since_start == pytest.approx(0.07)
    assert [ticks(seconds) for seconds in (0, 0.009, 0.01, 0.29, 2.5)] == [0, 0, 1, 29, 250]


def test_time_only_goes_on(director: Director) -> None:
    director.wait_until(2.505)
    assert director.clock.since_start == pytest.approx(2.5)
    director.wait_until(1.0)
    assert director.clock.since_start == pytest.approx(2.5)
    director.sleep(0.001)
    assert director.clock.since_start == pytest.approx(2.51), "a tick at least"


def test_timeouts_happen_on_the_way(director: Director) -> None:
    seen: list[float] = []
    director.between = lambda: seen.append(director.clock.since_start)
    director.wait_until(3.0)
    assert seen
    assert seen == sorted(seen)
    assert seen[-1] <= 3.0


def test_endless_timeouts_are_noticed(director: Director) -> None:
    director.host.next_timeout = lambda: 0.0  # type: ignore[method-assign]
    with pytest.raises(PyvsError, match="don't end"):
        director.sleep(1)


def test_sysctls(director: Director) -> None:
    assert director.sysctl_read("net.ipv4.ip_forward") == "1"
    director.sysctl_write("net.ipv4.vs.conntrack", "1")
    assert director.sysctl_read("net.ipv4.vs.conntrack") == "1"
    assert {"net.ipv4.vs.conntrack", "net.ipv4.ip_forward"} <= set(director.sysctl_names())
    with pytest.raises(ControlError):
        director.sysctl_write("net.ipv4.ip_forward", "x")
    with pytest.raises(ControlError):
        director.sysctl_write("kernel.hostname", "x")
    with pytest.raises(ControlError):
        director.sysctl_read("net.ipv4.nosuch")


def test_files(director: Director) -> None:
    files = director.files
    files.write("/run/a", "text")
    assert files.read("/run/a") == "text"
    assert files.read("/proc/net/ip_vs").startswith("IP Virtual Server version 1.2.1 (size=4096)")
    assert files.exists("/proc/sys/net/ipv4/vs/conntrack")
    for path in ("/nosuch", "/proc/net/nosuch", "/proc/sys/net/ipv4/vs/nosuch", "/etc/passwd"):
        assert not files.exists(path)
    for path in ("/proc/net/ip_vs", "/proc/sys/net/ipv4/vs/nosuch"):
        with pytest.raises(FileFault):
            files.write(path, "1")
    files.remove("/run/a")
    with pytest.raises(FileFault):
        files.remove("/run/a")
    files.write("/dev/null", "gone")
    assert files.read("/dev/null") == ""
