"""The README's lines work as they stand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.countries.server import open_server

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

CURL = f"""\
#!{sys.executable}
# Stands in for curl where there is none: -s, -w, -X, -H and -d, as the README uses them.
import argparse, sys, httpx
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-w", default="")
parser.add_argument("-X", default=None)
parser.add_argument("-H", default="Accept: */*")
parser.add_argument("-d", default=None)
parser.add_argument("url")
asked = parser.parse_args()
body = asked.d and (open(asked.d[1:]).read() if asked.d.startswith("@") else asked.d)
name, _, value = asked.H.partition(": ")
method = asked.X or ("POST" if body else "GET")
sys.stdout.write(httpx.request(method, asked.url, headers={{name: value}}, content=body).text)
sys.stdout.write(asked.w.replace("\\\\n", "\\n"))
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service that runs as `make run` would run it, on a free port."""
    with open_server() as url:
        yield url


@pytest.fixture
def search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH on which there is a curl."""
    if shutil.which("curl") is None:
        stand_in = tmp_path / "curl"
        stand_in.write_text(CURL, encoding="utf-8")
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def shell_block(heading: str) -> str:
    """The last shell block under a heading of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return blocks[-1]


def run_shell(lines: str) -> str:
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}  # a proxy of the machine would not find this service
    command = ["sh", "-eu", "-c", lines]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def with_url(lines: str, url: str) -> str:
    assert "URL=http://127.0.0.1:5006\n" in lines
    return lines.replace("http://127.0.0.1:5006", url)


@pytest.mark.usefixtures("search_path")
def test_the_first_minute_doubles_21(url: str) -> None:
    """The curl lines of the first minute, run as they stand, show 42 in the log and three messages processed."""
    said = run_shell(with_url(shell_block("The first minute"), url))
    assert '"message":"42"' in said
    assert '"nodeId":"output"' in said
    assert '"messagesProcessed":3' in said


@pytest.mark.usefixtures("search_path")
def test_the_component_of_your_own_squares_12(url: str) -> None:
    """The curl lines of the custom component follow on from the first minute, and show 144 in the log."""
    first = "\n".join(shell_block("The first minute").splitlines()[:2]) + "\n"
    said = run_shell(with_url(first + shell_block("A component of your own"), url))
    assert '"message":"144"' in said


def test_the_commands_run() -> None:
    """Each command under "The command line" ends well, and the first writes 42."""
    block = shell_block("The command line").replace(".venv/bin/symbia-runtime", f"{sys.executable} -m service")
    assert "42" in run_shell(block).splitlines()[0]


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
