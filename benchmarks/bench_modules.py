"""What WebAssembly components cost: to compile, to load, to open, and to call.

    python -m benchmarks.bench_modules [--smoke]

Measures the examples of examples/wasm that can be built here, each through a sandbox as the engine uses it. Every
call's effects are looked at, so a component that fails is no fast component.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from benchmarks.measure import Figure, figure
from examples.wasm.build import EXAMPLES, MissingToolError, build
from wasm_host.compile.compiler import WasmProgram
from wasm_host.host import SandboxHost, open_host

BATCH = 100
_COLUMNS = ("component", "compile", "load", "open", "call alone", "message of 100")


async def _timed(action: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def _open(host: SandboxHost, program: WasmProgram) -> None:
    sandbox = host.sandbox(program)
    await sandbox.open()
    sandbox.discard()


async def _call(host: SandboxHost, program: WasmProgram, size: int, rounds: int) -> Figure:
    """Seconds of one call with so many messages."""
    sandbox = host.sandbox(program)
    await sandbox.open()
    batch = [(0, b"12")] * size
    runs = []
    for _ in range(rounds):
        began = time.perf_counter()
        effects = await sandbox.process(batch)
        runs.append(time.perf_counter() - began)
        if any(each.error for each in effects):
            raise SystemExit(f"{program.name} fails: {effects[0].error}")
    sandbox.discard()
    return figure(runs)


async def _row(host: SandboxHost, name: str, content: bytes, rounds: int) -> tuple[str, ...]:
    began = time.perf_counter()
    program = await host.program(content, name)
    compiled = time.perf_counter() - began
    load = figure([await _timed(lambda: host.program(content, name)) for _ in range(5)])
    opened = figure([await _timed(lambda: _open(host, program)) for _ in range(max(5, rounds // 10))])
    alone = await _call(host, program, 1, rounds)
    together = await _call(host, program, BATCH, max(3, rounds // 10))
    return (
        name,
        f"{compiled:.1f} s",
        f"{load.least * 1e3:.1f} ms",
        f"{opened.median * 1e3:.2f} ms",
        f"{alone.median * 1e6:.1f} µs",
        f"{together.median * 1e6 / BATCH:.2f} µs",
    )


async def main(rounds: int, names: list[str]) -> None:
    """Prints a table with one row for each component."""
    print("| " + " | ".join(_COLUMNS) + " |")
    print("| --- |" + " ---: |" * (len(_COLUMNS) - 1))
    # A cache of its own, so that compiling is measured and nothing of it stays.
    with tempfile.TemporaryDirectory() as folder:
        async with open_host(Path(folder, "cache")) as host:
            for name in names:
                try:
                    content = build(name).read_bytes()
                except MissingToolError as missing:
                    print(f"| {name} | left out: {missing} |")
                else:
                    print("| " + " | ".join(await _row(host, name, content, rounds)) + " |", flush=True)


if __name__ == "__main__":
    if "--smoke" in sys.argv:
        trio.run(main, 10, ["total"])
    else:
        trio.run(main, 500, list(EXAMPLES))
