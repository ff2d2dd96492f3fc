"""The cache of compiled modules: fast, private, and never trusted blindly."""

from pathlib import Path

import pytest
import wasmtime

from wasm_host.compile.own_modules import ModuleCache, default_cache_folder, private_folder
from wasm_host.errors import HostError, ModuleError
from wasm_host.wasmtime_c import core as capi

EMPTY = bytes(wasmtime.wat2wasm("(module)"))


async def test_a_module_is_compiled_once_and_then_read_back(tmp_path: Path) -> None:
    """The second cache finds the first one's entry; the same cache answers the same object."""
    engine = capi.new_engine()
    first = ModuleCache(engine, tmp_path / "cache")
    module = await first.load(EMPTY)
    assert await first.load(EMPTY) is module
    (entry,) = (tmp_path / "cache").iterdir()
    written = entry.stat().st_mtime_ns
    await ModuleCache(engine, tmp_path / "cache").load(EMPTY)
    assert entry.stat().st_mtime_ns == written


async def test_a_damaged_entry_is_compiled_again(tmp_path: Path) -> None:
    """Half a file, or another program's, is replaced."""
    for damage in (b"", b"not machine code", b"\x7fELF" + bytes(100)):
        await ModuleCache(capi.new_engine(), tmp_path).load(EMPTY)
        (entry,) = tmp_path.iterdir()  # noqa: ASYNC240 - a test may block
        entry.write_bytes(damage)
        await ModuleCache(capi.new_engine(), tmp_path).load(EMPTY)
        assert entry.stat().st_size > len(damage)


async def test_what_is_no_module_is_refused(tmp_path: Path) -> None:
    """Bytes that are not WebAssembly, and modules that want something of their host."""
    cache = ModuleCache(capi.new_engine(), tmp_path)
    for content in (b"", b"\x00asm", b"#!/bin/sh\n", EMPTY[:-1] + b"\xff\xff"):
        with pytest.raises(ModuleError, match="not a valid WebAssembly module"):
            await cache.load(content)
    wanting = bytes(wasmtime.wat2wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func)))'))
    with pytest.raises(ModuleError, match=r"wasi_snapshot_preview1\.fd_write"):
        await cache.load(wanting)


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Entries are machine code: whoever can write them can run it here."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(HostError, match="chmod 700"):
        private_folder(folder)
    assert private_folder(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME is honoured, and ~/.cache is its default."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "symbia-runtime"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/somewhere")
    assert default_cache_folder() == Path("/somewhere/.cache/symbia-runtime")
