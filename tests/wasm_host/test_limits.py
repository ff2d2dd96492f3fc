"""Each limit, met from inside: a named error for the culprit, and nothing else disturbed."""

import pytest

from tests.wasm_host.sandboxes import QUICK, opened, process, run
from wasm_host.errors import CpuLimitError, ProgramError
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

TOO_MUCH_MEMORY = {
    "arrays": "const a = []; while (true) a.push([1])",
    "string doubling": "let s = 'x'; const all = []; while (true) { s += s; all.push(s.charCodeAt(0), s + 'y') }",
    "one huge buffer": "new ArrayBuffer(1 << 30)",
    "objects": "let o = null; while (true) o = {o}",
    "promises": "let p = Promise.resolve(); while (true) p = p.then(() => 1)",
    "regular expression": "/^(.|\\n)*$/.test('a'.repeat(2000000))",
}


@pytest.mark.parametrize("how", TOO_MUCH_MEMORY)
async def test_memory_has_a_limit(how: str) -> None:
    """A component that wants too much memory fails that message by name; a new guest takes the next."""
    limits = GuestLimits(memory_bytes=8 * 1024 * 1024)
    before, bad, after = await process(
        f"if (value === 2) {{ {TOO_MUCH_MEMORY[how]} }} ctx.emit('out', value)", b"1", b"2", b"3", limits=limits
    )
    assert bad.error is not None
    assert bad.error.name == "MemoryLimitExceeded", bad.error
    assert "8,388,608" in bad.error.message
    assert (before.emissions, after.emissions) == ([(0, b"1")], [(0, b"3")])


async def test_a_component_may_recover_from_a_refused_allocation() -> None:
    """Catching the exception and going on is fine, and costs nobody the guest."""
    body = "try { new ArrayBuffer(1 << 30) } catch { ctx.emit('out', 'small, then') }"
    async with opened(f"return {{ process(ctx, port, value) {{ {body} }} }}") as sandbox:
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.emissions == [(0, b'"small, then"')]
        assert sandbox.statistics().restarts == 0


LOOPS = {
    "loop": "while (true);",
    "job loop": "(function again() { Promise.resolve().then(again) })()",
    "regular expression": "/(x+x+)+y/.test('x'.repeat(40))",
    "caught": "while (true) { try { while (true); } catch {} finally { continue } }",
    "getter": "ctx.emit('out', {get a() { while (true); }})",
    "generator": "for (const x of (function* () { while (true) yield 1 })());",
    "sort": "[...Array(9).keys()].sort(() => { while (true); })",
}


@pytest.mark.parametrize("how", LOOPS)
async def test_computing_time_has_a_limit(how: str) -> None:
    """A loop without end fails its message, keeps its logs, and the batch goes on in a new guest."""
    before, bad, after = await process(
        f"ctx.log('info', 'in'); if (value === 2) {{ {LOOPS[how]} }} ctx.emit('out', value)",
        b"1",
        b"2",
        b"3",
        limits=QUICK,
    )
    assert bad.error is not None
    assert (bad.error.name, bad.error.message) == ("CpuLimitExceeded", "one invocation computed for 40 ms")
    assert [line.message for line in bad.logs] == ["in"]
    assert (before.emissions, after.emissions) == ([(0, b"1")], [(0, b"3")])


async def test_the_computing_time_is_one_invocations_and_not_the_batchs() -> None:
    """Ten messages of 15 ms each pass together under a limit of 40 ms."""
    body = "let n = 0; while (n < 400000) n++; ctx.emit('out', n > 0)"
    results = await process(body, *[b"1"] * 10, limits=GuestLimits(cpu_ms=150))
    assert [effects.emissions for effects in results] == [[(0, b"true")]] * 10


@pytest.mark.parametrize(
    "recursion",
    [
        "(function f() { return f() + 1 })()",
        "JSON.parse('['.repeat(200000))",
        "({get a() { return this.a }}).a",
        "eval('('.repeat(100000))",
        "eval('[' .repeat(50000) + ']'.repeat(50000))",
        "new RegExp('(?:'.repeat(50000) + ')'.repeat(50000))",
        "[].concat(1).sort.call([1, 2], function f() { return [1, 2].sort(f) })",
        "String((() => { let a = []; for (let i = 0; i < 100000; i++) a = [a]; return a })())",
        "(async function f() { await f() })()",
        "new (class A { constructor() { new A() } })",
    ],
)
async def test_deep_recursion_is_an_exception_inside_javascript(recursion: str) -> None:
    """It can be caught, and the guest lives on."""
    body = f"try {{ await ({recursion}) }} catch (e) {{ ctx.emit('out', e.name) }}"
    source = f"return {{ async process(ctx, port, value) {{ {body} }} }}"
    async with opened(source) as sandbox:
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None, effects.error
        assert effects.emissions in ([(0, b'"RangeError"')], [(0, b'"SyntaxError"')])
        assert sandbox.statistics().restarts == 0


