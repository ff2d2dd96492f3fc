"""The time for which a checkpoint of a large execution holds the event loop: ``python -m benchmarks.checkpoint``.

A graph of 1,000 nodes with 100 messages waiting before each. Seconds are those of the thread, so that others on
the machine count little.
"""

import sys
import time

import msgspec
import trio
import trio.abc

from engine.checkpoint.encoding import encoded
from engine.contracts.handler import Message
from engine.cooperative.slices import in_slices
from engine.execution.execution import Execution
from engine.runtime import Runtime, open_runtime
from proto.message import Injection

NODES = 1_000
MESSAGES = 100
ROUNDS = 5
VALUE = b'{"id":12345,"name":"somebody","total":17.5}'


class Holds(trio.abc.Instrument):
    """Keeps the longest step of any task.

    Attributes:
        longest_seconds: of the thread.
    """

    def __init__(self) -> None:
        self.longest_seconds = 0.0
        self._began: float | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note when a step begins."""
        del task
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note how long it took."""
        del task
        if self._began is not None:
            self.longest_seconds = max(self.longest_seconds, time.thread_time() - self._began)


async def open_large(runtime: Runtime) -> Execution:
    """Start a paused execution with messages before all of its nodes, which have worked once."""
    nodes = [
        {"id": f"n{number}", "component": "symbia.core.passthrough", "inbox": {"capacity": 1000}}
        for number in range(NODES)
    ]
    edges = [
        {"source": {"node": f"n{number}", "port": "out"}, "target": {"node": f"n{number + 1}", "port": "in"}}
        for number in range(NODES - 1)
    ]
    document = {"symbia": "1.0", "name": "Large", "nodes": nodes, "edges": edges, "metadata": {"role": "service"}}
    graph = await runtime.library.load_graph(document)
    begun = await runtime.execute(graph.id)
    execution = runtime._executions.underway[begun.id]  # noqa: SLF001 - measured from within
    await runtime.execution(begun.id).inject([Injection("n0", "in", msgspec.Raw(b"1"))])
    await execution.wait_quiescent()
    await execution.pause()
    shared = execution.shared
    for index, inbox in enumerate(shared.inboxes):
        shared.in_flight.add(MESSAGES)
        inbox.put_back([Message(0, VALUE, shared.next_sequence(), index - 1) for _ in range(MESSAGES)])
    return execution


async def main() -> None:
    """Take checkpoints, and print how long they took and held the loop."""
    async with open_runtime() as runtime:
        execution = await open_large(runtime)
        for _ in range(ROUNDS):
            holds = Holds()
            trio.lowlevel.add_instrument(holds)
            began = time.perf_counter()
            checkpoint = await execution.checkpoint()
            taken, held = time.perf_counter() - began, holds.longest_seconds
            holds.longest_seconds = 0.0
            content = await in_slices(encoded(checkpoint))
            trio.lowlevel.remove_instrument(holds)
            sys.stdout.write(
                f"taken in {taken * 1000:.0f} ms, {held * 1000:.1f} ms in one step at most; "
                f"{len(content) / 1e6:.1f} MB encoded, {holds.longest_seconds * 1000:.1f} ms in one step at most\n"
            )


if __name__ == "__main__":
    trio.run(main)
