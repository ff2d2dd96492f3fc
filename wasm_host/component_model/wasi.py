"""A WASI with nothing behind it, inside the sandbox. Pure: it makes WebAssembly text.

Most languages' tools let a component import WASI 0.2. Wasmtime's own WASI would answer with the machine's
clocks, its entropy and its sockets, and would sleep on the event loop when asked to. So each function that a
component imports is answered here, by a small module in the same sandbox: kindly where that costs nothing (no
environment, a stream that swallows, the host's coarse time, seeded random numbers), with a refusal where the
function has one, and by a trap that carries the function's name otherwise.
"""

import re
from collections.abc import Sequence

from wasm_host.component_model.types import Flat, FlatFunction

_INTERFACE = re.compile(
    r"(wasi:(?:cli|clocks|filesystem|http|io|random|sockets)/[a-z0-9-]+)@0\.2\.[0-9]+(?:-[a-z0-9.-]+)?"
)
_CALL = re.compile(r"!(wasi:[a-z]+/[a-z0-9-]+#\S+)")

TIME_AND_CHANCE = ("wasi:clocks/", "wasi:random/")
"""A component that imports one of these is given the time before each call."""

HANDLES_MODULE = """(module
  (global $count (mut i32) (i32.const 0))
  (func $too_many_handles unreachable)
  (func (export "take")
    (if (i32.ge_u (global.get $count) (i32.const 10000)) (then (call $too_many_handles)))
    (global.set $count (i32.add (global.get $count) (i32.const 1))))
  (func (export "drop") (param i32) (global.set $count (i32.sub (global.get $count) (i32.const 1)))))"""
"""Counts the handles that a component holds: their table is in the host's memory, so it must not grow without
end."""

_ZEROS, _REFUSAL, _PERMIT, _TIME, _RESOLUTION, _LIST = 1024, 1088, 1152, 1216, 1232, 1264

_FIXED = f"""
  (memory (export "memory") 4 4)
  (data (i32.const {_REFUSAL}) "\\01\\00\\00\\00\\01\\00\\00\\00\\01")
  (data (i32.const {_PERMIT + 8}) "\\00\\00\\01")
  (data (i32.const {_RESOLUTION + 8}) "\\40\\42\\0f")
  (global $now (mut i64) (i64.const 0))
  (global $chance (mut i64) (i64.const 0))
  (global $next (mut i32) (i32.const 4096))
  (func $too_much_at_once unreachable)
  (func $allocate (export "realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (local.get $size) (i32.const 131072)) (then (call $too_much_at_once)))
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (if (i32.gt_u (i32.add (local.get $at) (local.get $size)) (i32.const 262144))
      (then (local.set $at (i32.const 4096))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func (export "tell") (param $now i64) (param $seed i64)
    (global.set $now (local.get $now))
    (if (i64.eqz (global.get $chance)) (then (global.set $chance (local.get $seed)))))
  (func $random (result i64)
    (local $mixed i64)
    (global.set $chance (i64.add (global.get $chance) (i64.const 0x9E3779B97F4A7C15)))
    (local.set $mixed (global.get $chance))
    (local.set $mixed (i64.mul (i64.const 0xBF58476D1CE4E5B9)
      (i64.xor (local.get $mixed) (i64.shr_u (local.get $mixed) (i64.const 30)))))
    (local.set $mixed (i64.mul (i64.const 0x94D049BB133111EB)
      (i64.xor (local.get $mixed) (i64.shr_u (local.get $mixed) (i64.const 27)))))
    (i64.xor (local.get $mixed) (i64.shr_u (local.get $mixed) (i64.const 31))))
  (func $list (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const {_LIST}) (local.get $at))
    (i32.store (i32.const {_LIST + 4}) (local.get $length))
    (i32.const {_LIST}))
  (func $random_bytes (param $length i64) (result i32)
    (local $at i32)
    (local $done i32)
    (if (i64.gt_u (local.get $length) (i64.const 65536)) (then (call $too_much_at_once)))
    (local.set $at (call $allocate (i32.const 0) (i32.const 0) (i32.const 8)
      (i32.add (i32.wrap_i64 (local.get $length)) (i32.const 8))))
    (loop $more
      (i64.store (i32.add (local.get $at) (local.get $done)) (call $random))
      (local.set $done (i32.add (local.get $done) (i32.const 8)))
      (br_if $more (i32.lt_u (local.get $done) (i32.wrap_i64 (local.get $length)))))
    (call $list (local.get $at) (i32.wrap_i64 (local.get $length))))
  (func $time (result i32)
    (i64.store (i32.const {_TIME}) (i64.div_u (global.get $now) (i64.const 1000)))
    (i32.store (i32.const {_TIME + 8}) (i32.mul (i32.const 1000000)
      (i32.wrap_i64 (i64.rem_u (global.get $now) (i64.const 1000)))))
    (i32.const {_TIME}))
  (func $two_numbers (result i32)
    (i64.store (i32.const {_LIST + 16}) (call $random))
    (i64.store (i32.const {_LIST + 24}) (call $random))
    (i32.const {_LIST + 16}))
  (func $all_ready (param $handles i32) (param $count i32) (result i32)
    (local $at i32)
    (local $index i32)
    (local.set $at (call $allocate (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.shl (local.get $count) (i32.const 2))))
    (block $done (loop $more
      (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
      (i32.store (i32.add (local.get $at) (i32.shl (local.get $index) (i32.const 2))) (local.get $index))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $more)))
    (call $list (local.get $at) (local.get $count)))"""

