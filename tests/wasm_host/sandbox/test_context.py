"""What a component finds in ctx and around it, and what its invocations cause."""

import json

import pytest

from tests.wasm_host.sandboxes import opened, process, process_all, run, value_of
from wasm_host.guest.abi import LogLine
from wasm_host.guest.identity import Identity


async def test_the_context_says_who_the_component_is() -> None:
    """executionId, nodeId, instanceId and config are the host's, and cannot be replaced."""
    body = (
        "ctx.nodeId = 'other'; ctx.emit('out', [ctx.executionId, ctx.nodeId, ctx.instanceId, ctx.config.x, port])"
    )
    (effects,) = await process(body, b"1", identity=Identity("e1", "n1", "i1"), config=b'{"x": [1]}')
    assert json.loads(effects.emissions[0][1]) == ["e1", "n1", "i1", [1], "in"]


async def test_methods_work_when_destructured() -> None:
    """No method of ctx needs its ctx."""
    body = """const { emit, emitBatch, getState, setState, log } = ctx;
        setState('a', value); emit('out', getState('a')); emitBatch('more', [1, , 'x']); log('debug', 'm')"""
    (effects,) = await process(body, b"5", outputs=("out", "more"))
    assert effects.emissions == [(0, b"5"), (1, b"1"), (1, b"null"), (1, b'"x"')]
    assert effects.logs == [LogLine("debug", "m")]


async def test_emitting_on_an_undeclared_port_names_the_declared_ones() -> None:
    """The error says what would have been right."""
    (effects,) = await process("ctx.emit('nope', 1)", b"1", outputs=("out", "rejected"))
    assert effects.error is not None
    assert effects.error.message == "no output port named 'nope'; declared outputs: out, rejected"


async def test_input_ports_are_given_by_name() -> None:
    """A batch names ports by index; the component sees their names."""
    async with opened("return { process(ctx, port) { ctx.emit('out', port) } }", inputs=("a", "b")) as sandbox:
        results = await process_all(sandbox, [(1, b"0"), (0, b"0")])
    assert [effects.emissions for effects in results] == [[(0, b'"b"')], [(0, b'"a"')]]


async def test_logs_keep_their_level_and_meta() -> None:
    """Levels are four, others count as info; a meta that JSON cannot say is said to be that."""
    body = """ctx.log('error', 'e', {a: [1]}); ctx.log('loud', {b: 1}); const c = {}; c.c = c;
        ctx.log('warning', 'w', c); console.log('x', 1, {y: 2}); console.error(new Error('boo'))"""
    (effects,) = await process(body, b"1")
    assert [(line.level, line.message) for line in effects.logs] == [
        ("error", "e"),
        ("info", '{"b":1}'),
        ("warn", "w"),
        ("info", 'x 1 {"y":2}'),
        ("error", "Error: boo"),
    ]
    assert effects.logs[0].meta == b'{"a":[1]}'
    assert effects.logs[2].meta == b'"(cannot be written as JSON)"'


async def test_state_is_immediate_and_may_be_awaited() -> None:
    """The getter answers what setState wrote, fresh each time; undefined deletes."""
    body = """ctx.setState('o', {n: 1}); const o = await ctx.getState('o'); o.n = 99;
        ctx.emit('out', ctx.getState('o').n);
        ctx.setState('__proto__', 5); ctx.emit('out', ctx.getState('__proto__'));
        ctx.setState('o', undefined); ctx.emit('out', ctx.getState('o') === undefined)"""
    (effects,) = await process(body, b"1")
    assert [value for _, value in effects.emissions] == [b"1", b"5", b"true"]


async def test_an_invocation_that_throws_leaves_nothing_but_its_logs() -> None:
    """A transaction: emissions and state writes before the error are undone, inside the guest too."""
    body = """ctx.log('info', 'seen'); ctx.emit('out', ctx.getState('n') ?? 'none'); ctx.setState('n', value);
        if (value === 2) throw new RangeError('two')"""
    async with opened(f"return {{ async process(ctx, port, value) {{ {body} }} }}") as sandbox:
        first, second, third = await process_all(sandbox, [(0, b"1"), (0, b"2"), (0, b"3")])
    assert first.emissions == [(0, b'"none"')]
    assert second.emissions == []
    assert [line.message for line in second.logs] == ["seen"]
    assert second.error is not None
    assert (second.error.name, second.error.message) == ("RangeError", "two")
    assert "component.js:2:" in second.error.stack
    assert third.emissions == [(0, b"1")]


