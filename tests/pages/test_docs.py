"""The documentation as a whole: pages are listed, paths and links lead somewhere, nothing stands twice."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DECISIONS.glob("*.md")])
HELD = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md"))]

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
PATH = re.compile(r"`((?:[\w.<>-]+/)+[\w.<>-]*)`")
FOLDERS = ("symbia_runtime", "service", "engine", "wasm_host", "workers", "proto", "tests", "docs", "examples")
ROOM = re.compile(r"^\| `([\w/]+/)` \|", re.MULTILINE)
RECORD = re.compile(r"^\| \[(\d{4})\]\((.+?)\) \| (.+?) \| (\d{4}-\d{2}-\d{2}) \| (.+) \|$", re.MULTILINE)

SHORT_CHARACTERS = 80
"""Shorter lines may stand twice in a page, and so may rows of tables."""


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings of a page have on the usual hosts."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_lists_every_page() -> None:
    """docs/README.md has each page once, and none that is not there."""
    listed = re.findall(
        r"^\d+\. \[[^\]]+\]\(([^)]+)\)", (DOCS / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert sorted(listed) == sorted([*pages, "decisions/README.md"])


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_somewhere(page: Path) -> None:
    """The file of a link is there, and the heading that it names is in it."""
    for file, anchor in LINK.findall(prose(page)):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), f"{file}#{anchor}"


@pytest.mark.parametrize("page", HELD, ids=shown)
def test_every_path_exists(page: Path) -> None:
    """A path in a code span that begins with a folder of the repository is there.

    Of a path with a part that is the reader's to name (``<name>``), the folder before that part is.
    """
    named = [path for path in PATH.findall(prose(page)) if path.startswith(tuple(f"{name}/" for name in FOLDERS))]
    missing = [
        path for path in named if not (ROOT / path.partition("<")[0].rpartition("/")[0] / _last(path)).exists()
    ]
    assert missing == []


def _last(path: str) -> str:
    return "" if "<" in path else path.rpartition("/")[2]


@pytest.mark.parametrize("page", HELD, ids=shown)
def test_nothing_stands_twice(page: Path) -> None:
    """No long line of prose is in a page two times: that is a slip of a merge."""
    lines = Counter(line for line in prose(page).splitlines() if len(line) > SHORT_CHARACTERS and line[0] != "|")
    assert [line for line, count in lines.items() if count > 1] == []


def test_the_plan_names_every_room() -> None:
    """docs/architecture.md has each folder of the packages, and in each room the files that it says."""
    plan = (DOCS / "architecture.md").read_text(encoding="utf-8")
    packages = ("service", "engine", "wasm_host")
    rooms = {
        f"{file.parent.relative_to(ROOT)}/"
        for package in packages
        for file in (ROOT / package).rglob("__init__.py")
        if file.parent != ROOT / package
    }
    assert set(ROOM.findall(plan)) == rooms
    for row in re.findall(r"^\| `[\w/]+/` \|.*$", plan, re.MULTILINE):
        room, *files = re.findall(r"`([\w./]+)`", row)
        missing = [file for file in files if not (ROOT / room / file).exists() and not (ROOT / file).exists()]
        assert missing == [], room


def test_every_decision_is_in_the_index() -> None:
    """Number, title and status of the index are those of the records; the newest is the last."""
    index = RECORD.findall((DECISIONS / "README.md").read_text(encoding="utf-8"))
    records = sorted(page for page in DECISIONS.glob("*.md") if page.name != "README.md")
    assert [file for _, file, *_ in index] == [page.name for page in records]
    for (number, file, status, _, title), page in zip(index, records, strict=True):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}: {title}\n"), file
        superseded = re.search(r"^Superseded by \[(\d{4})\]", text, re.MULTILINE)
        assert status == (f"superseded by {superseded[1]}" if superseded else "accepted"), file
        assert file.startswith(number)
