"""Ways to have a sandbox, or a guest of one's own making, in a test."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import wasmtime

from wasm_host.guest import json_check
from wasm_host.guest.abi import Effects
from wasm_host.guest.chain_ports import Outlet, Way
from wasm_host.guest.guest import Guest
from wasm_host.guest.memory import GuestMemory, GuestReclaimer
from wasm_host.guest.metering import GuestCounters, GuestRuntime
from wasm_host.guest.output import JsonChecker
from wasm_host.guest.slices import SliceQueue, new_ticker
from wasm_host.guest.usage import GuestUsage
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Link, Mode, Program
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.wasmtime_c import core as capi

QUICK = GuestLimits(cpu_ms=40)
"""For what shall meet its limit; everything else has the default's two seconds."""


def link_to(*places: int, memory_bytes: int, is_told: bool = False, lane: int = 0) -> Link:
    """A program's place in a chain: its first output leads to the first inputs of the programs at these places."""
    outlet = Outlet(0, is_told, tuple(Way(place, 0, lane) for place in places))
    return Link(outlets=(outlet,) if places else (), memory_bytes=memory_bytes)


def row_of(programs: int, memory_bytes: int) -> list[Link]:
    """The places of programs in a row."""
    last = programs - 1
    return [link_to(*([at + 1] if at < last else []), memory_bytes=memory_bytes) for at in range(programs)]


@asynccontextmanager
async def opened(source: str, mode: Mode = "handler", **options: Any) -> AsyncIterator[Sandbox]:
    """An open sandbox that runs the source, on a host of its own with a clock that stands at 1,000 ms."""
    async with open_host(now_ms=lambda: 1000.0) as host:
        sandbox = host.sandbox(Program(mode, source), **options)
        await sandbox.open()
        try:
            yield sandbox
        finally:
            sandbox.discard()


async def run(source: str, *values: bytes, mode: Mode = "handler", **options: Any) -> list[Effects]:
    """The effects of values that arrive in one batch on the first input."""
    async with opened(source, mode, **options) as sandbox:
        return await process_all(sandbox, [(0, value) for value in values])


async def process_all(sandbox: Sandbox, batch: Sequence[tuple[int, bytes]]) -> list[Effects]:
    """The effects of all messages, in however many parts they are handed over."""
    results: list[Effects] = []
    while len(results) < len(batch):
        results += await sandbox.process(batch[len(results) :])
    return results


async def process(body: str, *values: bytes, **options: Any) -> list[Effects]:
    """As `run`, of a handler whose process function has this body."""
    return await run(f"return {{ async process(ctx, port, value) {{ {body} }} }}", *values, **options)


async def value_of(expression: str, value: bytes = b"null", **options: Any) -> bytes:
    """What a map expression answers for a value."""
    (effects,) = await run(expression, value, mode="map", **options)
    assert effects.error is None, effects.error
    ((_, answer),) = effects.emissions
    return answer


@contextmanager
def a_runtime() -> Iterator[GuestRuntime]:
    """The parts that guests share, without a sandbox host around them."""
    engine = capi.new_engine()
    ticker = new_ticker(engine)
    ticker.start()
    try:
        memory = GuestMemory(2**30, 2**30)
        checker = JsonChecker(engine, capi.Module(engine, json_check.MODULE_TEXT))
        reclaimer = GuestReclaimer(memory)
        yield GuestRuntime(
            engine, wasmtime.Linker(engine), ticker, SliceQueue(), GuestUsage(10), memory, reclaimer, checker
        )
    finally:
        ticker.stop()


# One record of kind NOTHING that closes a message lies at 512; the status block at 16 points at it.
_CLOSE_ONE = "(i32.store (i32.const 20) (i32.const 8)) (i32.store (i32.const 24) (i32.const 1))"
_PARTS = {
    "memory": '(memory (export "memory") 2)',
    "status": r'(data (i32.const 16) "\00\02\00\00\08\00\00\00\01\00\00\00\00\00\00\00")',
    "record": r'(data (i32.const 512) "\00\01\00\00\00\00\00\00")',
    "symbia_abi": '(func (export "symbia_abi") (result i32) (i32.const 1))',
    "symbia_status": '(func (export "symbia_status") (result i32) (i32.const 16))',
    "symbia_input": '(func (export "symbia_input") (param i32) (result i32) (i32.const 1024))',
    "symbia_open": '(func (export "symbia_open") (param i32) (result i32) ' + _CLOSE_ONE + " (i32.const 0))",
    "symbia_process": '(func (export "symbia_process") (param i32) (result i32) ' + _CLOSE_ONE + " (i32.const 0))",
    "symbia_close": '(func (export "symbia_close") (result i32) ' + _CLOSE_ONE + " (i32.const 0))",
    "extra": "",
}


def module_text(**parts: str) -> str:
    """A minimal honest guest in WebAssembly text, some of its parts replaced."""
    return "(module " + "\n".join({**_PARTS, **parts}.values()) + ")"


def on_process(body: str) -> str:
    """The export symbia_process with this body, after which one message is closed."""
    return f'(func (export "symbia_process") (param i32) (result i32) {_CLOSE_ONE} {body} (i32.const 0))'


@asynccontextmanager
async def a_guest(limits: GuestLimits = QUICK, **parts: str) -> AsyncIterator[Guest]:
    """An opened guest made of WebAssembly text."""
    with a_runtime() as runtime:
        module = capi.Module(runtime.engine, bytes(wasmtime.wat2wasm(module_text(**parts))))
        guest = Guest(runtime, limits, GuestCounters(), output_count=2)
        try:
            await guest.open(module, [b"{}"])
            yield guest
        finally:
            guest.discard()
