"""Compiling in a process of its own: once, bounded, and never by halves."""

import signal
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
import trio

from tests.wasm_host.component_model.components import component
from wasm_host import capi, foundry
from wasm_host.component_model.guest import EnclosedComponent
from wasm_host.errors import HostError, ModuleError
from wasm_host.foundry import Foundry
from wasm_host.limits import GuestLimits

_LIMITS = GuestLimits()


@pytest.fixture
def a_foundry(tmp_path: Path) -> Foundry:
    return Foundry(capi.new_engine(), tmp_path)


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "modules").iterdir())


async def test_a_module_is_compiled_once(
    a_foundry: Foundry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time it comes from disk, without a process."""
    content = component()
    await a_foundry.program(content, _LIMITS)
    (file,) = _files(tmp_path)
    assert file.suffix == ".component"

    async def refuse(*_: object, **__: object) -> NoReturn:
        await trio.lowlevel.checkpoint()
        raise AssertionError("a process was started")

    monkeypatch.setattr(trio, "run_process", refuse)
    program = await a_foundry.program(content, _LIMITS, "again.wasm")
    assert isinstance(program.code, EnclosedComponent)
    assert program.name == "again.wasm"


async def test_two_at_a_time_compile_one(a_foundry: Foundry, tmp_path: Path) -> None:
    """Whoever comes while the same module is being compiled gets the same result."""
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(a_foundry.program, component(), _LIMITS)
    assert len(_files(tmp_path)) == 1


async def test_a_refusal_leaves_nothing(a_foundry: Foundry, tmp_path: Path) -> None:
    """A module that is refused leaves no file, and may be sent again."""
    for _ in range(2):
        with pytest.raises(ModuleError, match=r"evil:host/x@1\.0\.0"):
            await a_foundry.program(component(imports='(import "evil:host/x@1.0.0" (instance))'), _LIMITS)
    assert _files(tmp_path) == []


async def test_wrong_types_are_refused_with_what_differs(a_foundry: Foundry) -> None:
    """A component with the right interface and the wrong function says which."""
    content = component(process_result="(list (tuple u32 $effects))")
    with pytest.raises(ModuleError, match=r"not with the types of wit/symbia-component\.wit.*`process`"):
        await a_foundry.program(content, _LIMITS)


async def test_compiling_too_long_is_refused(a_foundry: Foundry, tmp_path: Path) -> None:
    """The process is ended when the time is over, and nothing of it stays."""
    with pytest.raises(ModuleError, match="took longer to compile than 1 ms"):
        await a_foundry.program(component(), GuestLimits(compile_ms=1))
    assert _files(tmp_path) == []


async def test_a_damaged_file_is_removed(a_foundry: Foundry, tmp_path: Path) -> None:
    """What cannot be loaded is said and removed; the next time it is compiled again."""
    await a_foundry.program(component(), _LIMITS)
    (file,) = _files(tmp_path)
    file.unlink()  # the first one is still mapped, so it is replaced and never written into
    file.write_bytes(b"no machine code")
    with pytest.raises(HostError, match="damaged"):
        await a_foundry.program(component(), _LIMITS)
    assert (await a_foundry.program(component(), _LIMITS)).code


async def test_what_was_not_used_for_longest_goes_first(
    a_foundry: Foundry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is bounded; what was just compiled stays."""
    await a_foundry.program(component(), _LIMITS)
    (first,) = _files(tmp_path)
    monkeypatch.setattr(foundry, "_KEPT_BYTES", first.stat().st_size)
    await a_foundry.program(component(extra="(func)"), _LIMITS)
    (second,) = _files(tmp_path)
    assert second != first


async def test_other_limits_are_another_module(a_foundry: Foundry, tmp_path: Path) -> None:
    """What was admitted with one memory limit is looked at again for another."""
    content = component(memory='(memory (export "memory") 40)')
    await a_foundry.program(content, _LIMITS)
    with pytest.raises(ModuleError, match="begins with 2,621,440 bytes"):
        await a_foundry.program(content, GuestLimits(memory_bytes=1024 * 1024))
    assert len(_files(tmp_path)) == 1


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Machine code is only taken from where nobody else can put it."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules").chmod(0o777)
    with pytest.raises(HostError, match="others can write"):
        Foundry(capi.new_engine(), tmp_path)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (-signal.SIGABRT, ModuleError, "did not survive this module .signal 6.: thread panicked"),
        (-signal.SIGKILL, ModuleError, "did not survive"),
        (1, HostError, "failed with status 1: thread panicked"),
    ],
)
def test_a_crashed_compiler_is_told_apart(status: int, error: type[Exception], words: str) -> None:
    """A signal is the module's doing, an exit status is ours."""
    done = subprocess.CompletedProcess([], status, b"", b"thread\n  panicked")
    with pytest.raises(error, match=words):
        foundry._verdict(done)
