"""``symbia-runtime run``: one graph from a shell, as people use it."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import ended
from tests.service.serving import QUICK_REFERENCE, ROOT, SPIN, SQUARE, clean_environment, run_command, single


def _file(folder: Path, document: Any, name: str = "graph.json") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(document) if name.endswith(".yaml") else json.dumps(document))
    return str(path)


def _output(result: "subprocess.CompletedProcess[bytes]") -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ["graph.json", "graph.yaml"])
def test_what_reaches_the_outputs_is_printed(tmp_path: Path, name: str) -> None:
    """21 goes in, 42 comes out as one line; metrics go to standard error; the status is 0."""
    result = run_command("run", _file(tmp_path, QUICK_REFERENCE, name), "--inject", "input:in=21")
    assert (result.returncode, result.stdout) == (0, b'{"node":"output","port":"out","value":42}\n')
    assert b"messages processed  3" in result.stderr


def test_values_keep_their_spelling(tmp_path: Path) -> None:
    """A graph that does not look inside prints what was typed, to the digit."""
    graph = _file(tmp_path, single("symbia.core.passthrough"))
    result = run_command("run", graph, "--inject", 'only:in={"b": 12345678901234567890123, "a": 1.10}')
    assert result.stdout.strip().endswith(b'"value":{"b": 12345678901234567890123, "a": 1.10}}')


def test_lines_of_messages_are_injected(tmp_path: Path) -> None:
    """Each line says its port; arguments go first; the order is kept."""
    lines = "".join(f'{{"nodeId":"only","port":"in","value":{number}}}\n' for number in range(3))
    graph = _file(tmp_path, single("symbia.core.passthrough"))
    result = run_command("run", graph, "--inject", 'only:in="first"', "--stdin", stdin=lines.encode())
    assert [line["value"] for line in _output(result)] == ["first", 0, 1, 2]


def test_lines_of_values_go_to_one_port(tmp_path: Path) -> None:
    """With --stdin-to each line is a value; blank lines are nothing, and the last needs no line end."""
    graph = _file(tmp_path, QUICK_REFERENCE)
    result = run_command("run", graph, "--stdin-to", "input:in", stdin=b"1\n\n2\n3")
    assert [line["value"] for line in _output(result)] == [2, 4, 6]


@pytest.mark.parametrize(
    ("arguments", "closing", "name"),
    [(["--stdin"], "<&-", b"input"), (["--stdin-to", "input:in"], "<&-", b"input"), ([], ">&-", b"output")],
)
def test_a_closed_stream_is_named(tmp_path: Path, arguments: list[str], closing: str, name: bytes) -> None:
    """Where the shell has closed a stream that is needed, the error says which, and the status is 2."""
    command = [sys.executable, "-m", "service", "run", _file(tmp_path, QUICK_REFERENCE), *arguments]
    result = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closing}', "sh", *command],
        cwd=ROOT,
        env=clean_environment({}),
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert b"Standard " + name + b" is closed" in result.stderr


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    """A graph file that begins with a byte order mark is read like any other."""
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(QUICK_REFERENCE), encoding="utf-8-sig")
    assert run_command("check", str(path)).returncode == 0


def test_own_components_are_registered_first(tmp_path: Path) -> None:
    """A graph may use a component from a file."""
    graph, component = _file(tmp_path, single(SQUARE["id"])), _file(tmp_path, SQUARE, "square.json")
    result = run_command("run", graph, "--component", component, "--inject", "only:in=12")
    assert [line["value"] for line in _output(result)] == [144]


def test_a_failed_execution_is_status_1(tmp_path: Path) -> None:
    """A handler that throws fails the run; the node and the error are told, without a traceback of ours."""
    graph = _file(tmp_path, single("symbia.core.map", config={"expression": "value.x.y"}))
    result = run_command("run", graph, "--inject", "only:in=1")
    assert result.returncode == 1
    assert b"only" in result.stderr
    assert b"TypeError" in result.stderr
    assert b"Traceback" not in result.stderr


def test_a_timeout_is_status_1(tmp_path: Path) -> None:
    """A run that may not take longer is failed, and says which limit was met."""
    graph, spin = _file(tmp_path, single(SPIN["id"])), _file(tmp_path, SPIN, "spin.json")
    result = run_command("run", graph, "--component", spin, "--inject", "only:in=1", "--timeout", "0.2")
    assert (result.returncode, b"200 ms" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (["--inject", "nowhere:in=1"], b"", b"nowhere"),
        (["--inject", "input:in"], b"", b"NODE:PORT=JSON"),
        (["--inject", "input:in=hello"], b"", b"text needs quotes"),
        (["--stdin"], b"{}\n", b"Line 1 of standard input"),
        (["--stdin"], b'{"nodeId":"input","port":"in","value":1}\nx\n', b"Line 2 of standard input"),
        (["--stdin-to", "input:in"], b"1\n{\n", b"Line 2 of standard input"),
        (["--stdin-to", "input:side"], b"1\n", b"side"),
        (["--stdin-to", "input:"], b"", b"NODE:PORT"),
        (["--stdin", "--stdin-to", "input:in"], b"", b"not both"),
        (["--component", "/nowhere.json"], b"", b"does not exist"),
    ],
)
def test_a_wrong_command_is_status_2_and_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], stdin: bytes, complaint: bytes
) -> None:
    """Whatever is wrong with the arguments or the input is named, without a traceback."""
    result = run_command("run", _file(tmp_path, QUICK_REFERENCE), *arguments, stdin=stdin)
    assert (result.returncode, complaint in result.stderr) == (2, True), result.stderr
    assert b"Traceback" not in result.stderr


def test_a_wrong_graph_is_status_2_with_every_problem(tmp_path: Path) -> None:
    """Each problem is one line with its place, and nothing runs."""
    graph = _file(tmp_path, single("symbia.core.nothing", id="a b"))
    result = run_command("run", graph)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"{graph}:1:".encode())
    assert b": error: Graph references components" in result.stderr


def test_the_end_of_the_reader_is_the_end_of_the_run(tmp_path: Path) -> None:
    """When nobody reads the output any more the run ends quietly, however much input there is."""
    graph = _file(tmp_path, single("symbia.core.passthrough"))
    command = f"yes 1 | {sys.executable} -m service run {graph} --stdin-to only:in | head -1"
    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=clean_environment({}), capture_output=True, timeout=30, check=False
    )
    assert result.stdout == b'{"node":"only","port":"out","value":1}\n'
    assert b"Traceback" not in result.stderr
    assert b"BrokenPipe" not in result.stderr


def test_endless_input_takes_bounded_memory(tmp_path: Path) -> None:
    """Input is read no faster than the graph takes it: 100 MB of it pass through a fraction of that memory."""
    graph = _file(tmp_path, single("symbia.core.passthrough"))
    values = b'"' + b"x" * 1000 + b'"\n'
    started = subprocess.Popen(
        [sys.executable, "-m", "service", "run", graph, "--stdin-to", "only:in"],
        cwd=ROOT,
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with ended(started) as process:
        feeder = threading.Thread(target=_feed, args=(process, values * 1000, 100))
        feeder.start()
        assert process.stdout is not None
        peak_kilobytes = 0
        for printed, _ in enumerate(process.stdout, 1):
            if printed % 1000 == 0:  # at the end there is no process to ask any more
                peak_kilobytes = _peak_kilobytes(process.pid) or peak_kilobytes
        feeder.join()
        assert (process.wait(), printed) == (0, 100_000)
    assert 10_000 < peak_kilobytes < 120_000


def _peak_kilobytes(pid: int) -> int:
    """The most memory that a process has had resident so far; 0 when it is gone.

    Not what ``wait4`` tells: that includes the parent's memory, which the child has between fork and exec.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def _feed(process: "subprocess.Popen[bytes]", data: bytes, times: int) -> None:
    assert process.stdin is not None
    with process.stdin as stream:
        for _ in range(times):
            stream.write(data)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    """A run that waits for input ends at a signal, with the shell's status for it, and shows its metrics."""
    graph = _file(tmp_path, single("symbia.core.passthrough"))
    started = subprocess.Popen(
        [sys.executable, "-m", "service", "run", graph, "--stdin-to", "only:in"],
        cwd=ROOT,
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with ended(started) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"1\n")
        process.stdin.flush()
        assert process.stdout.readline() == b'{"node":"only","port":"out","value":1}\n'
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, b"cancelled" in stderr) == (128 + number, True)
    assert b"Traceback" not in stderr


def test_what_is_unprocessed_at_the_end_is_in_the_summary(tmp_path: Path) -> None:
    """Whatever was accepted and not finished is counted, with its nodes, also where the run failed."""
    graph = single("symbia.core.delay")
    graph["nodes"][0]["config"] = {"ms": 3_600_000}
    result = run_command(
        "run", _file(tmp_path, graph), "--timeout", "0.5", "--stdin-to", "only:in", stdin=b"1\n2\n3"
    )
    assert result.returncode == 1
    assert re.search(rb"unprocessed +3 \(only 3\)", result.stderr)
    result = run_command("run", _file(tmp_path, QUICK_REFERENCE), "--inject", "input:in=21")
    assert b"unprocessed" not in result.stderr
