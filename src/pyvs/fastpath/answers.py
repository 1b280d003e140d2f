"""What servers on this host answer: a program that iptables asks in OUTPUT, so that such packets need no queue.

answers = Answers(loaded, folder)
answers.match     for a rule of iptables: `-m bpf --object-pinned ...`

The program is pinned, for rules name it by a path.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pyvs.fastpath import build
from pyvs.fastpath.libbpf import call
from pyvs.fastpath.objects import LoadedObject, begun

NAME: Final = "pyvs_answer"


class Answers:
    """The program `pyvs_answer`, pinned, beside the programs whose maps it shares."""

    def __init__(self, loaded: LoadedObject, folder: Path) -> None:
        """Rules that a director before has made go on with its program until they are replaced.

        Raises FastPathUnavailable, OSError.
        """
        self._pin = folder / NAME
        with begun(LoadedObject(build.program(NAME), shared=loaded.maps)) as self._object:
            self._pin.unlink(missing_ok=True)
            self.program = self._object.program(NAME)
            call("bpf_obj_pin", self.program, os.fsencode(self._pin))

    @property
    def match(self) -> str:
        """Matches what the program has dealt with, in the words of iptables."""
        return f"-m bpf --object-pinned {self._pin}"

    def close(self) -> None:
        """Let go of it; the pin, and rules that name it, stay."""
        self._object.close()
