"""The guest on an engine that counts instructions: what a message costs, the same on every machine."""

import functools
import json
import struct
from typing import Any

import wasmtime

from wasm_host.sandbox import javascript

FUEL = 2**62
LIMITS = {
    "emissions": 1000,
    "outputBytes": 2**24,
    "logLines": 10,
    "logBytes": 10_000,
    "stateKeys": 10,
    "stateBytes": 10_000,
}


@functools.cache
def _compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module(engine, javascript.read_guest())


class MeteredGuest:
    """One program in a guest of its own, called as the host calls it."""

    def __init__(self, mode: str, source: str) -> None:
        """Open it."""
        engine, module = _compiled()
        self._store = wasmtime.Store(engine)
        self._store.set_fuel(FUEL)
        self._exports = wasmtime.Linker(engine).instantiate(self._store, module).exports(self._store)
        self._call("_initialize")
        document = {
            "mode": mode, "source": source, "entrypoint": "handler", "filename": "component.js",
            "executionId": "e", "nodeId": "n", "instanceId": "i", "config": {}, "inputs": ["in"],
            "outputs": ["out", "other"], "state": {}, "limits": LIMITS, "restored": 0, "check": 0,
        }  # fmt: skip
        opening = struct.pack("<Qd", 1, 0.0) + json.dumps(document).encode()
        self._write(opening)
        assert self._call("symbia_open", len(opening)) == 0, self._output()

    def _call(self, name: str, *arguments: int) -> Any:
        function = self._exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self._store, *arguments)

    @property
    def _memory(self) -> wasmtime.Memory:
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        return memory

    def _write(self, data: bytes) -> None:
        address = self._call("symbia_input", len(data))
        self._memory.write(self._store, data, address)

    def _output(self) -> bytes:
        status = self._call("symbia_status")
        address, length = struct.unpack("<II", bytes(self._memory.read(self._store, status, status + 8)))
        return bytes(self._memory.read(self._store, address, address + length))

    def process(self, values: list[bytes]) -> bytes:
        """Return the records of one batch."""
        head = struct.pack("<Id", len(values), 0.0) + struct.pack(f"<{len(values)}I", *[0] * len(values))
        batch = head + struct.pack(f"<{len(values)}I", *map(len, values)) + b"".join(values)
        self._write(batch)
        self._call("symbia_process", len(batch))
        return self._output()

    def cost(self, value: bytes, *, messages: int = 10) -> int:
        """Return the instructions of one message among others like it, after some to get used to them."""
        self.process([value] * 4)
        before = self.instructions
        self.process([value] * messages)
        return (self.instructions - before) // messages

    @property
    def instructions(self) -> int:
        """What it has executed so far."""
        return FUEL - self._store.get_fuel()

    @property
    def memory_bytes(self) -> int:
        """What the guest's memory has grown to."""
        return self._memory.data_len(self._store)
