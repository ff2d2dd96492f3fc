"""Hostile WebAssembly modules: attackers that are written in WebAssembly text.

The module is honest but for one export, and when it is asked whether it is still there it says so, so
that the examination of `tests.attacks.sandbox_attack` holds for it as for any other attacker.
"""

from collections.abc import Callable

import wasmtime

from tests.attacks.sandbox_attack import STILL_HERE
from tests.wasm_host.sandboxes import module_text
from wasm_host.compile.bulk_instructions import interruptible
from wasm_host.guest.identity import Identity
from wasm_host.guest.metering import GuestCounters
from wasm_host.host import SandboxHost
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.openers import GuestSetup, ModuleOpener
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.wasmtime_c import core as capi

INPUT_AT, OUTPUT_AT, STATUS_AT = 1024, 4096, 16
_ANSWER_AT = 3072
_FIRST_VALUE_AT = INPUT_AT + 12 + 8  # of a batch of one


def escaped(data: bytes) -> str:
    """Bytes as a string of WebAssembly text."""
    return "".join(f"\\{byte:02x}" for byte in data)


def status(output: int, length: int, closed: int, fault: int = 0) -> str:
    """Instructions that write the status block."""
    words = (output, length, closed, fault)
    return "".join(
        f"(i32.store (i32.const {STATUS_AT + 4 * i}) (i32.const {word}))" for i, word in enumerate(words)
    )


def record(kind: int, payload: bytes = b"", *, closes: bool = True, port: int = 0) -> bytes:
    """One record, as a guest writes it."""
    return bytes([kind, int(closes)]) + port.to_bytes(2, "little") + len(payload).to_bytes(4, "little") + payload


def answers_with(records: bytes, closed: int = 1) -> dict[str, str]:
    """Parts of a module whose symbia_process answers with these records."""
    return {
        "extra": f'(data (i32.const {OUTPUT_AT}) "{escaped(records)}")',
        "body": status(OUTPUT_AT, len(records), closed),
    }


def hostile_text(body: str, **parts: str) -> str:
    """A module whose symbia_process runs this body, unless the message is the question after an attack."""
    answer = record(1, b'"yes"')
    question = int.from_bytes(STILL_HERE[:8], "little")
    process = f"""
        (data (i32.const {_ANSWER_AT}) "{escaped(answer)}")
        (func (export "symbia_process") (param i32) (result i32) (local $i i32) (local $at i32)
            (if (i64.eq (i64.load (i32.const {_FIRST_VALUE_AT})) (i64.const {question}))
                (then {status(_ANSWER_AT, len(answer), 1)} (return (i32.const 0))))
            {body}
            (i32.const 0))"""
    return module_text(**{"symbia_process": process, **parts})


def attacker(text: str, limits: GuestLimits) -> Callable[[SandboxHost], Sandbox]:
    """Makes a sandbox of this module in the host of an attack."""

    def made(host: SandboxHost) -> Sandbox:
        runtime = host._runtime
        module = capi.Module(runtime.engine, interruptible(bytes(wasmtime.wat2wasm(text))))
        setup = GuestSetup(
            runtime=runtime,
            program=Program("handler", ""),
            identity=Identity(),
            config=b"{}",
            inputs=("in",),
            outputs=("out", "other"),
            limits=limits,
            counters=GuestCounters(),
            on_slice_end=None,
            now_ms=lambda: 1000.0,
        )
        return Sandbox(setup, ModuleOpener(module), seed=0)

    return made
