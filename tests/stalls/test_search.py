"""The search against the real service: what it measures, what it keeps, and that it finds what is there."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.service.serving import ROOT
from tests.stalls.cases import Case, Http
from tests.stalls.conversation import Client
from tests.stalls.search import Found, Laboratory, Search, Verdict
from tests.stalls.stopwatch import LongStep
from tests.stalls.target import Target, probing

SMALL = Case("message", (Http("GET", "/health/live", times=3),), "small")


def verdict(step_ms: float) -> Verdict:
    """A verdict on a case with a step of some length."""
    step = LongStep("task", step_ms, 0.0, step_ms, ())
    return Verdict(step=step, turn=None, garbage_ms=0, health_ms=1, sent_bytes=10, grown_bytes=0, died=False)


class Worse(Laboratory):
    """A laboratory in which a case is the worse the more it says."""

    def try_case(self, case: Case) -> Verdict:
        """As many milliseconds as the first body is long."""
        said = case.says[0]
        assert isinstance(said, Http)
        return verdict(len(json.dumps(said.body)))


def test_the_search_grows_what_is_bad() -> None:
    """From one small case it comes to worse ones of the same kind, and keeps a few of those."""
    lines: list[str] = []
    search = Search(Worse(), 1, lines.append)
    search.kept["x"] = [Found(Case("x", (Http("POST", "/", "a"),)), verdict(3))]
    for _ in range(300):
        search._try(search._change())
    assert len(search.kept["x"]) <= 6
    assert search.bad()[0].verdict.step_ms > 50
    assert lines


def test_a_real_service_is_measured() -> None:
    """Steps come from the stopwatch in its process, answers from the probe in another, memory from the system."""
    with Target() as target:
        execution = target.bystander()
        with probing(target, execution) as measured:
            played = Client(target.url).play(SMALL)
            time.sleep(0.3)
        assert played.statuses == [200, 200, 200]
        assert measured["health"]["count"] > 3
        assert measured["others"]["failures"] == measured["health"]["failures"] == 0
        assert 20_000_000 < target.resident_bytes() <= target.peak_bytes()
        target.clean(keep=execution)
        assert Client(target.url).play(Case("x", (Http("GET", f"/api/executions/{execution}"),))).statuses == [200]
        target.clean()
        assert Client(target.url).play(Case("x", (Http("GET", f"/api/executions/{execution}"),))).statuses == [404]
        assert target.end() < 15


def test_a_case_is_said_again_from_its_file(tmp_path: Path) -> None:
    """``--case`` says one case, prints what it did, and the exit status says whether a bound was broken."""
    path = tmp_path / "small.json"
    path.write_text(
        '{"kind":"message","says":[{"say":"http","method":"GET","path":"/health/live"}],"note":"small"}',
        encoding="utf-8",
    )
    run = subprocess.run(
        [sys.executable, "-m", "tests.stalls", "--case", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "message, small: step" in run.stdout
    assert run.stdout.rstrip().endswith("clean")
