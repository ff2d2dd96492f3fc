"""Standard output and standard error that are full, closed, or read by nobody: said, and seen in the status."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.service.serving import QUICK_REFERENCE, ROOT, Process, clean_environment, single, start_process

COMMAND = [sys.executable, "-m", "service"]
PASS = single("symbia.core.passthrough")
FULL = "Error: Standard output cannot be written: No space left on device\n"
UNREAD = "Error: Nobody reads standard output any more\n"

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no /dev/full")


def _file(folder: Path, document: object, name: str = "graph.json") -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def shell(line: str, *arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash, in which ``"$@"`` is ``symbia-runtime`` with arguments."""
    return subprocess.run(
        ["bash", "-c", line, "bash", *COMMAND, *arguments],
        cwd=ROOT,
        env=clean_environment({}),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def unread() -> Iterator[int]:
    """The end of a pipe into which one can write, and nobody has the other one."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@needs_full_device
def test_a_run_says_that_its_output_is_full(tmp_path: Path) -> None:
    """Results that cannot be written end the run with status 1 and the reason, in the last line."""
    result = shell('"$@" > /dev/full', "run", _file(tmp_path, PASS), "--inject", "only:in=1")
    assert (result.returncode, result.stderr.endswith(FULL)) == (1, True), result.stderr


def test_a_run_says_that_nobody_reads_its_output(tmp_path: Path) -> None:
    """The status is that of SIGPIPE, as for other programs in a pipe, and the last line says what happened."""
    line = 'yes 1 | "$@" | head -1; exit ${PIPESTATUS[1]}'
    result = shell(line, "run", _file(tmp_path, PASS), "--stdin-to", "only:in")
    assert (result.returncode, result.stderr.endswith(UNREAD)) == (141, True), result.stderr


@pytest.mark.parametrize("where", ["2>&-", "2> >(true)", pytest.param("2> /dev/full", marks=needs_full_device)])
def test_results_are_written_where_progress_cannot_be(tmp_path: Path, where: str) -> None:
    """What is told on standard error may be lost; the results and the status are not."""
    run = ["run", _file(tmp_path, PASS), "--verbose", "--inject", "only:in=1", "--inject", "only:in=2"]
    result = shell(f'"$@" {where}', *run)
    values = [json.loads(line)["value"] for line in result.stdout.splitlines()]
    assert (result.returncode, values) == (0, [1, 2])


@needs_full_device
def test_verdicts_that_cannot_be_written_are_not_those_of_the_component() -> None:
    """Testing into a full device says that, and not how the cases went."""
    result = shell('"$@" > /dev/full', "test", "examples/square.cases.yaml")
    assert (result.returncode, result.stderr) == (1, FULL)


def test_verdicts_that_nobody_reads_are_not_failures() -> None:
    """The status is that of SIGPIPE, and not the one of a component that failed its cases."""
    with unread() as pipe:
        result = shell('"$@"', "test", "examples/square.cases.yaml", stdout=pipe)
    assert (result.returncode, result.stderr) == (141, UNREAD)


@needs_full_device
def test_problems_that_cannot_be_written_are_said_to_be(tmp_path: Path) -> None:
    """Checking into a full device says that it is full."""
    result = shell('"$@" > /dev/full', "check", _file(tmp_path, single("symbia.core.nothing")))
    assert (result.returncode, result.stderr) == (1, FULL)


@needs_full_device
def test_help_that_cannot_be_written_is_said_to_be() -> None:
    """Likewise help."""
    result = shell('"$@" > /dev/full', "--help")
    assert (result.returncode, result.stderr) == (1, FULL)


@needs_full_device
def test_watching_ends_where_the_output_is_full() -> None:
    """Watching has no other purpose than to be read, so it ends at once and says why."""
    with start_process() as service:
        result = shell('"$@" > /dev/full', "watch", _ended(service), "--url", service.url)
    assert (result.returncode, result.stderr) == (1, FULL)


def test_watching_ends_where_nobody_reads() -> None:
    """Likewise, with the status of SIGPIPE."""
    with start_process() as service, unread() as pipe:
        result = shell('"$@"', "watch", _ended(service), "--url", service.url, stdout=pipe)
    assert (result.returncode, result.stderr) == (141, UNREAD)


def _ended(service: Process) -> str:
    """An execution that has ended, which is told of at once; its id."""
    graph = httpx.post(f"{service.url}/api/graphs", json=QUICK_REFERENCE).json()["id"]
    execution_id = httpx.post(f"{service.url}/api/graphs/{graph}/execute").json()["executionId"]
    httpx.post(f"{service.url}/api/executions/{execution_id}/stop")
    return str(execution_id)


@pytest.mark.parametrize(
    "closing",
    [">&-", "2>&-", "<&- >&- 2>&-", pytest.param("> /dev/full", marks=needs_full_device), "2> /dev/full", ""],
)
def test_a_service_serves_whoever_reads_what_it_prints(closing: str) -> None:
    """That its address or its log cannot be written does not concern those whom it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with unread() as pipe:
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" {closing}', "bash", *COMMAND, "serve", "--port", str(port)],
            cwd=ROOT,
            env=clean_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
        )
    try:
        while not _is_healthy(port):
            assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.ConnectError:
        return False
