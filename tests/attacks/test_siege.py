"""The siege itself: what it measures of a service that one client keeps busy."""

from pathlib import Path

from tests.attacks.siege import Outcome, lay_siege
from tests.stalls.cases import Case, Http, save_case


def test_a_siege_says_what_others_saw(tmp_path: Path) -> None:
    """Answers to others, memory and the end of the service are measured while clients go on attacking."""
    path = tmp_path / "graphs.json"
    save_case(Case("document", (Http("POST", "/api/graphs", '{"nodes":[]}'),)), path)
    outcome = lay_siege(path, seconds=1, clients=1)
    assert outcome.said > 3
    assert min(outcome.health["count"], outcome.others["count"]) > 5
    assert outcome.health["p50_ms"] <= outcome.health["p99_ms"] <= outcome.health["longest_ms"]
    assert 20_000_000 < outcome.left_bytes <= outcome.resident_bytes
    assert (outcome.status, outcome.health["failures"], outcome.others["failures"]) == (0, 0, 0)


def test_each_broken_promise_is_told() -> None:
    """Slow and failing answers, memory, a slow end and a wrong status: each has its words."""
    bad = {"p99_ms": 2_000.0, "failures": 3.0}
    kept = Outcome(health={"p99_ms": 10}, others={"p99_ms": 10}, resident_bytes=10, status=0)
    broken = Outcome(health=bad, others=bad, resident_bytes=10**9, stop_seconds=20, status=-9)
    assert kept.broken() == []
    assert len(broken.broken()) == 7