_NONE = f"(i32.const {_ZEROS})"
"""The empty list, the absent option, the success without a value: all of them are zeros in memory."""
_REFUSED = f"(i32.const {_REFUSAL})"
"""An error whose kind is number 1: closed, for streams; access-denied, for sockets."""
_NANOSECONDS = "(i64.mul (global.get $now) (i64.const 1000000))"

_ANSWERS: dict[str, tuple[Flat, Flat, str]] = {
    "wasi:cli/environment#get-environment": ((), ("i32",), _NONE),
    "wasi:cli/environment#get-arguments": ((), ("i32",), _NONE),
    "wasi:cli/environment#initial-cwd": ((), ("i32",), _NONE),
    "wasi:cli/terminal-stdin#get-terminal-stdin": ((), ("i32",), _NONE),
    "wasi:cli/terminal-stdout#get-terminal-stdout": ((), ("i32",), _NONE),
    "wasi:cli/terminal-stderr#get-terminal-stderr": ((), ("i32",), _NONE),
    "wasi:cli/stdin#get-stdin": ((), ("i32",), "(call $new:input-stream)"),
    "wasi:cli/stdout#get-stdout": ((), ("i32",), "(call $new:output-stream)"),
    "wasi:cli/stderr#get-stderr": ((), ("i32",), "(call $new:output-stream)"),
    "wasi:clocks/wall-clock#now": ((), ("i32",), "(call $time)"),
    "wasi:clocks/wall-clock#resolution": ((), ("i32",), f"(i32.const {_RESOLUTION})"),
    "wasi:clocks/monotonic-clock#now": ((), ("i64",), _NANOSECONDS),
    "wasi:clocks/monotonic-clock#resolution": ((), ("i64",), "(i64.const 1000000)"),
    "wasi:clocks/monotonic-clock#subscribe-instant": (("i64",), ("i32",), "(call $new:pollable)"),
    "wasi:clocks/monotonic-clock#subscribe-duration": (("i64",), ("i32",), "(call $new:pollable)"),
    "wasi:filesystem/preopens#get-directories": ((), ("i32",), _NONE),
    "wasi:filesystem/types#filesystem-error-code": (("i32",), ("i32",), _NONE),
    "wasi:io/error#[method]error.to-debug-string": (("i32",), ("i32",), _NONE),
    "wasi:io/poll#[method]pollable.ready": (("i32",), ("i32",), "(i32.const 1)"),
    "wasi:io/poll#[method]pollable.block": (("i32",), (), ""),
    "wasi:io/poll#poll": (("i32", "i32"), ("i32",), "(call $all_ready (local.get 0) (local.get 1))"),
    "wasi:io/streams#[method]input-stream.read": (("i32", "i64"), ("i32",), _REFUSED),
    "wasi:io/streams#[method]input-stream.blocking-read": (("i32", "i64"), ("i32",), _REFUSED),
    "wasi:io/streams#[method]input-stream.skip": (("i32", "i64"), ("i32",), _REFUSED),
    "wasi:io/streams#[method]input-stream.blocking-skip": (("i32", "i64"), ("i32",), _REFUSED),
    "wasi:io/streams#[method]input-stream.subscribe": (("i32",), ("i32",), "(call $new:pollable)"),
    "wasi:io/streams#[method]output-stream.check-write": (("i32",), ("i32",), f"(i32.const {_PERMIT})"),
    "wasi:io/streams#[method]output-stream.write": (("i32", "i32", "i32"), ("i32",), _NONE),
    "wasi:io/streams#[method]output-stream.blocking-write-and-flush": (("i32", "i32", "i32"), ("i32",), _NONE),
    "wasi:io/streams#[method]output-stream.flush": (("i32",), ("i32",), _NONE),
    "wasi:io/streams#[method]output-stream.blocking-flush": (("i32",), ("i32",), _NONE),
    "wasi:io/streams#[method]output-stream.subscribe": (("i32",), ("i32",), "(call $new:pollable)"),
    "wasi:io/streams#[method]output-stream.write-zeroes": (("i32", "i64"), ("i32",), _NONE),
    "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush": (("i32", "i64"), ("i32",), _NONE),
    "wasi:random/random#get-random-bytes": (("i64",), ("i32",), "(call $random_bytes (local.get 0))"),
    "wasi:random/random#get-random-u64": ((), ("i64",), "(call $random)"),
    "wasi:random/insecure#get-insecure-random-bytes": (("i64",), ("i32",), "(call $random_bytes (local.get 0))"),
    "wasi:random/insecure#get-insecure-random-u64": ((), ("i64",), "(call $random)"),
    "wasi:random/insecure-seed#insecure-seed": ((), ("i32",), "(call $two_numbers)"),
    "wasi:random/insecure-seed#get-insecure-seed": ((), ("i32",), "(call $two_numbers)"),
    "wasi:sockets/instance-network#instance-network": ((), ("i32",), "(call $new:network)"),
    "wasi:sockets/tcp-create-socket#create-tcp-socket": (("i32",), ("i32",), _REFUSED),
    "wasi:sockets/udp-create-socket#create-udp-socket": (("i32",), ("i32",), _REFUSED),
    "wasi:sockets/ip-name-lookup#resolve-addresses": (("i32", "i32", "i32"), ("i32",), _REFUSED),
}
"""Flat parameters, flat results, and the answer. A function that is not here, or not of this form, traps."""

