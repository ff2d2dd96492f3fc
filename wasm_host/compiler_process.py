"""The process that looks at strangers' modules and compiles them; run by foundry.py, never imported by it.

A compiler is the largest part of the sandbox that reads a stranger's bytes before any limit of the sandbox
holds. It can be slow, it can need much memory, and it can abort: in a process of its own none of that reaches
the service. It reads the module from standard input and writes a verdict, one line of JSON, to standard output.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import msgspec
import wasmtime

from wasm_host import capi, capi_component
from wasm_host.bulk_instructions import interruptible
from wasm_host.component_model.binary import Malformed
from wasm_host.component_model.enclosure import HANDLER
from wasm_host.errors import ModuleError
from wasm_host.limits import GuestLimits
from wasm_host.module_validation import Kind, check_exports, enclosed, validate_module

__all__ = ["COMPILER_MEMORY_BYTES", "Order", "Verdict"]

COMPILER_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
"""Address space of the process. The largest component there is, Python's 19 MB, takes 600 MB of it."""

_COMPILED_BYTES = 1024 * 1024 * 1024
"""The largest file that the process may write."""


class Order(msgspec.Struct):
    """What to compile, and where the result goes."""

    target: str
    cpu_seconds: int
    limits: GuestLimits


class Verdict(msgspec.Struct):
    """What it is, or the problem with it."""

    kind: Kind | None = None
    is_told: bool = False
    problem: str = ""


def main() -> None:
    """Reads the order from the first argument and the module from standard input."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    _restrict(order.cpu_seconds)
    try:
        verdict = _compile(sys.stdin.buffer.read(), order)
    except ModuleError as problem:
        verdict = Verdict(problem=str(problem))
    except (MemoryError, RecursionError) as problem:
        verdict = Verdict(problem=f"the module is too complex to be compiled: {type(problem).__name__}")
    sys.stdout.buffer.write(msgspec.json.encode(verdict))


def _restrict(cpu_seconds: int) -> None:
    os.nice(10)  # the service's own work goes first
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (COMPILER_MEMORY_BYTES, COMPILER_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_COMPILED_BYTES, _COMPILED_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _compile(content: bytes, order: Order) -> Verdict:
    kind = validate_module(content, order.limits)
    engine = capi.new_engine()
    is_told = False
    compiled: capi.Module | capi_component.Component
    try:
        if kind == "module":
            compiled = capi.Module(engine, interruptible(content))
            check_exports(compiled)
        else:
            content, is_told = enclosed(content)
            compiled = capi_component.Component(engine, interruptible(content))
    except (wasmtime.WasmtimeError, Malformed) as problem:
        raise ModuleError(_explained(kind, str(problem))) from None
    Path(order.target).write_bytes(bytes(compiled.serialize()))
    return Verdict(kind=kind, is_told=is_told)


def _explained(kind: Kind, problem: str) -> str:
    """Wasmtime's words, on one line. It says `handler` where the translator does not get what it imports."""
    text = " ".join(problem.split())
    if "import `handler`" in text:
        return f"the component exports {HANDLER}, but not with the types of wit/symbia-component.wit: {text}"
    return f"not a valid WebAssembly {kind}: {text}"


if __name__ == "__main__":
    main()
