"""What ``symbia-runtime run`` prints of a graph's results, of its input, and of what became of both."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.service.cli.terminal import Terminal
from tests.service.serving import ROOT, clean_environment, run_command, single

PASS = single("symbia.core.passthrough")

SIEVE: dict[str, Any] = {
    "symbia": "1.0",
    "name": "Sieve",
    "version": "1.0.0",
    "nodes": [
        {"id": "large", "component": "symbia.logic.filter", "config": {"field": "n", "op": "gt", "value": 2}},
        {"id": "output", "component": "symbia.core.passthrough"},
    ],
    "edges": [
        {"id": "e1", "source": {"node": "large", "port": "pass"}, "target": {"node": "output", "port": "in"}}
    ],
}
"""One port of ``large`` leads on, and the other one leaves the graph."""

SLOW: dict[str, Any] = {
    "id": "custom.slow",
    "name": "Slow",
    "version": "1.0.0",
    "ports": {"inputs": [{"name": "in"}], "outputs": [{"name": "out"}]},
    "execution": {
        "type": "javascript",
        "source": "return { process: (ctx, _, x) => { for (let i = 0; i < 9e4; i++); ctx.emit('out', x) } }",
    },
}


def _file(folder: Path, document: Any, name: str = "graph.json") -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def _values(result: "subprocess.CompletedProcess[bytes]") -> list[Any]:
    return [json.loads(line)["value"] for line in result.stdout.splitlines()]


def test_every_port_that_no_edge_leaves_is_printed(tmp_path: Path) -> None:
    """Also where another port of the same node has an edge: such a value leaves the graph, too."""
    small, large = 'large:in={"n": 1}', 'large:in={"n": 3}'
    result = run_command("run", _file(tmp_path, SIEVE), "--inject", small, "--inject", large)
    assert result.stdout.splitlines() == [
        b'{"node":"large","port":"fail","value":{"n": 1}}',
        b'{"node":"output","port":"out","value":{"n": 3}}',
    ]


def test_what_came_before_a_bad_line_is_processed(tmp_path: Path) -> None:
    """5,000 good lines are printed, the one after them is named, and nothing is read from there on."""
    lines = "".join(f"{number}\n" for number in range(5_000)) + "x\n7\n"
    result = run_command("run", _file(tmp_path, PASS), "--stdin-to", "only:in", stdin=lines.encode())
    assert _values(result) == list(range(5_000))
    assert b"messages processed  5,000" in result.stderr
    complaint = result.stderr.splitlines()[-1]
    assert complaint.startswith(b"Error: Line 5001 of standard input: This is not JSON")
    assert complaint.endswith(b"; nothing from there on was read")
    assert result.returncode == 2


def test_what_came_before_a_line_for_no_port_is_processed(tmp_path: Path) -> None:
    """A line that is well-formed and names no port of the graph is named by its own number."""
    good = '{"nodeId":"only","port":"in","value":1}\n'
    bad = '{"nodeId":"only","port":"side","value":1}\n'
    result = run_command("run", _file(tmp_path, PASS), "--stdin", stdin=(good * 3 + "\n" + bad + good).encode())
    assert (_values(result), result.returncode) == ([1, 1, 1], 2)
    assert b"Error: Line 5 of standard input: Node only has no input port side" in result.stderr


def test_what_came_before_an_endless_line_is_processed(tmp_path: Path) -> None:
    """Likewise where a line is longer than any message may be."""
    endless = b'"' + b"x" * (13 * 1024 * 1024)
    result = run_command("run", _file(tmp_path, PASS), "--stdin-to", "only:in", stdin=b"1\n2\n" + endless)
    assert (_values(result), result.returncode) == ([1, 2], 2)
    assert b"Error: Line 3 of standard input is longer than 12582912 bytes" in result.stderr


def test_dropped_messages_are_in_the_summary(tmp_path: Path) -> None:
    """Results and drops are all that was given in; the summary says which node dropped them."""
    graph = single(SLOW["id"], inbox={"capacity": 2, "overflow": "drop-newest"})
    run = ["run", _file(tmp_path, graph), "--component", _file(tmp_path, SLOW, "slow.json")]
    result = run_command(*run, "--stdin-to", "only:in", stdin=b"1\n" * 200)
    dropped = 200 - len(_values(result))
    assert dropped > 0
    assert f"dropped             {dropped:,} (only {dropped:,})".encode() in result.stderr
    assert result.returncode == 0


def test_a_node_that_refuses_while_it_is_full_gets_everything(tmp_path: Path) -> None:
    """``reject`` tells a sender to come again, and the command does."""
    graph = single(SLOW["id"], inbox={"capacity": 2, "overflow": "reject"})
    run = ["run", _file(tmp_path, graph), "--component", _file(tmp_path, SLOW, "slow.json")]
    lines = "".join(f"{number}\n" for number in range(200))
    result = run_command(*run, "--stdin-to", "only:in", stdin=lines.encode())
    assert (_values(result), result.returncode) == (list(range(200)), 0), result.stderr


def test_a_graph_with_a_timer_runs_until_its_timeout(tmp_path: Path) -> None:
    """It emits by itself, so the end of the input is not its end; the command says so when it begins."""
    timer = single("symbia.source.timer", config={"intervalMs": 100})
    result = run_command("run", _file(tmp_path, timer), "--inject", "only:in=0", "--timeout", "0.5")
    assert _values(result)[0] == 0
    assert [tick["tick"] for tick in _values(result)[1:3]] == [1, 2]
    assert b"only emits by itself: it runs until Ctrl-C, or for --timeout SECONDS" in result.stderr
    assert (result.returncode, b"500 ms" in result.stderr) == (1, True)


def test_a_run_of_nothing_says_what_to_give_it(tmp_path: Path) -> None:
    """Whoever forgets the input is told how to give some."""
    result = run_command("run", _file(tmp_path, PASS))
    assert result.returncode == 0
    assert b"Nothing was injected: give --inject NODE:PORT=JSON" in result.stderr
    assert b"Nothing was injected" not in run_command("run", _file(tmp_path, PASS), "--stdin").stderr


def test_a_run_that_waits_for_typed_lines_says_so(tmp_path: Path) -> None:
    """At a terminal nobody could see why nothing happens."""
    with Terminal("run", _file(tmp_path, PASS), "--stdin-to", "only:in") as terminal:
        terminal.read_until("Reading messages from this terminal: one a line, Ctrl-D ends them")
        terminal.press(b"1\n")
        terminal.read_until('"value":1}')
        terminal.press(b"\x04")
        assert terminal.wait() == 0
    assert "completed" in terminal.shown


def test_a_wrong_component_is_named_by_its_file(tmp_path: Path) -> None:
    """Each problem stands with the file that it is in, as ``check`` tells it."""
    wrong = _file(tmp_path, {"id": "x"}, "component.json")
    result = run_command("run", _file(tmp_path, PASS), "--component", wrong)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{wrong}:1:1: error: Invalid component definition: missing".encode())
    graph = _file(tmp_path, single("symbia.core.nothing"))
    result = run_command("run", graph)
    assert result.stderr.startswith(f"{graph}:1:".encode())
    assert result.stderr.endswith(b"(node.unknown_component)\n")


def test_a_file_that_cannot_be_read_is_named() -> None:
    """A file that this user may not read is status 2, in one line."""
    result = subprocess.run(
        [sys.executable, "-m", "service", "run", "/proc/self/mem"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr.startswith(b"Error: /proc/self/mem: ")) == (2, True), result.stderr
