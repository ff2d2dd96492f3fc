"""Serving begins without what only some will need."""

import subprocess
import sys
from pathlib import Path

import httpx

from tests.processes import ended
from tests.service.serving import ROOT, clean_environment

NOT_NEEDED = {
    "aioquic": "HTTP/3, which is not served",
    "cryptography": "keys of tokens, for those who have some",
    "engineio": "reads and writes Socket.IO's packets elsewhere",
    "jwt": "tokens, likewise",
    "opentelemetry": "spans, for those who collect them",
    "quickjs_rs": "TypeScript, for those who register some",
    "service.network.relay": "the Network, for those who take part",
    "service.documents.yaml": "YAML, for those who send some",
    "socketio": "likewise",
    "trio_websocket": "connections to the Network",
    "yaml": "YAML",
}
"""Packages and modules that cost time to import, and who needs them."""


def test_serving_begins_without_what_few_need(tmp_path: Path) -> None:
    """The modules that are imported until the first reply are known, and the heavy ones are not among them."""
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        ended(
            subprocess.Popen(
                [sys.executable, "-X", "importtime", "-m", "service", "serve"],
                cwd=ROOT,
                env=clean_environment({"PORT": "0", "LOG_LEVEL": "error"}),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        ) as process,
    ):
        assert process.stdout is not None
        url = next(line.split()[-1] for line in process.stdout if line.startswith("symbia-runtime serves "))
        assert httpx.get(f"{url}/api/health").status_code == 200
        process.terminate()
        process.communicate(timeout=20)
    lines = log.read_text().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "service.server" in imported
    assert imported.isdisjoint(NOT_NEEDED)
