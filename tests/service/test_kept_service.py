"""A service with a store, as its users meet it: killed, started again, and where the store cannot be used."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx

from engine.keeping.records import CUT_OFF
from store.sqlite import FILE
from tests.service.serving import QUICK_REFERENCE, ROOT, clean_environment, log_lines, single, start_process


def test_what_was_answered_for_is_there_after_a_kill(tmp_path: Path) -> None:
    """A graph under its id, an execution as it ended, and one that ran as failed; what was unloaded is not."""
    data = {"DATA_DIR": str(tmp_path / "data")}
    with start_process(data) as process:
        url = process.url
        graph = httpx.post(f"{url}/api/graphs", json=QUICK_REFERENCE).json()["id"]
        tag = httpx.get(f"{url}/api/graphs/{graph}").headers["etag"]
        inputs = [{"nodeId": "input", "port": "in", "value": 21}]
        ended = httpx.post(f"{url}/api/graphs/{graph}/execute", json={"inputs": inputs}).json()["executionId"]
        while httpx.get(f"{url}/api/executions/{ended}").json()["state"] != "completed":
            pass
        running = httpx.post(f"{url}/api/graphs/{graph}/execute", json={"completion": "manual"}).json()[
            "executionId"
        ]
        while "symbia_store_waiting 0.0" not in (page := httpx.get(f"{url}/metrics").text):
            pass
        while "symbia_store_changes_total 4.0" not in page:
            page = httpx.get(f"{url}/metrics").text
        process.end(signal.SIGKILL)
    with start_process(data) as process:
        url = process.url
        assert httpx.get(f"{url}/api/graphs/{graph}").headers["etag"] == tag
        assert httpx.get(f"{url}/api/executions/{ended}").json()["state"] == "completed"
        assert httpx.get(f"{url}/api/executions/{ended}/logs").json()["logs"][0]["message"] == "42"
        said = httpx.get(f"{url}/api/executions/{running}").json()
        assert (said["state"], said["error"]["message"]) == ("failed", CUT_OFF)
        assert httpx.delete(f"{url}/api/graphs/{graph}").status_code == 204
        assert process.end()[0] == 0
    with start_process(data) as process:
        assert httpx.get(f"{process.url}/api/graphs").json()["total"] == 0
        status, log = process.end()
    (restored,) = [line for line in log_lines(log) if line["event"] == "restored"]
    assert (status, restored["graphs"], restored["executions"]) == (0, 0, 2)


def test_a_full_store_refuses_and_changes_nothing(tmp_path: Path) -> None:
    """503 with a code and no path of ours for the caller; the file and what to do in the log."""
    data = {"DATA_DIR": str(tmp_path), "STORE_MAX_BYTES": str(2**20)}
    large = {**single("symbia.core.passthrough"), "metadata": {"note": "x" * 900_000}}
    with start_process(data) as process:
        first = httpx.post(f"{process.url}/api/graphs", json=large)
        refused = httpx.post(f"{process.url}/api/graphs", json=large)
        listed = httpx.get(f"{process.url}/api/graphs").json()["total"]
        _, log = process.end()
    assert (first.status_code, refused.status_code, refused.json()["code"], listed) == (
        201,
        503,
        "store.failed",
        1,
    )
    assert str(tmp_path) not in refused.text
    (said,) = [line for line in log_lines(log) if line["event"] == "store failed"]
    assert said["reason"].startswith(f"{tmp_path / FILE} has no room left")


def test_a_store_that_cannot_be_used_ends_the_start_in_one_line(tmp_path: Path) -> None:
    """Status 1, the file, and what to do."""
    (tmp_path / FILE).write_text("no database" * 1000, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve"],
        cwd=ROOT,
        env=clean_environment({"PORT": "0", "DATA_DIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: DATA_DIR: {tmp_path / FILE} is damaged, or is no store")
    assert done.stderr.count("\n") == 1
