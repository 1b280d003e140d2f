from pyvs.host.peers import BURST, REDIRECT_SILENCE, REDIRECTS, Peers

A, B = b"\x0a\0\0\1", b"\x0a\0\0\2"


def test_errors_are_rationed() -> None:
    peers = Peers()
    assert [peers.may_err(A, 10.0, 1.0) for _ in range(BURST + 2)] == [True] * BURST + [False] * 2
    assert peers.may_err(B, 10.0, 1.0)
    assert [peers.may_err(A, 11.1, 1.0) for _ in range(2)] == [True, False]
    assert all(peers.may_err(A, 11.1, 0.0) for _ in range(100)), "no limit"


def test_unreachable_is_rationed() -> None:
    peers = Peers()
    assert [peers.may_be_unreachable(A, 10.0) for _ in range(6)] == [True] * 5 + [False]
    assert peers.may_be_unreachable(A, 11.0)


def test_redirects_come_ever_more_seldom() -> None:
    peers, now, sent = Peers(), 10.0, 0
    assert peers.may_redirect(A, now)
    assert not peers.may_redirect(A, now + 0.04)
    assert peers.may_redirect(A, now + 0.05)
    now += 0.05
    for _ in range(20_000):
        now += 0.01
        sent += peers.may_redirect(A, now)
    assert sent == REDIRECTS - 2, "then it is in vain"
    assert peers.may_redirect(A, now + REDIRECT_SILENCE + 0.01)
