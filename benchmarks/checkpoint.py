"""The time for which a checkpoint of a large execution holds the event loop: ``python -m benchmarks.checkpoint``.

A durable, paused execution of 1,000 nodes with 100 messages waiting before each, and one of them with 100,000
messages that wait outside. Of each, checkpoints are taken and written, and another runtime begins from the last
one. Seconds are those of the thread, so that others on the machine count little; the garbage collector is set as
in the service, and what it takes is told apart.
"""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import trio
import trio.abc

from engine.contracts.handler import Message
from engine.durability.durable_execution import DurableExecution
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from service.memory.gc_freeze import set_aside
from store.sqlite import open_sqlite_store

NODES = 1_000
MESSAGES = 100
ROUNDS = 5
VALUE = b'{"id":12345,"name":"somebody","total":17.5}'
LIMITS = EngineLimits(
    checkpoint_ms=3_600_000,
    checkpoint_messages=10**9,
    checkpoint_bytes=10**12,
    max_held_messages=10**9,
    memory_bytes=0,
    owner_memory_bytes=0,
)
"""With checkpoints only when they are asked for."""


class Holds(trio.abc.Instrument):
    """Keeps the longest step of any task.

    Attributes:
        longest_seconds: of the thread, without those of the garbage collector.
    """

    def __init__(self) -> None:
        self.longest_seconds = 0.0
        self._began = self._collecting = self._collected = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note when a step begins."""
        del task
        self._collected = 0.0
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note how long it took."""
        del task
        if self._began:  # the first one began before this did
            seconds = time.thread_time() - self._began - self._collected
            self.longest_seconds = max(self.longest_seconds, seconds)

    def note_collection(self, phase: str, info: dict[str, Any]) -> None:
        """Note what the garbage collector takes of a step."""
        del info
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collected += time.thread_time() - self._collecting


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell how long a block took, and its longest step."""
    holds = Holds()
    gc.callbacks.append(holds.note_collection)
    trio.lowlevel.add_instrument(holds)
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    trio.lowlevel.remove_instrument(holds)
    gc.callbacks.remove(holds.note_collection)
    longest = holds.longest_seconds
    sys.stdout.write(f"{what}: {seconds * 1000:.0f} ms, {longest * 1000:.1f} ms in one step at most\n")


async def open_large(runtime: Runtime, *, is_outside: bool) -> DurableExecution:
    """Start a paused execution with messages before all of its nodes, which have worked once, or outside."""
    nodes = [
        {"id": f"n{number}", "component": "symbia.core.passthrough", "inbox": {"capacity": 1000}}
        for number in range(NODES)
    ]
    edges = [
        {"source": {"node": f"n{number}", "port": "out"}, "target": {"node": f"n{number + 1}", "port": "in"}}
        for number in range(NODES - 1)
    ]
    document = {"symbia": "1.0", "name": "Large", "nodes": nodes, "edges": edges}
    graph = await runtime.library.load_graph(document)
    begun = await runtime.execute(graph.id, ExecuteOptions(completion="manual", durable=True))
    execution = runtime._executions.underway[begun.id]  # noqa: SLF001 - measured from within
    assert isinstance(execution, DurableExecution)
    handle = runtime.execution(begun.id)
    await handle.inject([Injection("n0", "in", msgspec.Raw(b"1"))])
    await execution.wait_quiescent()
    await handle.pause()
    if is_outside:
        for _ in range(MESSAGES):
            await handle.inject([Injection("n0", "in", msgspec.Raw(VALUE))] * NODES)
        return execution
    shared = execution.shared
    for index, inbox in enumerate(shared.inboxes):
        shared.in_flight.add(MESSAGES)
        inbox.put_back([Message(0, VALUE, shared.next_sequence(), index - 1) for _ in range(MESSAGES)])
    return execution


async def main() -> None:
    """Take checkpoints and begin from them, and print how long that took and held the loop."""
    set_aside()
    for is_outside in (False, True):
        where = "outside" if is_outside else "before the nodes"
        with TemporaryDirectory() as folder:
            async with (
                open_sqlite_store(Path(folder)) as store,
                open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime,
            ):
                execution = await open_large(runtime, is_outside=is_outside)
                for _ in range(ROUNDS):
                    with told(f"{NODES * MESSAGES:,} messages {where}, a checkpoint"):
                        await execution.checkpoints.take()
            async with (
                open_sqlite_store(Path(folder)) as store,
                open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime,
            ):
                with told(f"{NODES * MESSAGES:,} messages {where}, a restart"):
                    await runtime.restore()


if __name__ == "__main__":
    trio.run(main)
