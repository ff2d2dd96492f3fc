"""Results of a batch leave when they are there: alone, and where nodes run as one."""

import msgspec
import pytest
import trio

from benchmarks.workloads import chain
from engine.contracts.observer import FlowObserver
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection

LONG = "(() => { let sum = 0; for (let i = 0; i < 400000; i++) sum += i; return value; })()"
MESSAGES = 6


class Outputs(FlowObserver):
    """Notes how many messages the first node had worked on when each value left the last one."""

    def __init__(self, runtime: Runtime, execution_id: str, last: str) -> None:
        self.begun: list[int] = []
        self.all = trio.Event()
        self._handle = runtime.execution(execution_id)
        self._last = last

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        """A value has left."""
        del port, value
        if node_id == self._last:
            self.begun.append(self._handle.statistics().nodes[0].invocations)
            if len(self.begun) == MESSAGES:
                self.all.set()


@pytest.mark.parametrize("length", [1, 3])
async def test_each_result_leaves_before_the_next_message_is_computed(length: int) -> None:
    """Six messages that wait together and take ten milliseconds each do not leave together after sixty."""
    document = chain(length).document()
    for node in document["nodes"]:
        node["config"] = {"expression": LONG}
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(document)
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
        outputs = Outputs(runtime, execution.id, f"n{length - 1}")
        with runtime.execution(execution.id).watch(outputs):
            message = Injection(node_id="n0", port="in", value=msgspec.Raw(b"1"))
            await runtime.execution(execution.id).inject([message] * MESSAGES)
            await outputs.all.wait()
        await runtime.execution(execution.id).stop()
    assert outputs.begun == [1, 2, 3, 4, 5, 6]
