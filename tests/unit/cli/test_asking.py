"""How a command that asks the director ends."""

from collections.abc import Callable

import pytest
from click.testing import Result

from pyvs.cli import asking as module
from pyvs.cli.asking import FAILED, asking
from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.native_client import NativeClient


@pytest.mark.parametrize("refuses", [False, True])
def test_a_refusal_is_a_sentence_and_the_client_is_closed(
    pyvs: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refuses: bool,
) -> None:
    closed: list[NativeClient] = []

    class Watched(NativeClient):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def act() -> None:
        with asking("pyvs try") as client:
            assert client.get_services() == []
            if refuses:
                raise ControlError(Errno.EINVAL, "there is no such thing")

    monkeypatch.setattr(module, "NativeClient", Watched)
    if refuses:
        with pytest.raises(SystemExit) as end:
            act()
        assert end.value.code == FAILED
    else:
        act()
    assert capsys.readouterr().err == ("pyvs try: there is no such thing\n" if refuses else "")
    assert len(closed) == 1
