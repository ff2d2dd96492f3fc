"""The cost of a console that looks on: ``python -m benchmarks.console [ROUNDS]``.

A service in a process of its own runs a chain that is sent as many messages as it takes. In turns nobody looks,
and a real browser has the live view open. Two figures say what that costs: the messages a second, which a busy
machine blurs, and the processor time of the service for each message, which it blurs less. The processor time of
all of the browser's processes is read off besides. It needs Chromium and playwright (``make clients``).
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio

from tests.service.console.browser import open_browser
from tests.service.serving import Process, start_process

NODES = 5
SECONDS = 4.0
SETTLING_SECONDS = 1.5
LINES = 20_000
"""Messages of one request."""

TICKS = os.sysconf("SC_CLK_TCK")


def chain() -> dict[str, Any]:
    """The graph: nodes that pass on, one behind the other, each by itself."""
    nodes = [{"id": f"n{index}", "component": "symbia.core.passthrough"} for index in range(NODES)]
    edges = [
        {"source": {"node": f"n{index}", "port": "out"}, "target": {"node": f"n{index + 1}", "port": "in"}}
        for index in range(NODES - 1)
    ]
    return {"symbia": "1.0", "name": "Busy", "nodes": nodes, "edges": edges}


def processor_seconds(roots: set[int]) -> float:
    """Return the processor time so far of some processes and all below them."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has gone meanwhile
            continue
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = int(fields[11]) + int(fields[12])
    wanted = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(ticks.get(pid, 0) for pid in wanted) / TICKS


def browsers_below(pid: int) -> set[int]:
    """Return the processes of Chromium that this one has started, through the driver."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_browser = b"--remote-debugging-p" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if is_browser:
            found.add(int(folder.name))
    return {each for each in found if _is_below(each, pid)}


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


class Turn(msgspec.Struct, frozen=True):
    """One turn.

    Attributes:
        per_second: messages that nodes processed.
        cost_us: processor time of the service for each of them, in microseconds.
    """

    per_second: float
    cost_us: float


async def _send(execution_url: str) -> None:
    """Send messages until cancelled, as many as are taken."""
    body = b'{"nodeId":"n0","port":"in","value":{"id":1,"name":"somebody"}}\n' * LINES
    async with httpx.AsyncClient(timeout=60) as client:
        while True:
            headers = {"Content-Type": "application/x-ndjson"}
            await client.post(f"{execution_url}/inject", content=body, headers=headers)


async def _measured(execution_url: str, pid: int) -> Turn:
    async with httpx.AsyncClient(timeout=60) as client:

        async def now() -> tuple[float, float, int]:
            answer = (await client.get(f"{execution_url}/metrics")).json()
            return time.perf_counter(), processor_seconds({pid}), int(answer["messagesProcessed"])

        await trio.sleep(SETTLING_SECONDS)
        began, used_before, before = await now()
        await trio.sleep(SECONDS)
        ended, used, after = await now()
    return Turn((after - before) / (ended - began), (used - used_before) / max(1, after - before) * 1e6)


def measure(process: Process, execution: str) -> Turn:
    """Measure an execution that is sent as many messages as it takes."""

    async def run() -> Turn:
        url = f"{process.url}/api/executions/{execution}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, url)
            turn = await _measured(url, process.process.pid)
            nursery.cancel_scope.cancel()
        return turn

    return trio.run(run)


@contextmanager
def looking_on(browser: Any, process: Process, execution: str) -> Iterator[None]:
    """The live view of an execution, open in a browser."""
    page = browser.new_page(viewport={"width": 1440, "height": 860})
    try:
        page.goto(f"{process.url}/console/#/execution/{execution}")
        page.locator(".svelte-flow__node").first.wait_for()
        yield
    finally:
        page.close()


def main(rounds: int) -> int:
    """Measure in turns, and print what came of it."""
    alone: list[Turn] = []
    seen: list[Turn] = []
    shares: list[float] = []
    with start_process() as process, open_browser() as browser, httpx.Client(base_url=process.url) as client:
        graph = client.post("/api/graphs", json=chain()).json()["id"]
        execution = client.post(f"/api/graphs/{graph}/execute", json={"completion": "manual"}).json()[
            "executionId"
        ]
        measure(process, execution)  # to warm up
        for _ in range(rounds):
            alone.append(measure(process, execution))
            with looking_on(browser, process, execution):
                pids = browsers_below(os.getpid())
                began, before = time.perf_counter(), processor_seconds(pids)
                seen.append(measure(process, execution))
                shares.append((processor_seconds(pids) - before) / (time.perf_counter() - began))
    losses = [1 - looked.per_second / unseen.per_second for looked, unseen in zip(seen, alone, strict=True)]
    costs = [looked.cost_us / unseen.cost_us - 1 for looked, unseen in zip(seen, alone, strict=True)]
    sys.stdout.write(
        f"alone {statistics.median(turn.per_second for turn in alone):,.0f} messages/s, "
        f"looked at {statistics.median(turn.per_second for turn in seen):,.0f}\n"
        f"fewer messages/s {statistics.median(losses):.1%} (of {min(losses):.1%} to {max(losses):.1%})\n"
        f"processor time a message {statistics.median(turn.cost_us for turn in alone):.2f} us alone, "
        f"{statistics.median(costs):.1%} more when looked at (of {min(costs):.1%} to {max(costs):.1%})\n"
        f"the browser took {statistics.median(shares):.2f} cores\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
