"""Stopping many executions at once, half of them spinning in ``while (true)``: does stop always work, and soon?

python -m benchmarks.bench_stop [--executions 100] [--smoke]
"""

import argparse
import statistics
import sys

import msgspec
import trio

from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection

SPINNER = {
    "id": "bench.spin",
    "name": "Spin",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "execution": {"type": "javascript", "source": "return { process() { while (true) {} } }"},
}


def _graph(component: str) -> dict[str, object]:
    config = {"expression": "value * 2"} if component == "symbia.core.map" else {}
    node = {"id": "node", "component": component, "config": config}
    return {"symbia": "1.0", "name": component, "nodes": [node], "edges": []}


async def _start(runtime: Runtime, graph_id: str) -> str:
    execution = await runtime.execute(graph_id, ExecuteOptions(completion="manual"))
    await runtime.execution(execution.id).inject([Injection("node", "in", msgspec.Raw(b"21"))])
    return execution.id


async def measure(executions: int) -> tuple[float, list[float]]:
    """Seconds until all were stopped, all told to at once; and the seconds of each."""
    async with open_runtime(limits=EngineLimits(max_concurrent_executions=executions)) as runtime:
        await runtime.library.register_component(SPINNER)
        graphs = [
            await runtime.library.load_graph(_graph(component)) for component in ("bench.spin", "symbia.core.map")
        ]
        ids = [await _start(runtime, graphs[index % 2].id) for index in range(executions)]
        await trio.sleep(0.2)  # let the spinning ones spin
        seconds: list[float] = []
        began = trio.current_time()

        async def stop(execution_id: str) -> None:
            snapshot = await runtime.execution(execution_id).stop()
            if snapshot.state is not ExecutionState.CANCELLED:
                raise AssertionError(f"{execution_id} is {snapshot.state}: {snapshot.error}")
            seconds.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            for execution_id in ids:
                nursery.start_soon(stop, execution_id)
        return trio.current_time() - began, seconds


def main() -> int:
    """Print one line a round, and the median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=100, help="executions to stop, half of them spinning")
    parser.add_argument("--rounds", type=int, default=5, help="how often")
    parser.add_argument("--smoke", action="store_true", help="one small round")
    options = parser.parse_args()
    executions, rounds = (10, 1) if options.smoke else (options.executions, options.rounds)
    totals = []
    for _ in range(rounds):
        total, each = trio.run(measure, executions)
        totals.append(total)
        half = statistics.median(each)
        print(f"{executions} stopped in {total * 1000:.0f} ms; half of them within {half * 1000:.0f} ms")
    print(f"median of {rounds}: {statistics.median(totals) * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