_MADE = {
    "input-stream": "wasi:io/streams",
    "output-stream": "wasi:io/streams",
    "pollable": "wasi:io/poll",
    "network": "wasi:sockets/network",
}
"""The resources of which the answers above make handles, and the interface that defines each."""


def is_wasi(interface: str) -> bool:
    """Return whether an import's name is of the WASI that is answered here."""
    return _INTERFACE.fullmatch(interface) is not None


def without_version(interface: str) -> str:
    """Return ``wasi:io/poll@0.2.9`` as ``wasi:io/poll``."""
    return interface.partition("@")[0]


def resources(defined: Sequence[tuple[str, str]]) -> list[str]:
    """Return those of the defined resources, (interface without version, name), that need a maker of handles."""
    return [resource for interface, resource in defined if _MADE.get(resource) == interface]


def wasi_module(functions: Sequence[tuple[str, FlatFunction]], made: Sequence[str]) -> str:
    """Return the module that answers.

    Args:
        functions: ``interface#function``, without version, and its flat form; exported as f0, f1, ...
        made: resources for which the module ``new`` is imported, as from ``resources``
    """
    parts = ['(import "handles" "take" (func $take))']
    parts += [f'(import "new" "{each}" (func $handle:{each} (param i32) (result i32)))' for each in made]
    parts.append(_FIXED)
    for each in made:
        parts.append(f"(func $new:{each} (result i32) (call $take) (call $handle:{each} (i32.const 0)))")
    for number, (called, flat) in enumerate(functions):
        parts.append(_function(number, called, flat, made))
    return "(module\n" + "\n".join(parts) + ")"


def _function(number: int, called: str, flat: FlatFunction, made: Sequence[str]) -> str:
    parameters, results, answer = _ANSWERS.get(called, ((), (), "unreachable"))
    wanted = answer.removeprefix("(call $new:").removesuffix(")") if answer.startswith("(call $new:") else None
    if (parameters, results) != tuple(flat) or (wanted and wanted not in made):
        answer = "unreachable"
    signature = "".join(
        [*(f"(param {core}) " for core in flat.parameters), *(f"(result {core}) " for core in flat.results)]
    )
    quoted = called.replace("\\", "\\\\").replace('"', '\\"')
    return f'(func $f{number} (@name "{quoted}") (export "f{number}") {signature}{answer})'


def refused_call(trace: str) -> str | None:
    """Return the WASI function in which a trap happened, by the innermost line of its trace."""
    found = _CALL.search(trace)
    return found[1] if found else None