async def test_emissions_are_counted_and_weighed() -> None:
    """Too many or too large emissions fail the message, also when the component catches the exception."""
    many, fine = await process("for (let i = 0; i < value; i++) try { ctx.emit('out', i) } catch {}", b"11", b"10",
                               limits=GuestLimits(emissions=10))  # fmt: skip
    assert many.error is not None
    assert many.error.message == "one invocation emitted too many values: emissions is limited to 10"
    assert many.emissions == []
    assert len(fine.emissions) == 10
    large, fine = await process("ctx.emitBatch('out', ['x'.repeat(value), 1])", b"2000", b"100",
                                limits=GuestLimits(output_bytes=1000))  # fmt: skip
    assert large.error is not None
    assert (large.error.name, large.error.message) == (
        "OutputLimitExceeded",
        "one invocation emitted too much: output_bytes is limited to 1000",
    )
    assert len(fine.emissions) == 2


async def test_log_lines_beyond_the_limit_are_dropped_and_counted() -> None:
    """A chatty component goes on; a last line says how many lines are missing."""
    body = "for (let i = 0; i < 25; i++) ctx.log('debug', 'line ' + i); ctx.emit('out', 1)"
    (effects,) = await process(body, b"1", limits=GuestLimits(log_lines=10))
    assert effects.emissions == [(0, b"1")]
    assert len(effects.logs) == 11
    assert effects.logs[-1].message == "15 more log lines dropped"
    (effects,) = await process(
        "ctx.log('info', 'x'.repeat(5000)); ctx.log('info', 'short')", b"1", limits=GuestLimits(log_bytes=1000)
    )
    assert [line.message for line in effects.logs] == ["short", "1 more log lines dropped"]


async def test_state_has_limits() -> None:
    """Too many keys or bytes fail the message, and the state stays as it was."""
    limits = GuestLimits(state_keys=3, state_bytes=100)
    body = "for (let i = 0; i < value; i++) ctx.setState('k' + i, i); ctx.emit('out', ctx.getState('k0') ?? null)"
    bad, good, same = await process(body, b"4", b"3", b"0", limits=limits)
    assert bad.error is not None
    assert (bad.error.name, bad.error.message) == (
        "StateLimitExceeded",
        "too many state keys: state_keys is limited to 3",
    )
    assert good.error is None
    assert same.emissions == [(0, b"0")]
    big, small = await process(
        "ctx.setState('a', 'x'.repeat(value)); ctx.setState('a', 1)", b"200", b"20", limits=limits
    )
    assert big.error is not None
    assert "state_bytes is limited to 100" in big.error.message
    assert small.error is None


async def test_keys_that_were_deleted_make_room() -> None:
    """A key for each message is no leak when each is deleted again."""
    body = "ctx.setState('k' + value, value); ctx.setState('k' + (value - 1), undefined); ctx.emit('out', 1)"
    results = await process(body, *(b"%d" % n for n in range(1, 50)), limits=GuestLimits(state_keys=2))
    assert [effects.error for effects in results] == [None] * 49


async def test_a_source_has_a_greatest_length() -> None:
    """Before anything is parsed."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="longer than 100 bytes"):
            await host.check(Program("map", "1" * 101), limits=GuestLimits(source_bytes=100))


async def test_opening_has_the_same_limits() -> None:
    """A source whose top level never ends is a fault of its guest."""
    async with open_host() as host:
        for source in ("(() => { while (true); })()", "return { process() {}, initialize() { while (true); } }"):
            with pytest.raises(CpuLimitError):
                await host.sandbox(Program("handler", source), limits=QUICK).open()


async def test_cleanup_has_a_short_budget() -> None:
    """A component that does not want to end is ended."""
    async with opened(
        "return { process() {}, cleanup() { while (true); } }", limits=GuestLimits(close_ms=5)
    ) as sandbox:
        effects = await sandbox.close()
    assert effects.error is not None
    assert effects.error.message == "one invocation computed for 5 ms"


async def test_time_on_the_clock_has_a_limit() -> None:
    """The wall limit holds also where the computing limit would allow more."""
    (effects,) = await run("(() => { while (true); })()", b"1", mode="map", limits=GuestLimits(wall_ms=20))
    assert effects.error is not None
    assert (effects.error.name, effects.error.message) == ("WallTimeExceeded", "one invocation took 20 ms")
