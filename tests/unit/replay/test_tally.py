from pyvs.replay.tally import Tally, endpoint, protocol_name

KEY = (6, b"a", b"v")


def test_packets_are_counted_for_flow_and_server() -> None:
    tally = Tally()
    for number in range(3):
        tally.packet(KEY, b"s", ("client", "service", "server"), f"state {number}", first=not number)
    (flow,) = tally.flows.values()
    assert (flow.client, flow.service, flow.server, flow.packets, flow.state) == (
        "client", "service", "server", 3, "state 2"
    )  # fmt: skip
    share = tally.shares["service", "server"]
    assert (share.connections, share.packets) == (1, 3)


def test_flows_are_bounded_and_still_count() -> None:
    tally = Tally(most_flows=2)
    for number in range(5):
        tally.packet((6, bytes([number]), b"v"), b"s", (str(number), "service", "server"), "", first=True)
    tally.packet((6, bytes([0]), b"v"), b"s", ("0", "service", "server"), "", first=False)
    assert [flow.client for flow in tally.flows.values()] == ["0", "1"]
    assert tally.unlisted == 3
    assert tally.shares["service", "server"].packets == 6


def test_names() -> None:
    assert endpoint(bytes([192, 0, 2, 1]), 80) == "192.0.2.1:80"
    assert endpoint(bytes(15) + b"\1", 80) == "[::1]:80"
    assert (protocol_name(6), protocol_name(200)) == ("TCP", "200")


def test_a_connection_that_changes_its_server_counts_for_both() -> None:
    tally = Tally()
    tally.packet(KEY, b"1", ("client", "service", "one"), "", first=True)
    assert not tally.known(KEY, b"2", "", first=True)
    tally.packet(KEY, b"2", ("client", "service", "two"), "", first=True)
    assert tally.known(KEY, b"2", "over", first=False)
    (flow,) = tally.flows.values()
    assert (flow.server, flow.packets, flow.state) == ("two", 3, "over")
    assert [(server, share.connections, share.packets) for (_, server), share in tally.shares.items()] == [
        ("one", 1, 1), ("two", 1, 2)
    ]  # fmt: skip
