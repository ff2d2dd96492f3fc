"""What must hold: the project's bounds, each looked up among the figures of a run."""

import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

from benchmarks.families.latency import HOP_ALONE, HOP_BARE, HOP_LOADED
from benchmarks.families.sockets import ALONE as NO_CLIENTS
from benchmarks.families.sockets import WATCHED, WORKLOAD
from benchmarks.results import Result, Run

JAVASCRIPT = "symbia-runtime, JavaScript"

Direction = Literal["at most", "at least"]


class Promise(msgspec.Struct, frozen=True):
    """A bound on a figure, or on its ratio to another figure of the same run.

    Attributes:
        what: for people.
        workload: of the figure.
        subject: of the figure.
        direction: of the bound.
        bound: in the figure's unit, or times the other figure.
        beside: the subject of the other figure, of the same workload; "" where there is none.
    """

    what: str
    workload: str
    subject: str
    direction: Direction
    bound: float
    beside: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """How a promise fared: the figure or ratio found, or None where it was not measured."""

    promise: Promise
    found: float | None
    unit: str

    @property
    def holds(self) -> bool:
        """Whether it was measured and is kept."""
        if self.found is None:
            return False
        bound = self.promise.bound
        return self.found <= bound if self.promise.direction == "at most" else self.found >= bound


ALONE = "one message at a time, p50"

PROMISES = (
    Promise("throughput, 3 JavaScript nodes", "chain of 3", JAVASCRIPT, "at least", 5, "Node-RED"),
    Promise("throughput, 10 JavaScript nodes", "chain of 10", JAVASCRIPT, "at least", 5, "Node-RED"),
    Promise("throughput, 3 JavaScript nodes", "chain of 3", JAVASCRIPT, "at least", 1, "NoFlo"),
    Promise("throughput, 10 JavaScript nodes", "chain of 10", JAVASCRIPT, "at least", 1, "NoFlo"),
    Promise("latency, 3 JavaScript nodes, p50", f"chain of 3, {ALONE}", JAVASCRIPT, "at most", 1.5, "Node-RED"),
    Promise("a pass-through hop, alone", "one hop", HOP_ALONE, "at most", 1.5, HOP_BARE),
    Promise("a pass-through hop, under load", "one hop", HOP_LOADED, "at most", 0.3, HOP_BARE),
    Promise("inject with authentication, p50", "inject one message", "with authentication, p50", "at most", 1.1),
    Promise("batches of 500 over HTTP", "3 JavaScript nodes", "batches of 500", "at least", 90_000),
    Promise("open ten JavaScript nodes", "open ten instances", "from a warm cache", "at most", 12),
    Promise("memory of an idle instance", "memory of an idle instance", "resident", "at most", 0.6),
    Promise("throughput while 100 of 1,000 clients watch", WORKLOAD, WATCHED, "at least", 0.5, NO_CLIENTS),
    Promise("heartbeat beside 40 spinning guests", "1 ms heartbeat", "p99", "at most", 10),
)


def verdicts(run: Run) -> list[Verdict]:
    """Every promise, and what was found of it."""
    rows = {(row.workload, row.subject): row for row in run.rows}
    return [_verdict(promise, rows) for promise in PROMISES]


def _verdict(promise: Promise, rows: dict[tuple[str, str], Result]) -> Verdict:
    row = rows.get((promise.workload, promise.subject))
    if row is None:
        return Verdict(promise, None, "")
    if not promise.beside:
        return Verdict(promise, row.median, row.unit)
    other = rows.get((promise.workload, promise.beside))
    return Verdict(promise, _ratio(row.rounds, other.rounds) if other else None, "times")


def _ratio(rounds: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios within each round: both were taken within seconds of each other."""
    return statistics.median(one / other for one, other in zip(rounds, others, strict=True))
