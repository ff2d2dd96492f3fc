"""Recordings: what three JavaScript nodes carry while nothing, their inputs, or everything is noted."""

from collections.abc import AsyncIterator

from benchmarks.bench import Bench, Measured
from benchmarks.results import Result
from benchmarks.workloads import chain
from proto.execution import ExecuteOptions
from proto.graph import RECORDING_LEVELS, Recording

WORKLOAD = chain(3)
MESSAGES = "3 JavaScript nodes, recorded"
HOPS = "3 JavaScript nodes, recorded, hops"
OFF, INPUTS, FULL = RECORDING_LEVELS
COUNT = 30_000


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    subjects: dict[str, Measured] = {level: _rate(bench, level) for level in RECORDING_LEVELS}
    for row in await bench.rounds("recording", MESSAGES, subjects, "messages/s", "higher"):
        yield row
    for row in await bench.rounds("recording", HOPS, {FULL: _rate(bench, FULL, hops=3)}, "hops/s", "higher"):
        yield row


def _rate(bench: Bench, level: Recording, hops: int = 1) -> Measured:
    async def measure() -> float:
        runtime, count = bench.runtime, 50 if bench.scale.is_smoke else COUNT
        graph = await runtime.library.load_graph(WORKLOAD.document())
        options = ExecuteOptions(completion="manual", timeout_ms=0, recording=level)
        execution = await runtime.execute(graph.id, options)
        try:
            return hops / await bench.javascript.push(execution.id, WORKLOAD, count)
        finally:
            await runtime.unload_graph(graph.id)
            if level != OFF:
                runtime.recordings.remove(execution.id)

    return measure
