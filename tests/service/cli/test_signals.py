"""Ctrl-C at a terminal and SIGTERM: every command ends, says nothing of our code, and has the shell's status."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.cli.terminal import CTRL_C, Terminal
from tests.service.serving import QUICK_REFERENCE, ROOT, SPIN, Process, clean_environment, single, start_process

TIMER = single("symbia.source.timer", config={"intervalMs": 100})
SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def service() -> Iterator[Process]:
    """A service in a process of its own."""
    with start_process() as process:
        yield process


def _file(folder: Path, document: object, name: str) -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def _start(service: Process) -> str:
    """An execution that does not end by itself; its id."""
    graph = httpx.post(f"{service.url}/api/graphs", json=QUICK_REFERENCE).json()["id"]
    reply = httpx.post(f"{service.url}/api/graphs/{graph}/execute", json={"completion": "manual"})
    return str(reply.json()["executionId"])


def _spinning_cases(folder: Path) -> str:
    limits = {"cpuMs": 30_000, "wallMs": 30_000}
    spin = {**SPIN, "execution": {**SPIN["execution"], "limits": limits}}
    cases = [
        {"name": "quick", "send": [], "expect": {}},
        {"name": "slow", "send": [{"in": 1}], "expect": {}},
    ]
    return _file(folder, {"component": spin, "cases": cases}, "spin.json")


def test_ctrl_c_ends_watching_and_gives_the_cursor_back(service: Process) -> None:
    """Watching ends with 130 and without a traceback; the execution goes on."""
    execution_id = _start(service)
    with Terminal("watch", execution_id, environment={"SYMBIA_URL": service.url}) as terminal:
        terminal.read_until("running")
        terminal.press(CTRL_C)
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.shown
        assert SHOW_CURSOR in terminal.shown
    state = httpx.get(f"{service.url}/api/executions/{execution_id}").json()["state"]
    assert state == "running"


def test_the_end_of_the_service_ends_watching_at_a_terminal(service: Process) -> None:
    """When the service goes away, the last line says so, and the status is 2."""
    execution_id = _start(service)
    with Terminal("watch", execution_id, environment={"SYMBIA_URL": service.url}) as terminal:
        terminal.read_until("running")
        service.process.kill()
        assert terminal.wait() == 2
        assert f"Error: {service.url} has closed the connection" in terminal.shown
        assert SHOW_CURSOR in terminal.shown


def test_what_cannot_be_watched_is_status_2_at_a_terminal(service: Process) -> None:
    """An unknown execution is named in one line, as it is where the output is no terminal."""
    with Terminal("watch", "none", environment={"SYMBIA_URL": service.url}) as terminal:
        assert terminal.wait() == 2
        assert "Error: No execution has the id or the name 'none'; " in terminal.shown


def test_ctrl_c_ends_a_run(tmp_path: Path) -> None:
    """A graph with a timer runs until Ctrl-C, and says so when it begins."""
    with Terminal("run", _file(tmp_path, TIMER, "timer.json")) as terminal:
        terminal.read_until("runs until Ctrl-C")
        terminal.read_until('"tick":2')
        terminal.press(CTRL_C)
        assert terminal.wait() == 130
        assert "cancelled" in terminal.shown
        assert "Traceback" not in terminal.shown


def test_ctrl_c_ends_a_test_that_spins(tmp_path: Path) -> None:
    """A component that never comes back does not keep its tester."""
    with Terminal("test", _spinning_cases(tmp_path)) as terminal:
        terminal.read_until("quick")
        terminal.press(CTRL_C)
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("verb", ["check", "run", "test"])
def test_ctrl_c_ends_the_reading_of_a_file(tmp_path: Path, verb: str) -> None:
    """Also where a file does not end, as a pipe into which nobody writes."""
    pipe = tmp_path / "graph.json"
    os.mkfifo(pipe)
    with Terminal(verb, str(pipe)) as terminal:
        with pipe.open("wb"):  # opens when the command has opened it, too
            terminal.wait_waiting()
            terminal.press(CTRL_C)
            assert terminal.wait() == 130
        assert "Traceback" not in terminal.shown
        assert "Aborted" not in terminal.shown


def test_ctrl_c_ends_serving_in_good_order() -> None:
    """The service has stopped in good order: the status is 0."""
    with Terminal("serve", environment={"PORT": "0"}) as terminal:
        terminal.read_until("Ctrl-C stops")
        terminal.press(CTRL_C)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_watching_without_a_terminal(service: Process, number: signal.Signals) -> None:
    """The status is the shell's for the signal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "watch", _start(service), "--url", service.url],
        cwd=ROOT,
        env=clean_environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"running\n"
    process.send_signal(number)
    _, complaints = process.communicate(timeout=20)
    assert (process.returncode, complaints) == (128 + number, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_whose_reader_has_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """A run that waits for the reader of its output, which never reads on, still ends."""
    value = "x" * 1_000
    graph = _file(tmp_path, single("symbia.core.passthrough"), "graph.json")
    command = [sys.executable, "-m", "service", "run", graph, "--stdin-to", "only:in"]
    lines = (json.dumps(value) + "\n").encode() * 1_000
    with (tmp_path / "lines").open("wb+") as source:
        source.write(lines)
        source.seek(0)
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment({}),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"{"  # what follows is more than a pipe holds
        process.send_signal(number)
        complaints = process.stderr.read()
    assert process.returncode == 128 + number
    assert b"cancelled" in complaints
    assert b"Traceback" not in complaints
