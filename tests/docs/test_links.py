"""What pages refer to is there: files, headings, and names in files."""

import re
from pathlib import Path

import pytest
from tests.docs.test_kernel_map import LINK, names_in

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "tests").rglob("PROVENANCE.md")),
]
REFERENCE = re.compile(r"(?<!`)!?\[[^\]\n]*\]\(([^)\s]+)\)")
MENTIONED = re.compile(r"`((?:docs|src|tests|tools|examples|share|bench)/[\w./*-]*\w)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in REFERENCE.findall(prose(page)):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page if not path else page.parent / path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page: Path) -> None:
    assert not [
        name for name in MENTIONED.findall(prose(page)) if "/a/" not in name and not any(ROOT.glob(name))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_in_files_are_there(page: Path) -> None:
    missing = [f"{path}:{name}" for _, name, path in LINK.findall(prose(page)) if name not in names_in(path)]
    assert not missing


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](gone.md) [b](#a-title) [c](#another) [d](page.md#a-title)\n")
    with pytest.raises(AssertionError, match=r"gone\.md"):
        test_links_lead_somewhere(page)
    assert anchors(page) == {"a-title"}
