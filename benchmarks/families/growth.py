"""Growth: what a message costs in a graph of more nodes, more edges, beside more executions and more watchers.

The figure is the cost of one unit, so an engine whose cost grows linearly shows the same figure in every row.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack

from benchmarks.bench import Bench, Measured
from benchmarks.own import Arrivals, Own
from benchmarks.results import Result
from benchmarks.workloads import Workload, chain, fan_out
from proto.execution import ExecuteOptions

LENGTHS = (5, 50, 500)
WIDTHS = (5, 50, 500)
EXECUTIONS = (1, 10, 100)
NODES_OF_EACH = 50
WATCHERS = (0, 1, 10, 100)


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    own, take = bench.passthrough, bench.few
    lengths = {f"{each} nodes in a row": _cost(bench, own, chain(each, "same"), each) for each in take(LENGTHS)}
    for row in await bench.rounds("growth", "a message, for each node", lengths, "µs"):
        yield row
    widths = {f"{each} edges out of one node": _cost(bench, own, fan_out(each), each + 1) for each in take(WIDTHS)}
    for row in await bench.rounds("growth", "a message, for each edge", widths, "µs"):
        yield row
    side_by_side = {
        f"{each} executions of {NODES_OF_EACH} nodes": _cost(
            bench, own, chain(NODES_OF_EACH, "same", executions=each), NODES_OF_EACH
        )
        for each in take(EXECUTIONS)
    }
    for row in await bench.rounds("growth", "a message, for each node, side by side", side_by_side, "µs"):
        yield row
    openings = {f"{each} nodes": _opening(bench, each) for each in take(LENGTHS[:2])}
    for row in await bench.rounds("growth", "open an execution, for each JavaScript node", openings, "µs"):
        yield row
    watched = {f"{each} watchers": _watched(bench, each) for each in WATCHERS}
    for row in await bench.rounds("growth", "a message through 3 nodes, watched", watched, "µs"):
        yield row


def _cost(bench: Bench, own: Own, workload: Workload, units: int) -> Measured:
    async def measure() -> float:
        # So many for each execution, or the batches of many would be smaller, which looks as if their cost grew.
        count = max(1, bench.scale.samples * 50 // units) * workload.executions
        return 1e6 * await own.throughput(workload, count) / units

    return measure


def _opening(bench: Bench, nodes: int) -> Measured:
    async def measure() -> float:
        return 1e6 * await bench.javascript.opening(chain(nodes)) / nodes

    return measure


def _watched(bench: Bench, watchers: int) -> Measured:
    """A message's time while so many watch each hop; the watchers do nothing with what they hear."""

    async def measure() -> float:
        runtime, workload, count = bench.runtime, chain(3, "same"), max(10, bench.scale.samples)
        graph = await runtime.library.load_graph(workload.document("symbia.core.passthrough"))
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=0))
        try:
            with ExitStack() as stack:
                for _ in range(watchers):
                    stack.enter_context(runtime.execution(execution.id).watch(Arrivals(1)))
                return 1e6 * await bench.passthrough.push(execution.id, workload, count)
        finally:
            await runtime.unload_graph(graph.id)

    return measure
