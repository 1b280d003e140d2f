from pyvs.datapath.device import Frame
from pyvs.datapath.memory import MemoryDevice
from pyvs.datapath.tracer import Tracer


def test_tells_a_line_for_each_frame_and_passes_it() -> None:
    lines: list[str] = []
    frame = Frame(b"\xff" * 12 + b"\x88\xcc", time_ns=1_700_000_000_123_456_789, interface="eth0")
    device = MemoryDevice([frame])
    tracer = Tracer(device, lines.append)
    assert list(tracer.receive()) == [frame]
    tracer.transmit(frame)
    tracer.close()
    assert device.sent == [frame]
    assert lines == [
        "1700000000.123456 < eth0 ethertype 0x88cc, 14 bytes",
        "1700000000.123456 > eth0 ethertype 0x88cc, 14 bytes",
    ]
