"""Results that nobody could read: functions of expressions, and generators, which nothing runs."""

import contextlib
import time

import pytest

from tests.wasm_host.sandboxes import process, run
from wasm_host.errors import ProgramError
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Mode, Program

FUNCTIONS = [
    "value => value > 10",
    "(value) => value > 10",
    "((value => value > 10))",
    "async (value) => true",
    "function (value) { return true }",
    "class {}",
    "value ? x => 1 : x => 2",
    "config.key || (() => value)",
    "0, value => value",
    "Boolean",
    "Math.max",
    "new Proxy(() => {}, {})",
]


@pytest.mark.parametrize("mode", ["map", "test"])
@pytest.mark.parametrize("source", FUNCTIONS)
async def test_an_expression_that_yields_a_function_is_refused(source: str, mode: Mode) -> None:
    """A function is true whatever it would answer, and no value; the refusal says what to do."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="yields a function: call it") as caught:
            await host.check(Program(mode, source))
    assert caught.value.error.name == "ResultError"


@pytest.mark.parametrize("mode", ["map", "test"])
@pytest.mark.parametrize(
    "source",
    [
        "value > 10",
        "value.items.filter(item => item > 10)",
        "((value) => value)(value)",
        "{ f: value => value }",
        "[value => value]",
        "value.trim()",
        "value.missing.deeper",
        "(() => { throw value })()",
        "(() => { for (;;); })()",
        "(() => { while (value === null); return 1 })()",
        "'x'.repeat(2 ** 28).split('')",
        "Promise.reject(1)",
        "new Promise(() => {})",
        "Promise.resolve(1)",
        "(function* () { yield 1 })().next().value",
        "[...(function* () { yield 1 })()]",
        "console.log(value)",
    ],
)
async def test_other_expressions_are_not_judged_by_what_they_make_of_null(source: str, mode: Mode) -> None:
    """Not even one that fails, never ends, or needs all memory: it may be made for other values."""
    async with open_host() as host:
        began = time.process_time()
        await host.check(Program(mode, source))
        assert time.process_time() - began < 5


async def test_an_expression_is_tried_for_a_moment_only() -> None:
    """One that never ends for null does not take the time that its messages may take."""
    async with open_host() as host:
        await host.check(Program("map", "(() => { for (;;); })()"), limits=GuestLimits(cpu_ms=2_000))
        assert host.statistics().cpu_seconds < 0.5


@pytest.mark.parametrize(
    ("mode", "source"),
    [("map", "value"), ("map", "() => value"), ("map", "(() => { for (;;); })()"), ("handler", "() => 1")],
)
async def test_what_was_checked_is_no_longer_alive(mode: Mode, source: str) -> None:
    """Whatever came of it, and before anybody collects garbage."""
    async with open_host() as host:
        with contextlib.suppress(ProgramError):
            await host.check(Program(mode, source))
        assert host.statistics().alive == 0


@pytest.mark.parametrize("mode", ["map", "test"])
async def test_a_function_that_comes_later_is_an_error_of_its_message(mode: Mode) -> None:
    """Where only some values lead to one, these fail, and the others go on."""
    first, second = await run("value && value.length ? value.trim : 1", b"2", b'"x"', mode=mode)
    assert first.error is None
    assert second.error is not None
    assert (second.error.name, second.emissions) == ("ResultError", [])


@pytest.mark.parametrize("source", ["(function* () {})()", "(async function* () {})()"])
@pytest.mark.parametrize("mode", ["map", "test"])
async def test_an_expression_that_yields_a_generator_is_refused(source: str, mode: Mode) -> None:
    """Nothing runs it, so it would be an empty object."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="yields a generator"):
            await host.check(Program(mode, source))


@pytest.mark.parametrize(
    "source",
    [
        "return { *process(ctx, port, value) { ctx.emit('out', value) } }",
        "return { async *process(ctx, port, value) { ctx.emit('out', value) } }",
        "return { process: function* () {} }",
        "return { process(c, p, v) {}, *initialize(ctx) {} }",
        "return { process(c, p, v) {}, async *cleanup(ctx) {} }",
        "function* (ctx, port, value) { ctx.emit('out', value) }",
        "export default async function* (ctx, port, value) {}",
        "const handler = { *process() {} };",
        "class Own { *process() {} }; return new Own()",
        "Object.setPrototypeOf(function* () {}.__proto__, null); return { *process() {} }",
    ],
)
async def test_a_generator_is_no_process(source: str) -> None:
    """Calling one runs nothing of it: the component is refused, and told what to do."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="is a generator function, and calling one runs nothing of it"):
            await host.check(Program("handler", source))


@pytest.mark.parametrize("star", ["function*", "async function*"])
async def test_a_generator_that_process_returns_is_an_error(star: str) -> None:
    """It would swallow its messages and its errors."""
    body = f"return ({star} () {{ ctx.emit('out', 1); throw 1 }})()"
    for effects in await process(body, b"1", b"2"):
        assert effects.error is not None
        assert (effects.error.name, effects.emissions) == ("ResultError", [])
        assert (
            effects.error.message == "process returned a generator, and nothing runs it: emit each value instead"
        )


async def test_other_results_of_process_mean_nothing() -> None:
    """As before: an object, a function, an array, a generator that was run."""
    for result in ("{}", "() => 1", "[1]", "new Map()", "[...(function* () { yield 1 })()]", "ctx"):
        (effects,) = await process(f"ctx.emit('out', 1); return {result}", b"1")
        assert effects.error is None
        assert effects.emissions == [(0, b"1")]
