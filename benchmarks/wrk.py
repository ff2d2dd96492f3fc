"""``wrk``, which sends requests from C: what a client in Python costs is not in its figures."""

import shutil
import subprocess
import tempfile

import msgspec

MISSING = "skipped: wrk is not installed"

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
%s
wrk.body = [==[%s]==]
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("\\nFIGURES %%d %%d %%d %%d %%d\\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
"""


class Figures(msgspec.Struct, frozen=True):
    """What a run found: requests that were answered, how long it took, and the latency of one."""

    requests: int
    seconds: float
    p50_seconds: float
    p99_seconds: float


class WrkError(RuntimeError):
    """The run found nothing that could be believed; the message says why."""


def is_installed() -> bool:
    """Whether there is such a program."""
    return shutil.which("wrk") is not None


def post(url: str, body: str, seconds: int, token: str = "") -> Figures:
    """Post one body again and again, on one connection that is kept.

    Raises:
        WrkError: a request failed, or none was answered.
    """
    header = f'wrk.headers["Authorization"] = "Bearer {token}"' if token else ""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write(_SCRIPT % (header, body))
        script.flush()
        command = ["wrk", "-t1", "-c1", f"-d{seconds}s", "--timeout", "10s", "-s", script.name, url]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise WrkError(f"wrk ended with status {run.returncode}: {run.stderr or run.stdout}")
    return figures_of(run.stdout)


def figures_of(output: str) -> Figures:
    """The figures in what wrk wrote.

    Raises:
        WrkError: there are none, or requests failed.
    """
    found = [line.split()[1:] for line in output.splitlines() if line.startswith("FIGURES ")]
    if not found:
        raise WrkError(f"wrk wrote no figures: {output}")
    requests, duration_us, p50_us, p99_us, failed = (int(word) for word in found[0])
    if failed or not requests:
        raise WrkError(f"{failed} of {requests} requests failed")
    return Figures(requests, duration_us / 1e6, p50_us / 1e6, p99_us / 1e6)
