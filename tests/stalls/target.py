"""The service that is attacked: in a process of its own, under the stopwatch, with default settings."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from tests.service.serving import ROOT, clean_environment, single
from tests.stalls.stopwatch import LongPass, LongStep

START_SECONDS = 60
END_SECONDS = 20
_PAGE_BYTES = 4096


class Target:
    """One running service."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, watched: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stalls-")
        self._report = Path(self._folder.name) / "steps"
        self._report.touch()
        self._read_bytes = 0
        module = "tests.stalls.serve" if watched else "service"
        settings = {"PORT": "0", "LOG_LEVEL": "error", "STALLS_REPORT": str(self._report), **(environment or {})}
        self._log = (Path(self._folder.name) / "log").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *([] if watched else ["serve"])],
            cwd=ROOT,
            env=clean_environment(settings),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.url = self._greeting()

    def _greeting(self) -> str:
        assert self.process.stdout is not None
        url = ""
        for line in self.process.stdout:
            if "http://" in line and not url:
                url = "http://" + line.partition("http://")[2].split()[0].rstrip("/")
            if line.startswith("symbia-runtime serves "):
                return url
        raise AssertionError(f"The service did not start: {self.log()}")

    def log(self) -> str:
        """What it has logged."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    @property
    def is_alive(self) -> bool:
        """Whether the process is still there."""
        return self.process.poll() is None

    def steps(self) -> list[LongStep]:
        """The long steps since the last call of one of the two."""
        return self.noted()[0]

    def noted(self) -> tuple[list[LongStep], list[LongPass]]:
        """The long steps, and the long passes of the loop, since the last call of one of the two."""
        with self._report.open("rb") as report:
            report.seek(self._read_bytes)
            text = report.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        lines = [msgspec.json.decode(line, type=LongStep | LongPass) for line in whole.splitlines()]
        steps = [line for line in lines if isinstance(line, LongStep)]
        return steps, [line for line in lines if isinstance(line, LongPass)]

    def resident_bytes(self) -> int:
        """Resident memory now, of the process alone."""
        try:
            return (
                int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
            )
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return 0

    def peak_bytes(self) -> int:
        """The most resident memory since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in status.read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) * 1024
        return 0

    def forget_peak(self) -> None:
        """Begin anew with the peak of resident memory."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def bystander(self, token: str = "") -> str:
        """Start a small execution, as one who has nothing to do with it all; its id."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=self.url, timeout=20, headers=headers) as client:
            graph = client.post("/api/graphs", json=single("symbia.core.passthrough")).json()["id"]
            return str(client.post(f"/api/graphs/{graph}/execute").json()["executionId"])

    def clean(self, keep: str = "") -> None:
        """Stop and remove everything that a case has left, except the graph of one execution."""
        with (
            contextlib.suppress(httpx.HTTPError, ValueError, KeyError),
            httpx.Client(base_url=self.url, timeout=10) as client,
        ):
            for graph in _items(client.get("/api/graphs?limit=100")):
                executions = _items(client.get(f"/api/executions?graphId={graph['id']}&limit=100"))
                if any(keep and _id(each) == keep for each in executions):
                    continue
                for execution in executions:
                    client.post(f"/api/executions/{_id(execution)}/stop")
                    client.delete(f"/api/executions/{_id(execution)}")
                client.delete(f"/api/graphs/{graph['id']}")
            for component in _items(client.get("/api/components?limit=100")):
                if not str(component["id"]).startswith("symbia."):
                    client.delete(f"/api/components/{component['id']}")

    def end(self, number: int = signal.SIGTERM) -> float:
        """End the service by a signal; the seconds that it took (END_SECONDS where it did not end)."""
        began = time.monotonic()
        self.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        self._folder.cleanup()


@contextlib.contextmanager
def probing(target: Target, bystander: str = "", token: str = "") -> Iterator[dict[str, Any]]:
    """Ask a service how it is while a block runs; afterwards the dictionary holds what was measured."""
    arguments = [each for each in (bystander, token) if each]
    command = [sys.executable, "-m", "tests.stalls.probe", target.url, *arguments]
    measured: dict[str, Any] = {}
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield measured
        finally:
            text, _ = process.communicate()
            measured.update(json.loads(text or "{}"))


def _items(reply: httpx.Response) -> list[dict[str, Any]]:
    found = reply.json()
    return found if isinstance(found, list) else next(value for value in found.values() if isinstance(value, list))


def _id(execution: dict[str, Any]) -> str:
    return str(execution.get("executionId") or execution.get("id"))
