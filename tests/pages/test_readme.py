"""The README's lines work as they stand."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.countries.server import open_server
from tests.pages.shell import run_shell

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service that runs as `make run` would run it, on a free port."""
    with open_server() as url:
        yield url


def shell_block(heading: str) -> str:
    """The last shell block under a heading of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return blocks[-1]


def test_the_first_minute_doubles_21(url: str, tmp_path: Path) -> None:
    """The lines of the first minute, as they stand, print 42, log it, and show that each node had a message."""
    said = run_shell(shell_block("The first minute"), tmp_path, url).splitlines()
    assert said[1] == '{"node":"output","port":"out","value":42}'
    assert said[2].split()[1:] == ["info", "output", "42"]
    assert "processed  3" in said


def test_the_component_of_your_own_squares_12(url: str, tmp_path: Path) -> None:
    """The lines of the custom component follow, and show 144 in the log."""
    said = run_shell(shell_block("A component of your own"), tmp_path, url)
    assert said.splitlines()[-1].split()[1:] == ["info", "output", "144"]


def test_the_commands_run(tmp_path: Path) -> None:
    """Each command under "The command line" ends well, and the first writes 42."""
    block = shell_block("The command line").replace(".venv/bin/symbia-runtime", "symbia-runtime")
    assert "42" in run_shell(block, tmp_path).splitlines()[0]


@pytest.mark.parametrize("document", ["README.md", "examples/README.md", "docs/architecture.md"])
def test_every_path_that_is_named_exists(document: str) -> None:
    """A document names no file of the repository that is not there, in a link or in a code span."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [(ROOT / document).parent / link for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", text)]
    spans = [ROOT / span for span in re.findall(r"`((?:\w+/)+[\w.]*)`", text)]
    assert [path for path in [*links, *spans] if not path.exists()] == []


def test_the_table_of_verbs_is_the_makefile() -> None:
    """Every verb of the README is one of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in set(re.findall(r"`make ([\w-]+)`", README)):
        assert f"\n{verb}:" in makefile, verb


def test_what_is_faster_says_where_it_is_slower() -> None:
    """The README's figures are those of the page, and among its rows are some in which a peer is faster."""
    numbers = README.split("\n## Numbers\n")[1].split("\n## ")[0]
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| 3 nodes, ([\d]+ k?B), ([\w ]+) \| ([\d,.]+) \| ([\d,.]+) \|", numbers, re.MULTILINE)
    assert len(rows) >= 8
    for size, work, ours, node_red in rows:
        (row,) = re.findall(rf"^\| {work}, {size} \|(.*)\|$", page, re.MULTILINE)
        figures = [figure.strip() for figure in row.split("|")]
        assert (figures[0], figures[2]) == (ours, node_red), f"{work}, {size}"
    pairs = [(float(ours.replace(",", "")), float(peer.replace(",", ""))) for _, _, ours, peer in rows]
    assert any(ours < peer for ours, peer in pairs)
    assert "until a value is so large" in numbers