@pytest.mark.parametrize(
    ("thrown", "name", "message"),
    [
        ("new TypeError('t')", "TypeError", "t"),
        ("'text'", "Error", "text"),
        ("undefined", "Error", "undefined"),
        ("{code: 7}", "Error", '{"code":7}'),
        ("{get message() { throw 1 }}", "Error", "(a value that cannot be written as text)"),
        ("Symbol('s')", "Error", "(a value that cannot be written as text)"),
        ("Object.assign(new Error('m'), {name: 'Mine'})", "Mine", "m"),
        ("new Error('x'.repeat(100000))", "Error", "x" * 16384),
    ],
)
async def test_anything_can_be_thrown(thrown: str, name: str, message: str) -> None:
    """Whatever is thrown becomes a name and a bounded message."""
    (effects,) = await process(f"throw {thrown}", b"1")
    assert effects.error is not None
    assert (effects.error.name, effects.error.message) == (name, message)


async def test_a_promise_that_never_settles_is_an_error_that_says_so() -> None:
    """Nothing outside could ever settle it, so it is reported at once, and the next message is processed."""
    stuck, fine = await process("if (value) await new Promise(() => {}); ctx.emit('out', 1)", b"1", b"0")
    assert stuck.error is not None
    assert "never settles" in stuck.error.message
    assert fine.emissions == [(0, b"1")]


@pytest.mark.parametrize(
    "floating",
    [
        "Promise.reject(new Error('lost'))",
        "queueMicrotask(() => { throw new Error('lost') })",
        "(async () => { null.x })()",
    ],
)
async def test_an_unhandled_failure_is_the_error_of_its_own_message(floating: str) -> None:
    """A promise nobody awaits fails the message that made it, and not the next one."""
    bad, good = await process(f"ctx.emit('out', value); if (value === 1) {floating}", b"1", b"2")
    assert bad.error is not None
    assert bad.emissions == []
    assert good.emissions == [(0, b"2")]
    assert good.error is None


async def test_a_rejection_handled_later_in_the_same_message_is_none() -> None:
    """Handling may come after the rejection, as in Promise.allSettled."""
    (effects,) = await process(
        "const p = Promise.reject(1); await 0; await p.catch(() => 0); ctx.emit('out', 1)", b"1"
    )
    assert effects.error is None


async def test_jobs_run_to_their_end_within_the_message() -> None:
    """What a chain of promises emits belongs to the message that started it."""
    first, second = await process(
        "Promise.resolve().then(() => {}).then(() => ctx.emit('out', value))", b"1", b"2"
    )
    assert (first.emissions, second.emissions) == ([(0, b"1")], [(0, b"2")])


async def test_values_are_fresh_for_each_message() -> None:
    """Changing a value changes nobody else's."""
    value = b'{"a":[1]}'
    results = await process("value.a.push(2); ctx.emit('out', value)", value, value)
    assert [effects.emissions for effects in results] == [[(0, b'{"a":[1,2]}')]] * 2


async def test_the_clock_stands_still_and_randomness_is_seeded() -> None:
    """Two runs with the same seed and time are the same run; another seed is another."""
    expression = "[Date.now(), performance.now(), Math.random(), Math.random()]"
    one, again = [await value_of(expression, seed=7) for _ in range(2)]
    other = await value_of(expression, seed=8)
    assert one == again
    assert one != other
    assert json.loads(one)[:2] == [1000, 0]


async def test_the_global_object_offers_the_language_and_nothing_else() -> None:
    """No files, no network, no threads, no modules, no bytecode; atob, btoa and console are there."""
    absent = [
        "std",
        "os",
        "Worker",
        "SharedArrayBuffer",
        "process",
        "require",
        "fetch",
        "bjson",
        "scriptArgs",
        "print",
    ]
    names = json.loads(await value_of("Object.getOwnPropertyNames(globalThis)"))
    assert not set(absent) & set(names)
    assert {"JSON", "Map", "Promise", "Proxy", "atob", "btoa", "console"} <= set(names)
    assert await value_of("atob(btoa('hi'))") == b'"hi"'
    (effects,) = await run("import('std')", b"1", mode="map")
    assert effects.error is not None
