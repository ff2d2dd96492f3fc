"""Turns strangers' modules into programs that can run: looked at, compiled, kept on disk.

The work is done by a process of its own, one at a time (compiler_process.py says why), which is ended when it
takes too long. What it compiled is machine code that will be run as it stands, so it lies in a folder that only
this user can write, as in modules.py. The folder is bounded: what was not used for longest goes first.
"""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio
import wasmtime

from wasm_host import bulk_instructions, capi, capi_component
from wasm_host.compiler_process import Order, Verdict
from wasm_host.component_model import image
from wasm_host.component_model.guest import EnclosedComponent
from wasm_host.errors import HostError, ModuleError
from wasm_host.limits import GuestLimits
from wasm_host.module_validation import Kind, check_size
from wasm_host.modules import private_folder

__all__ = ["Foundry", "WasmProgram"]

_KEPT_BYTES: Final = 2 * 1024 * 1024 * 1024
"""Compiled modules on disk. A Python component takes 36 MB, most others less than 6 MB."""

_SUFFIXES: Final = {("module", False): "module", ("component", False): "component", ("component", True): "told"}
_ROOT: Final = Path(__file__).parent.parent


class WasmProgram(NamedTuple):
    """A module that was looked at and compiled: a core module with the guest ABI, or a component."""

    code: capi.Module | EnclosedComponent
    name: str


class Foundry:
    """Compiles for one engine."""

    def __init__(self, engine: capi.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = private_folder(folder / "modules")
        self._linker = capi_component.Linker(engine)
        self._turn = trio.Lock()

    async def program(self, content: bytes, limits: GuestLimits, name: str = "module.wasm") -> WasmProgram:
        """The program; from disk (30 ms for the largest), or compiled (up to 10 s, during which others wait).

        Args:
            content: the module's or component's bytes
            limits: what it may ask for
            name: for messages

        Raises:
            ModuleError: it may not run here, or cannot be compiled within the limits.
            HostError: the compiler cannot be started.
        """
        kind = check_size(content, limits)
        key = await trio.to_thread.run_sync(_key, content, limits)
        code = await trio.to_thread.run_sync(self._from_disk, key, kind)
        if code is None:
            async with self._turn:
                code = await trio.to_thread.run_sync(self._from_disk, key, kind)  # another may have compiled it
                code = code or await self._compiled(content, limits, key)
        return WasmProgram(code, name)

    def _from_disk(self, key: str, kind: Kind) -> capi.Module | EnclosedComponent | None:
        for (known, is_told), suffix in _SUFFIXES.items():
            path = self._folder / f"{key}.{suffix}"
            if known == kind and path.exists():
                with suppress(FileNotFoundError):  # another process may have swept it away
                    return self._load(path, is_told)
        return None

    async def _compiled(self, content: bytes, limits: GuestLimits, key: str) -> capi.Module | EnclosedComponent:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            target = Path(folder, "compiled")
            verdict = await _ordered(content, Order(str(target), max(1, limits.compile_ms // 250), limits), limits)
            if verdict.kind is None:
                raise ModuleError(verdict.problem)
            path = self._folder / f"{key}.{_SUFFIXES[verdict.kind, verdict.is_told]}"
            await trio.to_thread.run_sync(target.replace, path)
        await trio.to_thread.run_sync(self._sweep, path)
        return await trio.to_thread.run_sync(self._load, path, verdict.is_told)

    def _load(self, path: Path, is_told: bool) -> capi.Module | EnclosedComponent:
        os.utime(path)
        try:
            if path.suffix == ".module":
                return capi.Module.deserialize_file(self._engine, str(path))
            component = capi_component.Component.deserialize_file(self._engine, str(path))
            return EnclosedComponent(component, self._linker, is_told)
        except wasmtime.WasmtimeError as problem:
            path.unlink(missing_ok=True)
            raise HostError(
                f"the compiled module {path} is damaged and was removed; try again: {problem}"
            ) from None

    def _sweep(self, newest: Path) -> None:
        """Removes what was not used for longest; what is in use stays so, because it is mapped."""
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
    """Names the result: by the content, the compiler and its settings, what encloses it, and what it may ask
    for.
    """
    about = hashlib.sha256()
    about.update(f"{metadata.version('wasmtime')} {platform.system()} {platform.machine()} ".encode())
    about.update(f"{limits.memory_bytes} {limits.table_elements} ".encode())
    for path in (
        Path(capi.__file__),
        Path(bulk_instructions.__file__),
        *sorted(Path(image.__file__).parent.glob("*.*")),
    ):
        about.update(path.read_bytes())
    about.update(content)
    return about.hexdigest()


async def _ordered(content: bytes, order: Order, limits: GuestLimits) -> Verdict:
    command = [sys.executable, "-P", "-m", "wasm_host.compiler_process", msgspec.json.encode(order).decode()]
    environment = {"PYTHONPATH": str(_ROOT), "PATH": os.defpath, "RUST_BACKTRACE": "0"}
    with trio.move_on_after(limits.compile_ms / 1000) as time_limit:
        try:
            done = await trio.run_process(
                command, stdin=content, capture_stdout=True, capture_stderr=True, check=False, env=environment
            )
        except OSError as problem:
            raise HostError(f"the compiler cannot be started: {problem}") from None
    if time_limit.cancelled_caught or done.returncode == -signal.SIGXCPU:
        raise ModuleError(f"the module took longer to compile than {limits.compile_ms:,} ms; make it smaller")
    return _verdict(done)


def _verdict(done: subprocess.CompletedProcess[bytes]) -> Verdict:
    if done.returncode == 0:
        return msgspec.json.decode(done.stdout, type=Verdict)
    said = " ".join(done.stderr.decode(errors="replace").split())[:500]
    if done.returncode < 0:
        raise ModuleError(f"the compiler did not survive this module (signal {-done.returncode}): {said}")
    raise HostError(f"the compiler failed with status {done.returncode}: {said[-500:]}")
