"""What must hold: the project's bounds, each looked up among the figures of a run."""

import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

from benchmarks.families import bodies, breakpoints, durable, http, latency, nested, recording, sandbox, startup
from benchmarks.families.latency import HOP_ALONE, HOP_BARE, HOP_LOADED
from benchmarks.families.routing import SHAPES
from benchmarks.families.sockets import ALONE as NO_CLIENTS
from benchmarks.families.sockets import WATCHED, WORKLOAD
from benchmarks.families.values import name_of
from benchmarks.results import Result, Run

JAVASCRIPT = "symbia-runtime, JavaScript"
PASSTHROUGH = "symbia-runtime, pass-through"
JAVASCRIPT_NODES = f"{http.NODES} JavaScript nodes"
INJECTED = f"{http.AUTHENTICATED}, p50"

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
        unit: of a bound that is beside nothing.
    """

    what: str
    workload: str
    subject: str
    direction: Direction
    bound: float
    beside: str = ""
    unit: str = ""


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


ALONE = f"chain of 3, {latency.ALONE}, p50"
FORWARDED = name_of("same", "100 kB")

PROMISES = (
    Promise("chain of 3, numbers", "chain of 3", JAVASCRIPT, "at least", 5, "Node-RED"),
    Promise("chain of 10, numbers", "chain of 10", JAVASCRIPT, "at least", 5, "Node-RED"),
    Promise("chain of 3, numbers", "chain of 3", JAVASCRIPT, "at least", 1, "NoFlo"),
    Promise("chain of 10, numbers", "chain of 10", JAVASCRIPT, "at least", 1, "NoFlo"),
    Promise("chain of 3, 1 kB handed on", name_of("same", "1 kB"), JAVASCRIPT, "at least", 4, "Node-RED"),
    Promise("chain of 3, 1 kB handed on", name_of("same", "1 kB"), JAVASCRIPT, "at least", 0.9, "NoFlo"),
    Promise("1 kB, one path read, then handed on", name_of("read", "1 kB"), JAVASCRIPT, "at least", 2, "Node-RED"),
    Promise("1 kB, one field changed", name_of("change", "1 kB"), JAVASCRIPT, "at least", 1.5, "Node-RED"),
    Promise("10 kB, one path read", name_of("read", "10 kB"), JAVASCRIPT, "at least", 0.6, "Node-RED"),
    Promise("100 kB handed on by 3 JavaScript nodes", FORWARDED, JAVASCRIPT, "at least", 0.9, PASSTHROUGH),
    Promise(
        "100 kB handed on by 3 pass-through nodes", FORWARDED, PASSTHROUGH, "at least", 3_000, unit="messages/s"
    ),
    *(Promise(each.name, each.name, JAVASCRIPT, "at least", 1, "NoFlo") for each in SHAPES[2:]),
    Promise("one message alone through 3, p50", ALONE, JAVASCRIPT, "at most", 1.5, "Node-RED"),
    Promise(
        "a guest call, a number, alone", sandbox.ALONE, sandbox.ALONE_GUEST, "at most", 1.263, sandbox.ALONE_HOP
    ),
    Promise("a pass-through hop, alone", "one hop", HOP_ALONE, "at most", 1.5, HOP_BARE),
    Promise("a pass-through hop, under load", "one hop", HOP_LOADED, "at most", 0.3, HOP_BARE),
    Promise("inject with authentication, p50", http.INJECT, INJECTED, "at most", 1.1, unit="ms"),
    Promise("inject with authentication, p50", http.INJECT, INJECTED, "at most", 1.5, f"{http.EXPRESS}, p50"),
    Promise("batches of 500 over HTTP", JAVASCRIPT_NODES, http.BATCHES, "at least", 90_000, unit="messages/s"),
    Promise("lines of 1 kB over HTTP", JAVASCRIPT_NODES, bodies.LINES, "at least", 60_000, unit="messages/s"),
    Promise("open ten JavaScript nodes", "open ten instances", "from a warm cache", "at most", 12, unit="ms"),
    Promise("memory of an idle instance", "memory of an idle instance", "resident", "at most", 0.6, unit="MB"),
    Promise("throughput while 100 of 1,000 clients watch", WORKLOAD, WATCHED, "at least", 0.5, NO_CLIENTS),
    Promise("heartbeat beside 40 spinning guests, p99", "1 ms heartbeat", "p99", "at most", 10, unit="ms"),
    Promise(
        "load 1,000 nodes in 50 graphs, written out", nested.LOADING, nested.WRITTEN_OUT, "at most", 2, nested.FLAT
    ),
    Promise("load 1,000 nodes in 50 graphs, by name", nested.LOADING, nested.BY_NAME, "at most", 2, nested.FLAT),
    Promise(
        "ten breakpoints on other edges", breakpoints.ROW, breakpoints.ELSEWHERE, "at most", 1.03, breakpoints.NONE
    ),
    Promise("a message through 50 graphs", nested.RUNNING, nested.BY_NAME, "at most", 1.1, nested.FLAT),
    Promise(
        "3 JavaScript nodes whose inputs are noted",
        recording.MESSAGES,
        recording.INPUTS,
        "at least",
        0.85,
        recording.OFF,
    ),
    Promise("hops, everything noted", recording.HOPS, recording.FULL, "at least", 60_000, unit="hops/s"),
    Promise(
        "inject one message, on disk, p50", durable.INJECT, f"{durable.DURABLE}, p50", "at most", 1.5, unit="ms"
    ),
    Promise(
        "batches of 500, on disk",
        durable.MANY,
        f"{http.BATCHES}, {durable.DURABLE}",
        "at least",
        50_000,
        unit="messages/s",
    ),
    Promise("a restart with 100 durable executions", durable.RESTART, durable.READY, "at most", 3_000, unit="ms"),
    Promise("`serve` until its first reply", startup.CLOCK, startup.FIRST_REPLY, "at most", 1_000, unit="ms"),
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
