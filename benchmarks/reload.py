"""The pause that injectors feel while an execution is reloaded again and again: ``python -m benchmarks.reload``.

Messages come at a steady rate through two JavaScript nodes, of which the second adds them up. Both get another
version at each reload, with ``consistency: message``. A message says which version has handled it in the first,
and the second counts those that another version than its own has handled: there must be none.
"""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from engine.contracts.observer import ExecutionObserver
from engine.handle import ExecutionHandle
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from proto.reload import ReloadReport, ReloadRequest

RELOADS = 100
RATE = 50_000
CHUNK = 50
"""Messages of one request."""

WARM_UP_SECONDS = 0.5
BETWEEN_SECONDS = 0.02

FIRST = "return { process(ctx, port, value) { ctx.emit('out', {by: VERSION, value}); } };"
SECOND = """return { process(ctx, port, {by, value}) {
    ctx.setState('total', (ctx.getState('total') || 0) + value);
    if (by !== VERSION) ctx.setState('mixed', (ctx.getState('mixed') || 0) + 1);
} };"""


class Figures(msgspec.Struct, frozen=True):
    """The figures of one run.

    Attributes:
        sent: messages injected.
        total: that the second node has added up; each message is a 1.
        mixed: messages that two versions have handled.
        waits_ms: of each request, sorted.
        per_second: messages.
    """

    sent: int
    total: int
    mixed: int
    waits_ms: Sequence[float]
    per_second: float

    def wait_ms(self, share: float) -> float:
        """Return the wait that this share of the requests did not exceed."""
        return self.waits_ms[int(share * (len(self.waits_ms) - 1))]


class _Ends(ExecutionObserver):
    """Knows when a reload has come to its end."""

    def __init__(self) -> None:
        self._news = trio.Event()
        self._state = ""

    def reloaded(self, execution_id: str, report: ReloadReport) -> None:
        del execution_id
        self._state = report.state
        self._news.set()
        self._news = trio.Event()

    async def wait(self) -> None:
        """Wait until the last reload is done."""
        while self._state == "switching":
            await self._news.wait()
        if self._state != "done":
            raise RuntimeError(f"a reload is {self._state}")


def _component(name: str, source: str, version: int) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "version": str(version),
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source.replace("VERSION", str(version))},
    }


async def _place(runtime: Runtime, version: int) -> None:
    for name, source in (("own.first", FIRST), ("own.second", SECOND)):
        await runtime.library.replace_component(name, _component(name, source, version))


async def measure(reloads: int, rate: int) -> Figures:
    """Push messages at a rate while the execution is reloaded so often; return what came of it."""
    ends = _Ends()
    async with open_runtime() as runtime:
        runtime.observe(ends)
        await _place(runtime, 0)
        nodes = [{"id": "first", "component": "own.first"}, {"id": "second", "component": "own.second"}]
        edge = {"source": {"node": "first", "port": "out"}, "target": {"node": "second", "port": "in"}}
        graph = await runtime.library.load_graph({"symbia": "1.0", "name": "two", "nodes": nodes, "edges": [edge]})
        started = await runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=0))
        execution = runtime.execution(started.id)
        waits: list[float] = []
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_push, execution, rate, waits)
            await trio.sleep(WARM_UP_SECONDS)
            request = ReloadRequest(components={"own.first": None, "own.second": None}, consistency="message")
            for version in range(1, reloads + 1):
                await _place(runtime, version)
                await execution.reload(request)
                await ends.wait()
                await trio.sleep(BETWEEN_SECONDS)
            nursery.cancel_scope.cancel()
        seconds = trio.current_time() - began
        await execution.wait_quiescent()
        state = execution.state()["second"]
        sent = (await execution.read_metrics()).metrics.messages_processed // 2
        waits_ms = sorted(1000 * each for each in waits)
        return Figures(sent, int(state["total"]), int(state.get("mixed", b"0")), waits_ms, sent / seconds)


async def _push(execution: ExecutionHandle, rate: int, waits: list[float]) -> None:
    messages = [Injection("first", "in", msgspec.Raw(b"1"))] * CHUNK
    began = trio.current_time()
    while True:
        await trio.sleep_until(began + len(waits) * CHUNK / rate)
        before = trio.current_time()
        await execution.inject(messages)
        waits.append(trio.current_time() - before)


def main() -> int:
    """Measure with and without reloads, and print both."""
    reloads, rate = (int(each) for each in (*sys.argv[1:3], *(str(RELOADS), str(RATE))[len(sys.argv) - 1 :]))
    for count in (0, reloads):
        figures = trio.run(measure, count, rate)
        sys.stdout.write(
            f"{count} reloads: {figures.per_second:,.0f} messages a second, an injection waits "
            f"{figures.wait_ms(0.5):.2f} ms (p50), {figures.wait_ms(0.99):.2f} ms (p99), "
            f"{figures.wait_ms(1):.2f} ms (most); {figures.sent - figures.total} lost, {figures.mixed} mixed\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
