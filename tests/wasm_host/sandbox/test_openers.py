"""Untrusted plain modules with the guest ABI."""

import pytest
import wasmtime

from tests.wasm_host.component_model.components import QUICK, a_host, opened
from tests.wasm_host.sandboxes import module_text
from wasm_host.errors import CpuLimitError, GuestTrapError, ModuleError


def _module(**parts: str) -> bytes:
    return bytes(wasmtime.wat2wasm(module_text(**parts)))


async def test_a_module_processes_messages() -> None:
    """A module that closes each message without effects has none."""
    async with opened(_module()) as sandbox:
        (effects,) = await sandbox.process([(0, b"1")])
        assert (effects.emissions, effects.error) == ([], None)


async def test_a_module_that_traps_is_replaced() -> None:
    """The message is charged; the next one finds another guest."""
    process = '(func (export "symbia_process") (param i32) (result i32) unreachable)'
    async with opened(_module(symbia_process=process)) as sandbox:
        for restarts in (1, 2):
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.error is not None
            assert effects.error.name == "GuestTrapped"
            assert sandbox.statistics().restarts == restarts


async def test_checking_a_module_does_not_begin_its_program() -> None:
    """A module that would trap in `symbia_open` passes the check: no code of the author runs."""
    content = _module(symbia_open='(func (export "symbia_open") (param i32) (result i32) unreachable)')
    async with a_host() as host:
        program = await host.program(content)
        await host.check(program)
        with pytest.raises(GuestTrapError):
            await host.sandbox(program).open()


async def test_a_spinning_start_function_is_stopped() -> None:
    """Instantiation is sliced and limited like a call."""
    content = _module(extra="(func $begin (loop $l (br $l))) (start $begin)")
    async with a_host() as host:
        program = await host.program(content, limits=QUICK)
        with pytest.raises(CpuLimitError):
            await host.check(program, limits=QUICK)


async def test_another_version_of_the_abi_is_refused_by_the_check() -> None:
    """A module that speaks a later version says so before it is registered."""
    content = _module(symbia_abi='(func (export "symbia_abi") (result i32) (i32.const 2))')
    async with a_host() as host:
        program = await host.program(content)
        with pytest.raises(ModuleError, match="version 2"):
            await host.check(program)
