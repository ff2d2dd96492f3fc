"""Compiled modules: compiled once, kept in memory and on disk.

A serialised module is machine code that will be run as it stands, so a cache entry is as trusted as our own
program: the folder must belong to this user, and be writable by nobody else. An entry that Wasmtime does not
accept (another version, another processor, damage) is compiled again.
"""

import hashlib
import os
import platform
import stat
import tempfile
from importlib import metadata
from pathlib import Path

import trio
import wasmtime

from wasm_host.compile.bulk_instructions import interruptible
from wasm_host.component_model.binary import MalformedError
from wasm_host.errors import HostError, ModuleError
from wasm_host.wasmtime_c import core as capi

_SETTINGS = "3"
"""Part of every key; changes when ``capi.new_engine`` configures its engine differently, or what is compiled is
made differently of what is given."""


def default_cache_folder() -> Path:
    """Return ``symbia-runtime`` in the user's cache folder (XDG_CACHE_HOME, or ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "symbia-runtime"


def private_folder(folder: Path) -> Path:
    """Create the folder with mode 0700; refuse one that belongs to, or can be written by, anybody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid():
        raise HostError(f"the cache folder {folder} belongs to another user; name another or remove it")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise HostError(f"others can write to the cache folder {folder}; run: chmod 700 {folder}")
    return folder


class ModuleCache:
    """Our own modules, compiled, for one engine."""

    def __init__(self, engine: capi.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = private_folder(folder)
        self._modules: dict[str, capi.Module] = {}

    async def load(self, content: bytes, imports: frozenset[str] = frozenset()) -> capi.Module:
        """Return the compiled module: from memory, from disk (3 ms), or compiled in a thread (about a second).

        Args:
            content: the module's bytes
            imports: names of modules that it may import from; none for a guest, whose imports nobody answers

        Raises:
            ModuleError: the bytes are not a valid module, or it wants to import something.
        """
        key = self._key(content, imports)
        module = self._modules.get(key)
        if module is None:
            module = await trio.to_thread.run_sync(self._load, key, content, imports)
            self._modules[key] = module
        return module

    @staticmethod
    def _key(content: bytes, imports: frozenset[str]) -> str:
        version = metadata.version("wasmtime")
        about = f"{version} {_SETTINGS} {platform.system()} {platform.machine()} {sorted(imports)} "
        return hashlib.sha256(about.encode() + content).hexdigest()

    def _load(self, key: str, content: bytes, imports: frozenset[str]) -> capi.Module:
        path = self._folder / f"{key}.cwasm"
        module = self._from_disk(path)
        if module is None:
            module = self._compile(content, imports)
            self._to_disk(path, bytes(module.serialize()))
        return module

    def _from_disk(self, path: Path) -> capi.Module | None:
        try:
            return capi.Module.deserialize_file(self._engine, str(path))
        except wasmtime.WasmtimeError:
            return None

    def _compile(self, content: bytes, imports: frozenset[str]) -> capi.Module:
        try:
            module = capi.Module(self._engine, interruptible(content))
        except (wasmtime.WasmtimeError, MalformedError) as problem:
            raise ModuleError(f"not a valid WebAssembly module: {problem}") from None
        for wanted in module.imports:
            if wanted.module in imports:
                continue
            raise ModuleError(f"the module wants to import {wanted.module}.{wanted.name}; guests import nothing")
        return module

    def _to_disk(self, path: Path, data: bytes) -> None:
        """Write the file whole or not at all: another process may read the same name at the same time."""
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
