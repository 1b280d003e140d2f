from pyvs.datapath.device import Frame, Way


def test_a_frame_is_as_long_as_its_bytes_unless_told() -> None:
    assert Frame(b"abc").length == 3
    assert Frame(b"abc").missing == 0
    assert Frame(b"abc", length=10).missing == 7


def test_time_is_kept_in_nanoseconds() -> None:
    frame = Frame(b"", time_ns=1_700_000_000_123_456_789)
    assert frame.time_ns % 1000 == 789
    assert abs(frame.time - 1_700_000_000.123456) < 1e-5


def test_a_copy_is_equal_and_apart() -> None:
    frame = Frame(b"abc", time_ns=5, interface="eth0", way=Way.IN, link=101, length=9, number=3)
    twin = frame.copy()
    assert twin == frame
    twin.data = b"x"
    assert frame.data == b"abc"
    assert frame != "a frame"


def test_a_copy_of_other_bytes_has_their_length() -> None:
    other = Frame(b"abc", length=9, interface="eth0").copy(b"abcde")
    assert (other.data, other.length, other.interface) == (b"abcde", 5, "eth0")
    assert "eth0" in repr(other)
