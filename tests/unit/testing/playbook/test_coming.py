"""What the lines that happen put on the wire."""

from pyvs.core.packet.header import parse
from pyvs.testing.playbook import book, coming, expected
from pyvs.testing.wire import udp

CLIENT, REAL = book.end("198.51.100.7:40000"), book.end("10.1.0.11:8080")


def play() -> book.Playbook:
    return book.Playbook(book.end("192.0.2.100:80"), servers=[REAL])


def test_segments_carry_flags_ports_and_data() -> None:
    script = play()
    coming.segment(CLIENT, None, coming.FIN | coming.ACK, b"abc").act(script)
    header = parse(script.given)
    assert book.ports(script.given, header) == (40000, 80)
    assert script.given[header.offset + 13] == 0x11
    assert script.given.endswith(b"abc")


def test_fragments_are_those_of_the_whole() -> None:
    script = play()
    coming.raw(udp("198.51.100.7", "192.0.2.100", 1, 2, bytes(100), df=False)).act(script)
    whole = script.given
    got = b""
    for start, stop in ((0, 48), (48, 108)):
        coming.fragment(whole, start, stop).act(script)
        header = parse(script.given)
        assert (header.fragment_offset, header.more_fragments) == (start, stop < 108)
        got += script.given[20:]
    assert got == whole[20:]


def test_errors_quote_a_packet_of_the_plays_protocol() -> None:
    script = play()
    coming.error("203.0.113.1", "192.0.2.100", 3, 4, (script.service, CLIENT), mtu=1300).act(script)
    outer = parse(script.given)
    inner = parse(script.given, outer.offset + 8, quoted=True)
    assert int.from_bytes(script.given[outer.offset + 4 : outer.offset + 8]) == 1300
    assert (inner.protocol, book.ports(script.given, inner)) == (6, (80, 40000))


def test_verbs_change_the_service() -> None:
    script = play() >> coming.add(book.end("10.1.0.12:80"), 3) >> coming.weigh(REAL, 7)
    views = script.engine.control.get_dests(script.key)
    assert [view.spec.weight for view in views] == [3, 7]
    script >> coming.remove(REAL) >> coming.knob("sloppy_tcp", 1)
    assert len(script.engine.control.get_dests(script.key)) == 1
    assert script.engine.control.sysctl_read("sloppy_tcp") == "1"


def test_time_passes_timer_by_timer() -> None:
    script = (
        play() >> coming.syn(CLIENT) << expected.nat(to=REAL) >> coming.after(59.99) << expected.alive(CLIENT)
    )
    script >> coming.after(0.01) << expected.expired(CLIENT)
    assert script.now == 60
