"""Compiling in a process of its own: once, bounded, and never by halves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio

from tests.wasm_host.component_model.components import component
from wasm_host.compile import compiler
from wasm_host.compile.compiler import ModuleCompiler
from wasm_host.compile.tasks import COMPILING
from wasm_host.component_model.guest import CompiledComponent
from wasm_host.errors import HostError, ModuleError
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import core as capi
from workers.bounds import PoolBounds
from workers.errors import PoolBusyError
from workers.pool import Pool, open_pool
from workers.task import Task

_LIMITS = GuestLimits()


@asynccontextmanager
async def a_compiler(folder: Path, bounds: PoolBounds = COMPILING) -> AsyncIterator[ModuleCompiler]:
    async with open_pool(bounds) as workers:
        yield ModuleCompiler(capi.new_engine(), folder, workers)


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "modules").iterdir())


async def test_a_module_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time it comes from disk, without a process."""
    async with a_compiler(tmp_path) as opened:
        content = component()
        await opened.program(content, _LIMITS)
        (file,) = _files(tmp_path)
        assert file.suffix == ".component"
        monkeypatch.setattr(Pool, "run", None)
        program = await opened.program(content, _LIMITS, "again.wasm")
        assert isinstance(program.code, CompiledComponent)
        assert program.name == "again.wasm"


async def test_two_at_a_time_compile_one(tmp_path: Path) -> None:
    """Whoever comes while the same module is being compiled gets the same result."""
    async with a_compiler(tmp_path) as opened:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(opened.program, component(), _LIMITS)
        assert len(_files(tmp_path)) == 1


async def test_a_refusal_leaves_nothing(tmp_path: Path) -> None:
    """A module that is refused leaves no file, and may be sent again."""
    async with a_compiler(tmp_path) as opened:
        for _ in range(2):
            with pytest.raises(ModuleError, match=r"evil:host/x@1\.0\.0"):
                await opened.program(component(imports='(import "evil:host/x@1.0.0" (instance))'), _LIMITS)
        assert _files(tmp_path) == []


async def test_wrong_types_are_refused_with_what_differs(tmp_path: Path) -> None:
    """A component with the right interface and the wrong function says which."""
    async with a_compiler(tmp_path) as opened:
        content = component(process_result="(list (tuple u32 $effects))")
        with pytest.raises(ModuleError, match=r"not with the types of wit/symbia-component\.wit.*`process`"):
            await opened.program(content, _LIMITS)


async def test_compiling_too_long_is_refused(tmp_path: Path) -> None:
    """The process is ended when the time is over, and nothing of it stays."""
    async with a_compiler(tmp_path) as opened:
        with pytest.raises(ModuleError, match="took longer to compile than 1 ms"):
            await opened.program(component(), GuestLimits(compile_ms=1))
        assert _files(tmp_path) == []


async def test_a_damaged_file_is_removed(tmp_path: Path) -> None:
    """What cannot be loaded is said and removed; the next time it is compiled again."""
    async with a_compiler(tmp_path) as opened:
        await opened.program(component(), _LIMITS)
        (file,) = _files(tmp_path)
        file.unlink()  # the first one is still mapped, so it is replaced and never written into
        file.write_bytes(b"no machine code")
        with pytest.raises(HostError, match="damaged"):
            await opened.program(component(), _LIMITS)
        assert (await opened.program(component(), _LIMITS)).code


async def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is bounded; what was just compiled stays."""
    async with a_compiler(tmp_path) as opened:
        await opened.program(component(), _LIMITS)
        (first,) = _files(tmp_path)
        monkeypatch.setattr(compiler, "_KEPT_BYTES", first.stat().st_size)
        await opened.program(component(extra="(func)"), _LIMITS)
        (second,) = _files(tmp_path)
        assert second != first


async def test_other_limits_are_another_module(tmp_path: Path) -> None:
    """What was admitted with one memory limit is looked at again for another."""
    async with a_compiler(tmp_path) as opened:
        content = component(memory='(memory (export "memory") 40)')
        await opened.program(content, _LIMITS)
        with pytest.raises(ModuleError, match="begins with 2,621,440 bytes"):
            await opened.program(content, GuestLimits(memory_bytes=1024 * 1024))
        assert len(_files(tmp_path)) == 1


async def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """GuestRuntime code is only taken from where nobody else can put it."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules").chmod(0o777)
    with pytest.raises(HostError, match="others can write"):
        async with a_compiler(tmp_path):
            pass


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        ("abort", ModuleError, r"did not survive this module .signal 6.: the library gave up"),
        ("hoard", ModuleError, "too complex to be compiled: it needed more memory"),
        ("refuse", HostError, "the compiler failed: UnicodeDecodeError"),
        ("leave", HostError, "status 3"),
    ],
)
async def test_a_crashed_compiler_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: type[Exception], words: str
) -> None:
    """A signal, or too much memory, is the module's doing; an exit status is ours."""
    monkeypatch.setattr(compiler, "COMPILE", Task(f"tests.workers.tasks:{function}"))
    async with a_compiler(tmp_path) as opened:
        with pytest.raises(error, match=words):
            await opened.program(component(), _LIMITS)
    assert _files(tmp_path) == []


async def test_owners_take_turns(tmp_path: Path) -> None:
    """While an owner's modules wait for each other, another's is compiled."""
    done: list[str] = []

    async def compile_one(opened: ModuleCompiler, owner: str, number: int) -> None:
        await opened.program(component(extra=f"(func) (global i32 (i32.const {number}))"), _LIMITS, owner=owner)
        done.append(owner)

    async with a_compiler(tmp_path) as opened, trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(compile_one, opened, "many", number)
        nursery.start_soon(compile_one, opened, "one", 6)
    assert "one" in done[:4]  # in the order of coming it would be the last of seven


async def test_too_much_waiting_is_refused(tmp_path: Path) -> None:
    """An owner has so many modules wait, and one more is refused; what waits is compiled."""
    bounds = msgspec.structs.replace(COMPILING, owner_waiting_tasks=0)
    async with a_compiler(tmp_path, bounds) as opened:
        with pytest.raises(PoolBusyError, match="0 tasks of this owner"):
            await opened.program(component(), _LIMITS)
    assert _files(tmp_path) == []
