"""``symbia-runtime serve --graphs --library --watch`` in a process of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.processes import ended
from tests.service.serving import ROOT, clean_environment

HEAD = "/* symbia:\nid: custom.x\nname: X\nversion: 1.0.0\nports: {inputs: [in], outputs: [out]}\n*/\n"


def graph(name: str, component: str) -> str:
    nodes = [{"id": "a", "component": component}]
    return json.dumps(
        {"symbia": "1.0", "name": name, "nodes": nodes, "edges": [], "metadata": {"role": "service"}}
    )


def eventually(client: httpx.Client, path: str, wanted: Any) -> None:
    """Ask until the answer is as wanted: the watching service looks at its files twice a second."""
    deadline = time.monotonic() + 20
    while True:
        got = client.get(path).json()
        if wanted(got) or time.monotonic() > deadline:
            assert wanted(got), got
            return
        time.sleep(0.05)


def test_a_service_begins_with_its_folders_and_follows_them(tmp_path: Path) -> None:
    """It serves what is in them, runs a service, says how many files are refused, and takes what changes."""
    graphs, library = tmp_path / "graphs", tmp_path / "library"
    graphs.mkdir()
    library.mkdir()
    (library / "x.js").write_text(HEAD + "export default (ctx, port, value) => ctx.emit('out', value);")
    (graphs / "good.json").write_text(graph("good", "custom.x"))
    (graphs / "bad.json").write_text(graph("bad", "custom.nowhere"))
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--graphs", graphs, "--library", library, "--watch"],
        cwd=ROOT,
        env=clean_environment({"PORT": "0"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with ended(process):
        assert process.stdout is not None
        url = next(line for line in process.stdout if "http://" in line).split()[-1]
        with httpx.Client(base_url=url) as client:
            assert [each["name"] for each in client.get("/api/graphs").json()["graphs"]] == ["good"]
            assert [each["state"] for each in client.get("/api/executions").json()["executions"]] == ["running"]
            ready = client.get("/health/ready")
            assert (ready.status_code, ready.json()["checks"]["files"]["status"]) == (200, "degraded")
            assert client.get("/api/stats").json()["refusedFiles"] == 1
            (graphs / "bad.json").write_text(graph("better", "custom.x"))
            eventually(client, "/api/stats", lambda got: got["loadedGraphs"] == 2 and "refusedFiles" not in got)
