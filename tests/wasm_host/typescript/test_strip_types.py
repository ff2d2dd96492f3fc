"""The transformer, run as a guest: what it answers, and what it may use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path

import pytest
import trio
from quickjs_rs.transforms import transform_source

from tests.wasm_host.sandboxes import a_runtime
from wasm_host.compile.own_modules import ModuleCache, default_cache_folder
from wasm_host.errors import CpuLimitError, HostError, MemoryLimitError
from wasm_host.typescript import strip_types as stripping
from wasm_host.typescript.strip_types import TypeScriptError, TypeStripper


@asynccontextmanager
async def a_stripper() -> AsyncIterator[TypeStripper]:
    """A stripper on a machine of its own."""
    with a_runtime() as runtime:
        yield TypeStripper(runtime, ModuleCache(runtime.engine, default_cache_folder()))


TEXTS = [
    "let a: number = 1;",
    "enum Color { Red = 1, Green, Blue = 'b' }",
    "class A { constructor(private x: number, readonly y?: string) {} m(): void {} }",
    "namespace N { export const a = 1 }",
    "export type A = string; import type { B } from 'b'; abstract class C { abstract m(): void }",
    "const f = async <T,>(x: T): Promise<T> => x!; f<number>(1) satisfies unknown;",
    "x = `${a as string}` // é 変数 \U0001f600",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
async def test_it_answers_what_the_packages_own_function_answers(text: str) -> None:
    """The module is the package's, and running it in our way changes nothing that it says."""
    async with a_stripper() as stripper:
        stripped, _ = await stripper.strip(text, 1000)
    assert stripped == transform_source("component.ts", text)


async def test_what_is_wrong_is_said_as_the_package_says_it() -> None:
    """The message is the parser's, without the name of a file that nobody has."""
    async with a_stripper() as stripper:
        with pytest.raises(TypeScriptError) as caught:
            await stripper.strip("let x: = 1", 1000)
    assert str(caught.value) == "Unexpected token"


HARD = {
    "time": ("x=" + "async<a," * 100 + "1;\n", CpuLimitError, "longer than 100 ms"),
    "memory": ("x=" + "a<" * 100 + "1;\n", MemoryLimitError, "more than 33,554,432 bytes"),
}


@pytest.mark.parametrize("what", HARD)
async def test_a_text_made_to_be_hard_is_given_up(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that costs the parser the square of its length meets a limit, by name."""
    line, error, message = HARD[what]
    monkeypatch.setattr(stripping, "MEMORY_BYTES", 32 * 1024 * 1024)
    async with a_stripper() as stripper:
        with pytest.raises(error, match=message):
            await stripper.strip(line * 3000, 100 if what == "time" else 5000)


async def test_a_hard_text_lets_others_run() -> None:
    """It is read in slices: a task beside it gets its turns, and cancelling the reader ends it."""
    read: list[str] = []

    async def reader() -> None:
        text, _ = await stripper.strip("x=async<a," * 50_000, 60_000)
        read.append(text)

    async with a_stripper() as stripper:
        await stripper.strip("1", 1000)  # compiled by now
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert not read


async def test_too_deep_a_text_is_an_error_of_its_author() -> None:
    """The parser's stack ends in a trap; the next text meets a fresh instance."""
    async with a_stripper() as stripper:
        with pytest.raises(TypeScriptError, match="nested too deeply"):
            await stripper.strip("(" * 20_000, 1000)
        text, _ = await stripper.strip("let a: B", 1000)
    assert text == "let a;\n"


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what is missing and what to do."""

    def nothing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    async with a_stripper() as stripper:
        with pytest.raises(HostError, match="quickjs-rs is missing"):
            await stripper.strip("1", 1000)


async def test_another_module_is_not_taken_for_the_transformer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A version of the package with other exports is refused by what it lacks."""
    (tmp_path / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")
    monkeypatch.setattr(stripping, "_read_transformer", (tmp_path / "empty.wasm").read_bytes)
    async with a_stripper() as stripper:
        with pytest.raises(HostError, match="no function qjst_alloc"):
            await stripper.strip("1", 1000)
