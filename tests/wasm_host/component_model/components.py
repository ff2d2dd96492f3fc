"""Components in WebAssembly text, honest and otherwise, and ways to run them in a test."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import wasmtime

from wasm_host.guest.abi import Effects
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.sandbox import Sandbox

QUICK = GuestLimits(cpu_ms=60, memory_bytes=32 * 1024 * 1024)
"""For what shall meet its limit."""

NOTHING = "(memory.fill (i32.const 64) (i32.const 0) (i32.const 64)) (i32.const 64)"
"""Effects without anything in them, at 64."""

# The answer at 16 is a list of `count` effects from 4096 on; each emits, on `port`, the value of its message.
ECHO = """
  (local $index i32) (local $effects i32) (local $emission i32)
  (i32.store (i32.const 16) (i32.const 4096))
  (i32.store (i32.const 20) (local.get $count))
  (memory.fill (i32.const 4096) (i32.const 0) (i32.mul (local.get $count) (i32.const 52)))
  (block $done (loop $more
    (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
    (local.set $effects (i32.add (i32.const 4096) (i32.mul (local.get $index) (i32.const 52))))
    (local.set $emission (i32.add (i32.const 20480) (i32.mul (local.get $index) (i32.const 16))))
    (i32.store (local.get $effects) (local.get $emission))
    (i32.store offset=4 (local.get $effects) (i32.const 1))
    (i32.store (local.get $emission) (i32.const 512))
    (i32.store offset=4 (local.get $emission) (i32.const 3))
    (i64.store offset=8 (local.get $emission)
      (i64.load offset=8 (i32.add (local.get $messages) (i32.mul (local.get $index) (i32.const 16)))))
    (local.set $index (i32.add (local.get $index) (i32.const 1)))
    (br $more)))
  (i32.const 16)"""

REALLOC = """(local $at i32)
  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
  (global.set $next (i32.add (local.get $at) (local.get $size)))
  (if (i32.gt_u (global.get $next) (i32.const 120000)) (then (global.set $next (i32.const 65536))))
  (local.get $at)"""

_TYPES = """
  (type $entry' (record (field "key" string) (field "value" string)))
  (type $place' (record
    (field "execution-id" string) (field "node-id" string) (field "instance-id" string) (field "config" string)
    (field "inputs" (list string)) (field "outputs" (list string)) (field "state" (list $entry))
    (field "restored" bool) (field "seed" u64) (field "now" u64)))
  (type $message' (record (field "port" string) (field "value" string)))
  (type $emission' (record (field "port" string) (field "value" string)))
  (type $state-write' (record (field "key" string) (field "value" (option string))))
  (type $level' (enum "debug" "info" "warn" "error"))
  (type $log-line' (record (field "level" $level) (field "message" string) (field "meta" (option string))))
  (type $failure' (record (field "name" string) (field "message" string) (field "stack" string)))
  (type $effects' (record
    (field "emissions" (list $emission)) (field "state" (list $state-write)) (field "logs" (list $log-line))
    (field "error" (option $failure))))"""

_OF_NAME = re.compile(r"\$([a-z-]+)")
_NAMES = ("entry", "place", "message", "emission", "state-write", "level", "log-line", "failure", "effects")


def component_text(
    *,
    process: str = ECHO,
    realloc: str = REALLOC,
    opening: str = NOTHING,
    closing: str = NOTHING,
    imports: str = "",
    given: str = "",
    core_imports: str = "",
    extra: str = "",
    memory: str = '(memory (export "memory") 2)',
    process_result: str = "(list $effects)",
    handler: str = "symbia:component/handler@1.0.0",
) -> str:
    """A component that emits each message on its output `out`, some of its parts replaced.

    Args:
        process: body of the core function, with $messages, $count and $now, that answers the list's address
        realloc: body of the core function that makes room for what is passed in, with $size
        opening: body of `open`, with $place; answers the address of effects
        closing: body of `close`; answers the address of effects
        imports: component-level definitions at the beginning
        given: arguments for the core module's imports
        core_imports: imports of the core module
        extra: further contents of the core module
        memory: its memory
        process_result: the type of what `process` returns
        handler: the exported interface's name
    """
    options = '(memory (core memory $main "memory")) (realloc (core func $main "realloc"))'
    types = [line for line in _TYPES.replace("\n    ", " ").splitlines() if line.strip()]
    taken, shown = [], []
    for line, name in zip(types, _NAMES, strict=True):
        taken.append(f"""{line} (import "{name}" (type ${name} (eq ${name}')))""")
        again = _OF_NAME.sub(r"$out-\1", line)
        shown.append(f"""{again} (export $out-{name} "{name}" (type $out-{name}'))""")
    plain = "\n".join(types).replace("' ", " ")
    inside = f"""
      (component $named
        {chr(10).join(taken)}
        (import "open" (func $open (param "place" $place) (result $effects)))
        (import "process" (func $process
          (param "messages" (list $message)) (param "now" u64) (result {process_result})))
        (import "close" (func $close (result $effects)))
        {chr(10).join(shown)}
        (export "open" (func $open) (func (param "place" $out-place) (result $out-effects)))
        (export "process" (func $process) (func
          (param "messages" (list $out-message)) (param "now" u64)
          (result {process_result.replace("$effects", "$out-effects")})))
        (export "close" (func $close) (func (result $out-effects))))"""
    arguments = " ".join(f'(with "{name}" (type ${name}))' for name in _NAMES)
    return f"""(component
      {imports}
      (core module $Main
        {core_imports}
        {memory}
        (global $next (mut i32) (i32.const 65536))
        (data (i32.const 512) "out")
        (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
          {realloc})
        (func (export "open") (param $place i32) (result i32) {opening})
        (func (export "process") (param $messages i32) (param $count i32) (param $now i64) (result i32) {process})
        (func (export "close") (result i32) {closing})
        {extra})
      (core instance $main (instantiate $Main {given}))
      {plain}
      (func $open (param "place" $place) (result $effects) (canon lift (core func $main "open") {options}))
      (func $process (param "messages" (list $message)) (param "now" u64) (result {process_result})
        (canon lift (core func $main "process") {options}))
      (func $close (result $effects) (canon lift (core func $main "close") {options}))
      {inside}
      (instance $handler (instantiate $named {arguments}
        (with "open" (func $open)) (with "process" (func $process)) (with "close" (func $close))))
      (export "{handler}" (instance $handler)))"""


def component(**parts: str) -> bytes:
    """As `component_text`, in binary."""
    return bytes(wasmtime.wat2wasm(component_text(**parts)))


@asynccontextmanager
async def a_host(folder: Path | None = None) -> AsyncIterator[SandboxHost]:
    """A sandbox host with a clock that stands at 1,234,567 ms."""
    async with open_host(folder, now_ms=lambda: 1_234_567.0) as host:
        yield host


@asynccontextmanager
async def opened(content: bytes, limits: GuestLimits = QUICK, **options: Any) -> AsyncIterator[Sandbox]:
    """An open sandbox that runs a module or component."""
    async with a_host() as host:
        program = await host.program(content, limits=limits)
        sandbox = host.sandbox(program, limits=limits, **options)
        await sandbox.open()
        try:
            yield sandbox
        finally:
            sandbox.discard()


async def run(content: bytes, *values: bytes, limits: GuestLimits = QUICK, **options: Any) -> list[Effects]:
    """The effects of values that arrive in one batch on the first input."""
    async with opened(content, limits, **options) as sandbox:
        return await sandbox.process([(0, value) for value in values])
