"""Turn untrusted modules into programs that can run: looked at, compiled, kept on disk.

The work is done by processes of their own (tasks.py says why), in which owners take turns, and which are ended
when they take too long. What was compiled is machine code that will be run as it stands, so it lies in a folder
that only this user can write, as in own_modules.py. The folder is bounded: what was not used for longest goes
first.
"""

import hashlib
import os
import platform
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import msgspec
import trio
import wasmtime

from wasm_host.compile import bulk_instructions
from wasm_host.compile.own_modules import private_folder
from wasm_host.compile.tasks import COMPILE, Verdict, order
from wasm_host.compile.validation import Kind, check_size
from wasm_host.component_model import canonical_abi
from wasm_host.component_model.guest import CompiledComponent
from wasm_host.errors import HostError, ModuleError
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import component as capi_component
from wasm_host.wasmtime_c import core as capi
from workers.errors import PoolBusyError, TaskCrashError, TaskDeadlineError, TaskMemoryError, WorkerError
from workers.pool import Pool, PoolStatistics

_KEPT_BYTES = 2 * 1024 * 1024 * 1024
"""Compiled modules on disk. A Python component takes 36 MB, most others less than 6 MB."""

_SUFFIXES = {("module", False): "module", ("component", False): "component", ("component", True): "clocked"}


class WasmProgram(NamedTuple):
    """A module that was looked at and compiled: a core module with the guest ABI, or a component."""

    code: capi.Module | CompiledComponent
    name: str


class ModuleCompiler:
    """The compiler of untrusted modules, for one engine.

    Args:
        engine: what the programs are for
        folder: where they are kept
        workers: compile, within ``compiler.COMPILING``
    """

    def __init__(self, engine: capi.Engine, folder: Path, workers: Pool) -> None:
        self._engine = engine
        self._workers = workers
        self._folder = private_folder(folder / "modules")
        self._linker = capi_component.Linker(engine)
        self._under_way: dict[str, trio.Lock] = {}

    async def program(
        self, content: bytes, limits: GuestLimits, name: str = "module.wasm", owner: str = ""
    ) -> WasmProgram:
        """Return the program: from disk (30 ms for the largest), or compiled (up to 10 s, and a wait for a turn).

        Args:
            content: the module's or component's bytes
            limits: what it may ask for
            name: for messages
            owner: whose turn with the compiler it takes

        Raises:
            PoolBusyError: as much of the owner waits for the compiler as may.
            ModuleError: it may not run here, or cannot be compiled within the limits.
            HostError: the compiler cannot be started.
        """
        kind = check_size(content, limits)
        key = await trio.to_thread.run_sync(_key, content, limits)
        code = await trio.to_thread.run_sync(self._from_disk, key, kind)
        if code is None:
            async with self._alone(key):
                code = await trio.to_thread.run_sync(self._from_disk, key, kind)  # another may have compiled it
                code = code or await self._compiled(content, limits, key, owner)
        return WasmProgram(code, name)

    def statistics(self) -> PoolStatistics:
        """Return what its workers do now and have done."""
        return self._workers.statistics()

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Let whoever wants the same at the same time wait for the first one, and find what that one has made."""
        lock = self._under_way.setdefault(key, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._under_way.pop(key, None)

    def _from_disk(self, key: str, kind: Kind) -> capi.Module | CompiledComponent | None:
        for (known, takes_clock), suffix in _SUFFIXES.items():
            path = self._folder / f"{key}.{suffix}"
            if known == kind and path.exists():
                with suppress(FileNotFoundError):  # another process may have swept it away
                    return self._load(path, takes_clock)
        return None

    async def _compiled(
        self, content: bytes, limits: GuestLimits, key: str, owner: str
    ) -> capi.Module | CompiledComponent:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            target = Path(folder, "compiled")
            verdict = await self._ordered(order(content, target, limits), limits, owner)
            if verdict.kind is None:
                raise ModuleError(verdict.problem)
            path = self._folder / f"{key}.{_SUFFIXES[verdict.kind, verdict.takes_clock]}"
            await trio.to_thread.run_sync(target.replace, path)
        await trio.to_thread.run_sync(self._sweep, path)
        return await trio.to_thread.run_sync(self._load, path, verdict.takes_clock)

    async def _ordered(self, payload: bytes, limits: GuestLimits, owner: str) -> Verdict:
        try:
            answer = await self._workers.run(owner, COMPILE, payload, seconds=limits.compile_ms / 1000)
        except PoolBusyError:
            raise
        except TaskDeadlineError:
            raise ModuleError(
                f"the module took longer to compile than {limits.compile_ms:,} ms; make it smaller"
            ) from None
        except TaskMemoryError as problem:
            raise ModuleError(f"the module is too complex to be compiled: {problem}") from None
        except TaskCrashError as problem:
            raise ModuleError(
                f"the compiler did not survive this module (signal {problem.number}): {problem.said}"
            ) from None
        except WorkerError as problem:
            raise HostError(f"the compiler failed: {problem}") from None
        return msgspec.json.decode(answer, type=Verdict)

    def _load(self, path: Path, takes_clock: bool) -> capi.Module | CompiledComponent:
        os.utime(path)
        try:
            if path.suffix == ".module":
                return capi.Module.deserialize_file(self._engine, str(path))
            component = capi_component.Component.deserialize_file(self._engine, str(path))
            return CompiledComponent(component, self._linker, takes_clock)
        except wasmtime.WasmtimeError as problem:
            path.unlink(missing_ok=True)
            raise HostError(
                f"the compiled module {path} is damaged and was removed; try again: {problem}"
            ) from None

    def _sweep(self, newest: Path) -> None:
        """Remove what was not used for longest; what is in use stays so, because it is mapped."""
        files = []
        for path in self._folder.glob("*.*"):
            with suppress(FileNotFoundError):  # another process may be sweeping too
                about = path.stat()
                files.append((about.st_mtime, about.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= _KEPT_BYTES or path == newest:
                break
            total -= size
            path.unlink(missing_ok=True)


def _key(content: bytes, limits: GuestLimits) -> str:
    """Return the name of the result: by the content, the compiler and its settings, the wrapper, the limits."""
    about = hashlib.sha256()
    about.update(f"{metadata.version('wasmtime')} {platform.system()} {platform.machine()} ".encode())
    about.update(f"{limits.memory_bytes} {limits.table_elements} ".encode())
    for path in (
        Path(capi.__file__),
        Path(bulk_instructions.__file__),
        *sorted(Path(canonical_abi.__file__).parent.glob("*.*")),
    ):
        about.update(path.read_bytes())
    about.update(content)
    return about.hexdigest()
