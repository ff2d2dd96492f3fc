"""Start-up from a warm cache: from the start of the process to its first reply, and what imports take of it."""

import os
import sys
import time
from collections.abc import AsyncIterator

import trio

from benchmarks.bench import Bench, Measured
from benchmarks.plain_http import Connection
from benchmarks.results import Result
from benchmarks.serving import WARM, serve

CLOCK = "time on the clock"
FIRST_REPLY = "until serve answers its first request"

_IMPORTING = (
    "import time, service.cli.main; service.cli.main.cli.get_command(None, 'serve'); print(time.process_time())"
)


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    times: dict[str, Measured] = {
        FIRST_REPLY: _first_reply,
        "a bare interpreter, from start to end": _bare_interpreter,
    }
    for row in await bench.rounds("startup", CLOCK, times, "ms"):
        yield row
    for row in await bench.rounds("startup", "importing what serve needs", {"processor time": _imports}, "ms"):
        yield row


async def _first_reply() -> float:
    await trio.lowlevel.checkpoint()
    began = time.perf_counter()
    with serve() as served:
        Connection(served.port).get("/api/health")
        return (time.perf_counter() - began) * 1e3


async def _bare_interpreter() -> float:
    began = time.perf_counter()
    await trio.run_process([sys.executable, "-c", "pass"])
    return (time.perf_counter() - began) * 1e3


async def _imports() -> float:
    """Processor time of a process that imports what ``serve`` imports, the interpreter's own included."""
    command = [sys.executable, "-c", _IMPORTING]
    done = await trio.run_process(command, capture_stdout=True, env=os.environ | WARM)
    return float(done.stdout) * 1e3
