"""docs/live-control.md says what the program does."""

import re
import shlex
import time
from pathlib import Path
from typing import get_args

from click.testing import CliRunner

from engine.execution.edge_commands import HELD_EDGES
from engine.limits import EngineLimits
from examples.countries.server import open_server
from proto.breakpoint import BreakpointOn
from service.cli.edge_requests import OF_NODES, USES
from service.cli.main import cli
from service.http.routes.breakpoints import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "live-control.md").read_text(encoding="utf-8")
BREAKPOINTS = PAGE.split("\n## Breakpoints\n")[1].split("\n## ")[0]
RELOAD = PAGE.split("\n## Reload\n")[1].split("\n## ")[0]
EDGES = PAGE.split("\n## Edges\n")[1].split("\n## ")[0]


def test_the_page_lists_the_verbs_of_edges_and_their_bound() -> None:
    """Each has its row, and each row its verb; those of nodes are named."""
    assert set(re.findall(r"^\| `([a-z]+)` \|", EDGES, re.MULTILINE)) == set(USES)
    (named,) = re.findall(r"^(.*) can be given to a node in place of an edge", EDGES, re.MULTILINE)
    assert set(re.findall(r"`([a-z]+)`", named)) == OF_NODES
    assert f"At most {HELD_EDGES} edges" in EDGES


def test_the_lines_of_the_page_hold_an_edge_and_correct_a_value() -> None:
    """Run as they stand, three values wait, the second one is corrected, and all come out in their order."""
    (lines,) = re.findall(r"```sh\n(.*?)```", EDGES, re.DOTALL)
    with open_server() as url:
        printed = [call(line, url) for line in lines.splitlines()]
    listed, stepped, outputs = printed[3], printed[5], printed[7]
    assert [row.split()[0] for row in listed.splitlines()[1:]] == ["4", "5", "6"]
    assert [row.split()[-1] for row in listed.splitlines()[1:]] == ["42", "44", "46"]
    assert stepped.splitlines()[0] == "1 message"
    assert re.findall(r"42|\"forty-four\"|46", outputs) == ["42", '"forty-four"', "46"]


def test_the_lines_of_the_page_mend_a_node_while_it_runs() -> None:
    """Run as they stand, the same value comes out doubled, and after the reload trebled; then the way back."""
    (lines,) = re.findall(r"```sh\n(.*?)```", RELOAD, re.DOTALL)
    with open_server() as url:
        printed = [call(line, url) for line in lines.splitlines()]
    assert "42" in printed[1]
    assert re.search(r"^double +changed", printed[2], re.MULTILINE)
    assert printed[3].endswith("  done, revision 2\n")
    assert "63" in printed[4]
    assert printed[5].endswith("  done, revision 3\n")


def test_the_page_lists_the_verbs_and_kinds_of_breakpoints_and_their_bound() -> None:
    """Each has its row, and each row its verb or kind."""
    listed = re.findall(r"^\| `([a-z]+)` \|", BREAKPOINTS, re.MULTILINE)
    assert sorted(listed) == sorted(["on", *get_args(BreakpointOn), *VERBS])
    assert f"at most {EngineLimits().breakpoints} breakpoints" in BREAKPOINTS


def test_the_lines_of_the_page_stop_on_a_value_and_step_it() -> None:
    """Run as they stand, the large value is held, corrected, seen behind its node, and comes out corrected."""
    (lines,) = re.findall(r"```sh\n(.*?)```", BREAKPOINTS, re.DOTALL)
    expected = {3: "input at double:in  2100", 6: "step at double:in  210", 9: "44"}
    with open_server() as url:
        printed = [call(line, url, expected.get(at, "")) for at, line in enumerate(lines.splitlines())]
    assert "(1 values wait to leave)" in printed[6]
    assert re.findall(r"42\b|420|44", printed[9]) == ["42", "420", "44"]


def call(line: str, url: str, expected: str = "") -> str:
    """One line, which must succeed; what it prints. What is asked for may be on its way still."""
    program, *words = shlex.split(line)
    assert program == "symbia-runtime"
    deadline = time.monotonic() + 20
    while True:
        done = CliRunner().invoke(cli, words, env={"SYMBIA_URL": url}, standalone_mode=False)
        assert done.exception is None, f"{line}: {done.output} {done.exception!r}"
        has_all = words[0] not in ("edges", "outputs") or len(words) != 3 or len(done.output.splitlines()) == 4
        if (has_all and expected in done.output) or time.monotonic() > deadline:
            return done.output
