from pyvs.datapath.device import Frame
from pyvs.datapath.memory import MemoryDevice


def test_gives_what_arrives_in_order_and_keeps_what_is_sent() -> None:
    device = MemoryDevice([Frame(b"1"), Frame(b"2")])
    seen = []
    for frame in device.receive():
        seen.append(frame.data)
        if frame.data == b"1":
            device.arriving.append(Frame(b"3"))
        device.transmit(frame)
    assert seen == [b"1", b"2", b"3"]
    assert [frame.data for frame in device.sent] == seen
    assert list(device.receive()) == []
    device.close()
