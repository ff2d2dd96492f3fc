"""Take the types out of a program, with the transformer that the package quickjs-rs ships.

The transformer (OXC, compiled to WebAssembly) is trusted, but the text that it reads is untrusted, and its
parser can be led astray: one megabyte of ``a<a<a<...`` kept the package's own ``transform_source`` busy for 44
seconds and let it take 3 GB, in a thread that nobody can stop. So the very same module runs here as any guest
does: in slices on the event loop, with bounded memory and computing time, a fresh instance for each text, its
imports answered by nothing. Compiled, it lies in the module cache beside the QuickJS guest.

quickjs-rs is pinned, because the module's exports are its own affair; tests/wasm_host/test_typescript.py compares
our results with those of its public function.
"""

from importlib import metadata
from pathlib import Path

import trio

from wasm_host.compile.own_modules import ModuleCache
from wasm_host.errors import CpuLimitError, HostError, MemoryLimitError
from wasm_host.guest.metering import GuestRuntime
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.module import ModuleStore

MEMORY_BYTES = 256 * 1024 * 1024
"""Linear memory of the transformer: a syntax tree takes up to a hundred times the memory of its text."""

_IS_TYPESCRIPT_STRIP_TYPES = 1 << 0 | 1 << 8
_OK, _UNCHANGED, _PARSE_ERROR, _TRANSFORM_ERROR = 0, 1, 3, 4
_WASI = frozenset({"wasi_snapshot_preview1"})


class TypeScriptError(Exception):
    """The text is not TypeScript. The message says what is wrong, and the transformer does not know where."""

    def __init__(self, message: str, spent_ms: int) -> None:
        super().__init__(message)
        self.spent_ms = spent_ms


class TypeStripper:
    """The transformer, run in the sandbox. One for a host; the module is loaded with the first text."""

    def __init__(self, runtime: GuestRuntime, modules: ModuleCache) -> None:
        self._runtime = runtime
        self._modules = modules
        self._loading = trio.Lock()
        self._module: capi.Module | None = None

    async def strip(self, text: str, cpu_ms: int) -> tuple[str, int]:
        """Return the program without its types, printed anew, and how many milliseconds it took.

        Args:
            text: a module, a script, or what else can stand in one
            cpu_ms: computing time that it may take

        Raises:
            TypeScriptError: it is not TypeScript.
            CpuLimitError, MemoryLimitError: it is too hard to read.
            HostError: the transformer is missing.
        """
        async with self._loading:
            if self._module is None:
                content = await trio.to_thread.run_sync(_read_transformer)
                self._module = await self._modules.load(content, imports=_WASI)
        run = _Run(self._runtime, self._module, cpu_ms)
        try:
            return await run.strip(text.encode()), run.spent_ms
        except capi.TrapError as trap:
            # Out of memory, too deeply nested, or a panic: Rust ends all of them in the same way.
            if run.is_out_of_memory():
                raise MemoryLimitError(
                    f"reading the TypeScript took more than {MEMORY_BYTES:,} bytes", "memory_bytes", MEMORY_BYTES
                ) from None
            raise TypeScriptError("nested too deeply to be read", run.spent_ms) from trap
        finally:
            run.close()


def _read_transformer() -> bytes:
    try:
        path = Path(str(metadata.distribution("quickjs-rs").locate_file("quickjs_rs/_transform.wasm")))
        return path.read_bytes()
    except (metadata.PackageNotFoundError, FileNotFoundError):
        raise HostError("the package quickjs-rs is missing, which reads TypeScript; run: make setup") from None


class _Run:
    """One instance of the transformer, for one text."""

    def __init__(self, runtime: GuestRuntime, module: capi.Module, cpu_ms: int) -> None:
        self._runtime = runtime
        self._module = module
        self._cpu_ms = cpu_ms
        self._store = ModuleStore(runtime.engine, memory_bytes=MEMORY_BYTES)
        self._instance: capi.Instance | None = None
        self.spent_ms = 0

    async def strip(self, text: bytes) -> str:
        linker = self._store.inert_linker(self._runtime.engine, self._module)
        pending, raw_instance = self._store.start_instance(linker, self._module)
        await self._finish(pending)
        self._instance = instance = self._store.instance(raw_instance)
        instance.use_memory()
        name_at, text_at = await self._put(b"component.ts"), await self._put(text)
        status = await self._call("qjst_transform", name_at, 12, text_at, len(text), _IS_TYPESCRIPT_STRIP_TYPES)
        if status == _UNCHANGED:
            return text.decode()
        if status == _OK:
            return (await self._take("qjst_result")).decode()
        message = (await self._take("qjst_error")).decode(errors="replace")
        if status in {_PARSE_ERROR, _TRANSFORM_ERROR}:
            raise TypeScriptError(message.partition("component.ts: ")[2] or message, self.spent_ms)
        raise HostError(f"the TypeScript transformer answered {status}: {message}")

    async def _put(self, data: bytes) -> int:
        address = await self._call("qjst_alloc", len(data))
        if data and not (self._instance and address and self._instance.write(address, data)):
            raise capi.TrapError("the transformer has no memory for its input")
        return address

    async def _take(self, what: str) -> bytes:
        address, length = await self._call(f"{what}_ptr"), await self._call(f"{what}_len")
        data = self._instance.read(address, length) if self._instance else None
        if data is None:
            raise HostError("the TypeScript transformer's answer lies outside its memory")
        return data

    async def _call(self, name: str, *arguments: int) -> int:
        function = self._instance.function(name) if self._instance else None
        if function is None:
            raise HostError(f"the TypeScript transformer has no function {name}; another version of quickjs-rs?")
        return await self._finish(self._store.start_with(function, arguments))

    async def _finish(self, pending: capi.Pending) -> int:
        """Run a call to its end, in slices and in turn with all other long calls."""
        done = self._slice(pending)
        while not done:
            self.spent_ms += 1
            if self.spent_ms > self._cpu_ms:
                limit = self._cpu_ms
                raise CpuLimitError(f"reading the TypeScript took longer than {limit} ms", "translate_ms", limit)
            async with self._runtime.turns.of(""):
                done = self._slice(pending)
        return pending.result()

    def _slice(self, pending: capi.Pending) -> bool:
        self._runtime.ticker.touch()
        return pending.poll()

    def is_out_of_memory(self) -> bool:
        """Return whether a trap came at the end of the memory."""
        return self._instance is not None and self._instance.memory_bytes() > MEMORY_BYTES // 2

    def close(self) -> None:
        self._store.close()
