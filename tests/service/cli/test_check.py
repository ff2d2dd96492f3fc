"""``symbia-runtime check``, and what the program says of itself."""

import json
import re
from pathlib import Path

import pytest

from service.settings.table import TABLE
from service.version import version
from tests.service.serving import QUICK_REFERENCE, SQUARE, run_command, single


def _write(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def test_a_right_graph_has_no_problems(tmp_path: Path) -> None:
    """Nothing on standard output, and status 0."""
    result = run_command("check", _write(tmp_path / "g.json", QUICK_REFERENCE))
    assert (result.returncode, result.stdout) == (0, b"")


def test_every_problem_is_a_line_with_its_place(tmp_path: Path) -> None:
    """All problems come at once, one a line, and status 1; how many there are is said beside them."""
    nodes = [
        {"id": "a", "component": "symbia.core.nothing"},
        {"id": "b", "component": "symbia.core.map", "config": {"expression": "value *"}},
    ]
    edges = [{"source": {"node": "ghost", "port": "out"}, "target": {"node": "b", "port": "in"}}]
    result = run_command("check", _write(tmp_path / "g.json", {**QUICK_REFERENCE, "nodes": nodes, "edges": edges}))
    lines = result.stdout.decode().splitlines()
    assert (result.returncode, result.stderr.decode()) == (1, f"{tmp_path}/g.json: 3 errors\n")
    assert all(re.fullmatch(r".*/g\.json:1:\d+: error: .* \([a-z_.]+\)", line) for line in lines)
    assert [line.rpartition("(")[2] for line in lines] == [
        "node.unknown_component)",
        "program.invalid)",
        "edge.unknown_node)",
    ]


def test_a_component_from_a_file_is_known(tmp_path: Path) -> None:
    """With the component registered its graph has no problems; without, it has."""
    graph = _write(tmp_path / "g.json", single(SQUARE["id"]))
    component = _write(tmp_path / "c.json", SQUARE)
    assert run_command("check", graph, "--component", component).returncode == 0
    assert run_command("check", graph).returncode == 1


def test_a_wrong_component_is_told_with_its_file(tmp_path: Path) -> None:
    """Problems of a component carry the file's name before the place."""
    graph = _write(tmp_path / "g.json", QUICK_REFERENCE)
    component = _write(tmp_path / "c.json", {**SQUARE, "execution": {"type": "cobol"}})
    result = run_command("check", graph, "--component", component)
    assert (result.returncode, result.stdout.startswith(component.encode())) == (1, True)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"symbia": NaN}', b"[" * 500])
def test_a_file_that_is_no_document_is_told(tmp_path: Path, text: bytes) -> None:
    """Text that cannot be read is told with its file and status 2, without a traceback, by check as by run."""
    path = tmp_path / "g.json"
    path.write_bytes(text)
    checked, run = run_command("check", str(path)), run_command("run", str(path))
    assert (checked.returncode, checked.stdout.startswith(str(path).encode())) == (2, True)
    assert (run.returncode, str(path).encode() in run.stderr) == (2, True)
    assert b"Traceback" not in checked.stderr + run.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [("g.json", b""), ("g.json", b"\xef\xbb\xbf \n"), ("g.yaml", b"\n\n"), ("g.yml", b"# later\n")],
)
def test_an_empty_file_is_told_as_such(tmp_path: Path, name: str, text: bytes) -> None:
    """Whatever the format: that there is nothing in it, and not what a parser makes of nothing."""
    path = tmp_path / name
    path.write_bytes(text)
    result = run_command("check", str(path))
    assert (result.returncode, b"There is nothing in" in result.stdout) == (2, True), result.stderr


def test_findings_can_be_read_by_programs() -> None:
    """One array on standard output, from a text on standard input, and nothing else."""
    result = run_command("check", "--json", "--strict", "-", stdin=b"symbia: '1.0'\nname: g\nnodes: []\nedges: []")
    assert (result.returncode, result.stderr) == (1, b"")
    assert json.loads(result.stdout) == [
        {
            "file": "<stdin>",
            "severity": "error",
            "code": "graph.empty",
            "path": "nodes",
            "message": "Graph has no nodes",
            "line": 3,
            "column": 1,
        }
    ]


def test_nothing_to_find_is_an_empty_array(tmp_path: Path) -> None:
    """So that programs need not ask first."""
    result = run_command("check", "--json", _write(tmp_path / "g.json", QUICK_REFERENCE))
    assert (result.returncode, json.loads(result.stdout)) == (0, [])


def test_the_version_is_the_installations() -> None:
    """--version says which version is installed."""
    assert run_command("--version").stdout.decode().strip() == f"symbia-runtime, version {version()}"


def test_help_lists_the_commands_and_serve_lists_the_settings() -> None:
    """Each command is in the help, each environment variable in the help of serve."""
    commands = run_command("--help").stdout.decode()
    assert all(f"\n  {name} " in commands for name in ("serve", "run", "check"))
    settings = run_command("serve", "--help").stdout.decode()
    assert all(variable in settings for row in TABLE for variable in row.variables)


def test_an_unknown_command_is_status_2() -> None:
    """A command that does not exist is told, with status 2."""
    result = run_command("nonsense")
    assert (result.returncode, b"No such command" in result.stderr) == (2, True)
