"""Write the pages, manuals and completions that follow from tables of the code.

    python tools/make_docs.py            writes what has changed
    python tools/make_docs.py --check    names what is stale, and ends with status 1 then

A table is changed in the code; what people read follows from it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tools.documents import completion, manual_pyvs, manual_pyvsadm, states, tables  # noqa: E402

DOCUMENTS: Final[Mapping[str, Callable[[], str]]] = {
    "docs/differences.md": tables.differences,
    "docs/reasons.md": tables.reasons,
    "docs/sysctls.md": tables.sysctls,
    "docs/states.md": states.page,
    "docs/man/pyvs.1": manual_pyvs.page,
    "docs/man/pyvsadm.8": manual_pyvsadm.page,
    "share/bash-completion/completions/pyvs": completion.pyvs_bash,
    "share/bash-completion/completions/pyvsadm": completion.pyvsadm_bash,
    "share/zsh/site-functions/_pyvs": completion.pyvs_zsh,
    "share/zsh/site-functions/_pyvsadm": completion.pyvsadm_zsh,
    "share/fish/vendor_completions.d/pyvs.fish": completion.pyvs_fish,
    "share/fish/vendor_completions.d/pyvsadm.fish": completion.pyvsadm_fish,
}
"""File -> what writes it."""


def stale(root: Path = ROOT) -> dict[str, str]:
    """The files whose text is not what it should be, with that text."""
    wanted = {name: write() for name, write in DOCUMENTS.items()}
    return {
        name: text
        for name, text in wanted.items()
        if not (root / name).exists() or (root / name).read_text() != text
    }


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or check; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    changed = stale(root)
    for name, text in changed.items():
        if arguments:
            print(f"{name} is stale: run python tools/make_docs.py")
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            print(f"{name} written")
    return 1 if arguments and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
