"""Requests made from our own OpenAPI document, sent to a real service on a real port, each answer judged."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.service.serving import ROOT, start_process
from tests.service.tokens import SECRET, hs

FOLDER = Path(__file__).parent
PHASES = "examples,coverage,fuzzing,stateful"


class Result(msgspec.Struct, frozen=True):
    """What a campaign found: how many requests were made, whether all answers were right, and the report."""

    cases: int
    is_clean: bool
    report: str


def run_campaign(examples: int, seed: int, *, phases: str = PHASES, recognised: bool = False) -> Result:
    """Let schemathesis loose on a service.

    Args:
        examples: requests generated for each operation in the phases that generate at random.
        seed: repeats a campaign.
        phases: of schemathesis.
        recognised: whether the service wants to know who calls, and the requests bring a token; without one, the
            service takes whatever comes from this machine.

    Raises:
        RuntimeError: schemathesis did not come to its summary.
    """
    keys = {"JWT_SECRET": SECRET} if recognised else {}
    with start_process({"LOG_LEVEL": "error", **keys}) as service:
        arguments = ["--config-file", str(FOLDER / "schemathesis.toml"), "run", f"{service.url}/docs/openapi.json"]
        options = ["--max-examples", str(examples), "--seed", str(seed), "--phases", phases, "--checks", "all"]
        quiet = ["--no-color", "--warnings", "off", "--no-shrink", "--generation-database", "none"]
        headers = ["--header", f"Authorization: Bearer {hs(SECRET)}"] if recognised else []
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *arguments, *options, *quiet, *headers],
            cwd=FOLDER,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        status, log = service.end()
    report = f"{done.stdout}{done.stderr}\nThe service ended with {status}:\n{log}"
    counted = re.search(r"([\d,]+) generated", done.stdout)
    if counted is None:
        raise RuntimeError(f"schemathesis ended with {done.returncode}:\n{report}")
    is_clean = done.returncode == 0 and status == 0 and "unforeseen" not in log
    return Result(int(counted[1].replace(",", "")), is_clean, report)
