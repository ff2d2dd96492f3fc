"""Look at untrusted modules and compile them; a task for worker processes, never run by the service itself.

A compiler is the largest part of the sandbox that reads untrusted bytes before any limit of the sandbox holds. It
can be slow, it can need much memory, and it can abort: in a process of its own none of that reaches the service,
and as each module gets a fresh process, none of it reaches the next module.
"""

import struct
from pathlib import Path

import msgspec
import wasmtime

from wasm_host.compile.bulk_instructions import interruptible
from wasm_host.compile.validation import Kind, check_exports, validate_module, wrapped
from wasm_host.component_model.binary import MalformedError
from wasm_host.component_model.wrapper import HANDLER
from wasm_host.errors import ModuleError
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import component as capi_component
from wasm_host.wasmtime_c import core as capi
from workers.bounds import PoolBounds
from workers.task import Task

COMPILE = Task("wasm_host.compile.tasks:compile_aside")

COMPILING = PoolBounds(
    memory_bytes=1024 * 1024 * 1024,
    tasks_per_process=1,
    owner_waiting_tasks=16,
    owner_waiting_bytes=64 * 1024 * 1024,
    file_bytes=1024 * 1024 * 1024,
    niceness=10,
)
"""The compiler's workers. The largest component there is, Python's 19 MB, takes 600 MB of address space."""

_HEAD_LENGTH = struct.Struct("!I")


class _Order(msgspec.Struct):
    """An order to compile: the place of the result, and the limits of the module."""

    target: str
    limits: GuestLimits


class Verdict(msgspec.Struct):
    """The kind of the module, or the problem with it."""

    kind: Kind | None = None
    takes_clock: bool = False
    problem: str = ""


def order(content: bytes, target: Path, limits: GuestLimits) -> bytes:
    """Return the payload of ``COMPILE``: a module, where the result goes, and what the module may ask for."""
    head = msgspec.json.encode(_Order(str(target), limits))
    return b"".join((_HEAD_LENGTH.pack(len(head)), head, content))


def compile_aside(payload: bytes) -> bytes:
    """Do the task: write the machine code, and return a ``Verdict`` as JSON text."""
    (length,) = _HEAD_LENGTH.unpack_from(payload)
    start = _HEAD_LENGTH.size
    asked = msgspec.json.decode(payload[start : start + length], type=_Order)
    try:
        verdict = _compile(payload[start + length :], asked)
    except ModuleError as problem:
        verdict = Verdict(problem=str(problem))
    except (MemoryError, RecursionError) as problem:
        verdict = Verdict(problem=f"the module is too complex to be compiled: {type(problem).__name__}")
    return msgspec.json.encode(verdict)


def _compile(content: bytes, asked: _Order) -> Verdict:
    kind = validate_module(content, asked.limits)
    engine = capi.new_engine()
    takes_clock = False
    compiled: capi.Module | capi_component.Component
    try:
        if kind == "module":
            compiled = capi.Module(engine, interruptible(content))
            check_exports(compiled)
        else:
            content, takes_clock = wrapped(content)
            compiled = capi_component.Component(engine, interruptible(content))
    except (wasmtime.WasmtimeError, MalformedError) as problem:
        raise ModuleError(_explained(kind, str(problem))) from None
    Path(asked.target).write_bytes(bytes(compiled.serialize()))
    return Verdict(kind=kind, takes_clock=takes_clock)


def _explained(kind: Kind, problem: str) -> str:
    """Return Wasmtime's words on one line.

    They say ``handler`` where the translator does not get what it imports.
    """
    text = " ".join(problem.split())
    if "import `handler`" in text:
        return f"the component exports {HANDLER}, but not with the types of wit/symbia-component.wit: {text}"
    return f"not a valid WebAssembly {kind}: {text}"
