"""The commands against a service, as their users call them: in processes of their own, against a real one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.countries.server import open_server
from service.cli.main import cli
from tests.service.serving import QUICK_REFERENCE, ROOT, clean_environment


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service on a free port."""
    with open_server() as url:
        yield url


def call(url: str, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Run a command to its end; its status, what it printed and its complaints."""
    command = [sys.executable, "-m", "service", *arguments]
    environment = clean_environment({"SYMBIA_URL": url})
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_graph_is_executed_from_its_file_and_named_by_what_it_is_called(url: str) -> None:
    """``execute FILE``, then messages to it by name, then what it logged: no id is typed."""
    status, printed, _ = call(url, "execute", "examples/quick_reference.json", "--completion", "manual")
    assert (status, printed.split(maxsplit=1)[1]) == (0, "Simple Pipeline: running\n")
    identifier = printed.split()[0]
    status, printed, said = call(url, "inject", "simple-pipeline", "input:in=21", "input:in=22", "--wait")
    values = [json.loads(line)["value"] for line in printed.splitlines()]
    assert (status, values, said) == (0, [42, 44], "2 accepted\n")
    assert call(url, "outputs", "simple", "--port", "output:out") == (0, printed, "")
    assert call(url, "pause", "Simple Pipeline") == (0, f"{identifier}  paused\n", "")
    assert call(url, "inject", identifier[:8], "--stdin-to", "input:in", stdin="1\n2\n") == (
        0,
        "",
        "2 accepted; the execution is paused and holds them\n",
    )
    _, printed, _ = call(url, "edges", "simple", "--json")
    assert [(json.loads(line)["source"], json.loads(line)["sent"]) for line in printed.splitlines()] == [
        ("input:out", 2),
        ("double:out", 2),
    ]
    columns = ["SEQUENCE", "LANE", "BYTES", "AGE", "S", "TAG", "VALUE"]
    assert call(url, "edges", "simple", "e1")[1].split() == columns
    assert call(url, "edges", "simple", "--node", "double", "pause")[1].splitlines()[2].split() == [
        "e1",
        "held",
        "0",
        "edge-1",
    ]
    status, printed, _ = call(url, "edges", "simple", "e1", "insert", "5", "--first", "--json")
    (number,) = json.loads(printed)["sequences"]
    lines = call(url, "bottleneck", "simple")[1].splitlines()
    assert lines[0].split() == ["#", "NODE", "CAUSE", "TREND", "WORKS", "BLOCKED", "HELD", "WAITS", "WHY"]
    assert lines[1].split()[1:3] == ["double", "held"]
    assert (status, call(url, "edges", "simple", "e1", "drop", str(number))[0]) == (0, 0)
    assert call(url, "edges", "simple", "--node", "double", "resume")[1].startswith("0 messages\n")
    _, printed, _ = call(url, "reload", "simple", "--config", 'double={"expression": "value * 3"}', "--dry-run")
    assert [line.split()[:2] for line in printed.splitlines()] == [
        ["NODE", "CHANGE"],
        ["input", "kept"],
        ["double", "changed"],
        ["output", "kept"],
    ]
    assert call(url, "stop", "simple", "--drain") == (0, f"{identifier}  completed\n", "")
    _, printed, _ = call(url, "logs", "simple", "--json", "--tail", "3")
    assert [json.loads(line)["message"] for line in printed.splitlines()] == ["44", "2", "4"]
    _, printed, _ = call(url, "executions", "show", identifier[:8])
    assert [line.split()[:5] for line in printed.splitlines() if line.startswith("double")] == [
        ["double", "symbia.core.map", "stopped", "0", "4"]
    ]
    assert call(url, "resume", identifier)[0] == 1


def test_lists_are_tables_for_people_and_lines_of_json_for_programs(url: str) -> None:
    """A graph from standard input is in the list, is shown, and is gone when it is deleted."""
    graph = {**QUICK_REFERENCE, "name": "Tabled", "nodes": QUICK_REFERENCE["nodes"][:1], "edges": []}
    status, printed, _ = call(url, "graphs", "load", "-", stdin=json.dumps(graph))
    assert (status, printed.split(maxsplit=1)[1]) == (0, "Tabled 1.0.0: 1 nodes, 0 edges\n")
    identifier = printed.split()[0]
    _, printed, _ = call(url, "graphs")
    assert printed.split()[:6] == ["ID", "VERSION", "NODES", "EDGES", "LOADED", "NAME"]
    (row,) = [line.split() for line in printed.splitlines() if line.endswith("Tabled")]
    assert row[:4] == [identifier[:8], "1.0.0", "1", "0"]
    _, printed, _ = call(url, "graphs", "list", "--json")
    assert identifier in [json.loads(line)["id"] for line in printed.splitlines()]
    assert "input  symbia.core.passthrough" in call(url, "graphs", "show", "tabled")[1]
    inside = {"id": "inside", "graph": {"nodes": graph["nodes"], "edges": []}}
    changed = json.dumps({**graph, "version": "2.0.0", "nodes": [*graph["nodes"], inside]})
    assert call(url, "graphs", "load", "--replace", "-", stdin=changed)[1].endswith(
        "2 nodes, 0 edges, version 2\n"
    )
    assert "inside  graph of 1 nodes" in call(url, "graphs", "show", "tabled")[1]
    assert call(url, "graphs", "rollback", "tabled", "1")[0] == 0
    _, printed, _ = call(url, "graphs", "versions", "tabled")
    assert [line.split()[:2] for line in printed.splitlines()[1:]] == [
        ["1", "1.0.0"],
        ["2", "2.0.0"],
        ["3", "1.0.0"],
    ]
    assert call(url, "graphs", "delete", "tabled")[0] == 0
    assert call(url, "graphs", "show", "tabled") == (
        1,
        "",
        "Error: No graph has the id or the name 'tabled'; `symbia-runtime graphs` lists them\n",
    )


def test_a_component_is_registered_and_its_log_is_followed_to_the_end(url: str) -> None:
    """Following ends with the execution, and has its last line."""
    assert call(url, "components", "load", "examples/square.json") == (0, "custom.math.square  registered\n", "")
    assert "ctx.emit('out', value * value)" in call(url, "components", "show", "custom.math.square")[1]
    status, printed, _ = call(url, "execute", "examples/squares.json", "--inject", "square:in=12", "--watch")
    assert (status, printed.splitlines()[-1]) == (0, "completed")
    _, printed, _ = call(url, "logs", "squares", "--follow", "--level", "info")
    assert printed.split()[1:] == ["info", "output", "144"]
    refused = call(url, "components", "load", "examples/square.json")
    assert refused[0] == 1
    assert refused[2].startswith("Error: examples/square.json: Component already registered: custom.math.square\n")


def test_what_the_service_refuses_is_said_with_its_problems(url: str) -> None:
    """A wrong line of a stream is named with its number; what came before it was taken in."""
    _, printed, _ = call(url, "execute", "examples/quick_reference.json", "--completion", "manual")
    identifier = printed.split()[0]
    lines = '{"nodeId": "input", "port": "in", "value": 1}\n{"nodeId": "nowhere", "port": "in", "value": 2}\n'
    status, _, said = call(url, "inject", identifier, "--stdin", stdin=lines)
    assert (status, said.splitlines()[0]) == (1, "Error: Line 2: Node not in graph: nowhere")
    status, _, said = call(url, "inject", identifier, "--stdin-to", "input:in", stdin="1\nno json\n")
    assert (status, said.startswith("Error: Line 2 of standard input: ")) == (1, True)
    assert call(url, "inject", identifier)[0] == 2


def test_a_file_that_is_refused_is_shown_as_check_shows_it(url: str, tmp_path: Path) -> None:
    """Graphs and components, from files and standard input: each problem with its line and column."""
    graph = tmp_path / "g.yaml"
    graph.write_text(
        'symbia: "1.0"\nname: g\nnodes:\n  - id: a\n    component: symbia.core.map\n'
        "    config: {expresion: 1}\nedges:\n  - {source: {node: a, port: out}, target: {node: a, port: true}}\n"
    )
    lines = [
        f"{graph}:6:14: error: Config key expresion is not known; did you mean expression? (config.unknown_key)",
        f'{graph}:8:60: error: Expected `str`, got `bool`; write it in quotes: "true" (edge.wrong_type)',
    ]
    status, printed, said = call(url, "execute", str(graph))
    assert (status, printed, said.splitlines()) == (1, "", lines)
    assert call(url, "components", "load", "-", stdin='{\n"surce": 1}')[2].startswith("<stdin>:")


def test_graphs_are_loaded_before_those_that_use_them_by_name(url: str) -> None:
    """They are, in whichever order their files are given."""
    files = [f"examples/orders/{name}.yaml" for name in ("orders", "order", "pricing")]
    assert call(url, "execute", "orders.yaml")[2].startswith("Error: There is no file orders.yaml; No graph has")
    status, printed, said = call(url, "graphs", "load", *files)
    assert (status, [line.split()[1] for line in printed.splitlines()], said) == (
        0,
        ["pricing", "order", "Orders"],
        "",
    )
    warned = f"Warning: {files[2]}: There are others of its name; --replace makes a new version of it instead\n"
    assert call(url, "graphs", "load", files[2])[2] == warned


def test_a_service_that_is_not_there_is_said_in_one_line() -> None:
    """So is a URL that is none."""
    status, _, said = call("http://127.0.0.1:1", "executions")
    assert (status, said.startswith("Error: http://127.0.0.1:1 cannot be reached: "), said.count("\n")) == (
        1,
        True,
        1,
    )
    assert call("ftp://nowhere", "graphs") == (
        1,
        "",
        "Error: 'ftp://nowhere' is no URL of a service; write one such as http://127.0.0.1:5006\n",
    )


def test_a_shell_completes_commands_and_the_names_of_graphs(url: str, tmp_path: Path) -> None:
    """The lines for bash, evaluated there, complete a command, and a graph as a shell takes it without quotes."""
    call(url, "graphs", "load", "examples/etl.yaml")
    program = tmp_path / "symbia-runtime"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import symbia_runtime; symbia_runtime.main()" "$@"\n'
    )
    program.chmod(0o755)
    script = """
eval "$(symbia-runtime completion bash)"
COMP_WORDS=(symbia-runtime compl); COMP_CWORD=1; _symbia_runtime_completion symbia-runtime; echo "${COMPREPLY[@]}"
COMP_WORDS=(symbia-runtime graphs show et); COMP_CWORD=3; COMPREPLY=(); _symbia_runtime_completion symbia-runtime
echo "${COMPREPLY[@]}"
"""
    environment = clean_environment({"SYMBIA_URL": url})
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == ["complete completion", "etl-pipeline"]


def invoke(url: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process, which takes a twentieth of the time."""
    done = CliRunner().invoke(cli, arguments, env={"SYMBIA_URL": url})
    return done.exit_code, done.stdout, done.stderr


def test_breakpoints_are_set_seen_stepped_and_removed(url: str) -> None:
    """What is held is listed below its breakpoint, with its number and its verbs."""
    identifier = invoke(url, "execute", "examples/quick_reference.json", "--completion", "manual")[1].split()[0]
    set_up = invoke(url, "break", identifier, "--edge", "e1", "--when", "value > 20")
    assert set_up == (0, "b1  hold on input of edge e1, when value > 20  (0 hits)\n", "")
    invoke(url, "inject", identifier, "input:in=20", "input:in=21")
    while "double" not in (printed := invoke(url, "break", identifier)[1]):
        pass
    assert printed.splitlines()[1] == "  1  input at double:in  21  [continue, step, next, edit, drop, skip]"
    status, printed, _ = invoke(url, "step", identifier, "b1", "edit", "--value", "40", "--json")
    assert (status, json.loads(printed)["held"][0]["value"]) == (0, 40)
    assert invoke(url, "step", identifier, "b1", "continue")[0] == 0
    status, _, said = invoke(url, "step", identifier, "b1", "continue")
    assert (status, "holds nothing" in said) == (1, True)
    assert invoke(url, "break", identifier, "--remove", "b1") == (0, "", "")
    assert invoke(url, "break", identifier) == (0, "", "")
    for wrong in (["--when", "true"], ["--remove", "b1", "--node", "x"]):
        assert invoke(url, "break", identifier, *wrong)[0] == 2
    assert invoke(url, "step", identifier, "b1", "edit", "--value", "{")[0] == 2
    assert invoke(url, "stop", identifier, "--drain")[0] == 0
    _, printed, _ = invoke(url, "logs", identifier, "--json")
    assert [json.loads(line)["message"] for line in printed.splitlines()] == ["40", "80"]
