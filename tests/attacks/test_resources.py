"""Can a component use more than its share: of time, memory, output, logs, stack, or of the host's patience?"""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import pytest
import trio

from tests.attacks.sandbox_attack import SMALL, STILL_HERE, Attack, Fails, run_attack
from tests.wasm_host.sandboxes import process_all
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

CPU = Fails("CpuLimitExceeded", "60 ms")
MEMORY = Fails("MemoryLimitExceeded", "8,388,608 bytes")
EITHER = Fails(("CpuLimitExceeded", "MemoryLimitExceeded"))
REFUSED = b'"refused"'
ROOMY = GuestLimits(memory_bytes=32 * 1024 * 1024, cpu_ms=5_000)


def spends(code: str, *gets: Fails) -> Attack:
    """An attack that costs its guest."""
    return Attack(process=code, gets=gets or (EITHER,), limits=SMALL, restarts=1)


def tries(code: str, limits: GuestLimits = ROOMY) -> Attack:
    """An attack that meets an exception inside, and goes on."""
    return Attack(
        process=f"try {{ {code} }} catch {{ ctx.emit('out', 'refused') }}", gets=(REFUSED,), limits=limits
    )


ATTACKS = {
    "a loop": spends("for (;;);", CPU),
    "a loop that catches everything": spends("for (;;) try { for (;;) null.x } catch {}", CPU),
    "nested quantifiers": spends("/^(a+)+$/.test('a'.repeat(40) + 'b')", CPU),
    "overlapping alternatives": spends("/^(a|a)*$/.test('a'.repeat(40) + 'b')", CPU),
    "back-references": spends(r"/^(.*)\1\1\1$/.test('ab'.repeat(20000))", CPU),
    "lookahead": spends("/^(?=(x+x+)+y)/.test('x'.repeat(40))", CPU),
    "a pattern made at run time": spends("new RegExp('^' + '(a+)'.repeat(12) + '$').test('a'.repeat(60) + 'b')", CPU),
    "replacing with a growing text": spends("let s = 'aa'; for (;;) s = s.replace(/a/g, '$&$&$&')"),
    "splitting without end": spends("for (let s = 'a,'; ; s += s) s.split(/,/)"),
    "string doubling": tries("let s = 'x'; for (;;) s += s"),
    "string doubling that is looked at": tries("let s = 'x'; for (;;) { s += s; s.charCodeAt(0) }"),
    "string doubling that is kept": spends("let s = 'x'; const all = []; for (;;) { all.push(s.length > 1e5 ? s + all.length : (s += s)); all.at(-1).charCodeAt(0) }"),
    "string padding": tries("'x'.padStart(2 ** 29)"),
    "string repeating": tries("'x'.repeat(2 ** 29)"),
    "array doubling": spends("let a = [1]; for (;;) a = a.concat(a)"),
    "an array of its largest length": tries("new Array(2 ** 32 - 1).fill(0)"),
    "an array-like of every length": tries("Array.from({length: 2 ** 53 - 1})"),
    "joining holes": spends("const a = []; a.length = 2 ** 32 - 1; a.join('x')"),
    "sorting holes": spends("const a = [1]; a.length = 2 ** 32 - 1; a.sort()"),
    "a typed array of two gigabytes": tries("new Float64Array(2 ** 28)"),
    "a resizable buffer": tries("new ArrayBuffer(8, {maxByteLength: 2 ** 40})"),
    "many buffers": spends("const all = []; for (;;) all.push(new ArrayBuffer(1 << 20))", MEMORY),
    "many symbols": spends("const all = []; for (let i = 0; ; i++) all.push(Symbol.for('s' + i))"),
    "many properties": spends("const o = {}; for (let i = 0; ; i++) o['k' + i] = i"),
    "many shapes": spends("for (let i = 0; ; i++) globalThis['g' + i] = {['k' + i]: i}"),
    "many closures": spends("let f = () => 0; for (;;) { const g = f; f = () => g }"),
    "a map of maps": spends("let m = new Map(); for (;;) m = new Map([[m, m]])"),
    "a weak map of cycles": spends("const w = new WeakMap(); const all = []; for (;;) { const o = {}; w.set(o, o); all.push(o) }"),
    "a BigInt without end": tries("let b = 3n; for (;;) b *= b"),
    "a BigInt of a billion bits": tries("1n << 1000000000n"),
    "a BigInt of a million digits": tries("BigInt('9'.repeat(1e6)).toString()"),
    "JSON.parse of deep brackets": tries("JSON.parse('['.repeat(1e6))"),
    "JSON.parse of many keys": spends("JSON.parse('{' + Array.from({length: 1e6}, (_, i) => `\"k${i}\":0`).join() + '}')"),
    "JSON.parse with a reviver that grows": tries("JSON.parse('[0,0]', function (k, v) { if (k === '0') this[1] = [0, 0]; return v })"),
    "JSON.stringify of a widening tree": tries(
        "let t = 1; for (let i = 0; i < 30; i++) t = [t, t]; JSON.stringify(t)", GuestLimits(memory_bytes=8 << 20, cpu_ms=9_000)
    ),
    "JSON.stringify through a proxy without end": tries(
        "JSON.stringify(new Proxy({}, {ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true}), "
        "get(t, k, r) { return k === 'toJSON' ? undefined : r }}))"
    ),
    "deep recursion": tries("(function f() { f() })()"),
    "deep recursion through a getter": tries("({get a() { return this.a }}).a"),
    "deep recursion through toString": tries("const o = {toString() { return `${this}` }}; `${o}`"),
    "deep recursion through a proxy": tries("const p = new Proxy({}, {get: (t, k, r) => r[k]}); p.x"),
    "deep recursion through sort": tries("const f = () => [2, 1].sort(f); f()"),
    "deep recursion through JSON": tries("const o = {toJSON() { return JSON.stringify(o) }}; JSON.stringify(o)"),
    "deep recursion through emit": tries("const o = {toJSON() { ctx.emit('out', o) }}; ctx.emit('out', o)"),
    "deep recursion through replace": tries("const f = () => 'a'.replace(/a/, f); f()"),
    "deep recursion through async": tries("await (async function f() { await f() })()"),
    "deep recursion through new": tries("class A { constructor() { new A() } } new A()"),
    "deep recursion through eval": tries("(function f() { eval('f()') })()"),
    "deep recursion through Reflect": tries("(function f() { Reflect.apply(f, null, []) })()"),
    "deep recursion through delegation": tries("let g = (function* () { yield 1 })(); for (let i = 0; i < 2e4; i++) g = (function* (x) { yield* x })(g); g.next()"),
    "deep brackets in eval": tries("eval('['.repeat(1e5) + ']'.repeat(1e5))"),
    "deep groups in a pattern": tries("new RegExp('(?:'.repeat(1e5) + ')'.repeat(1e5))"),
    "a prototype chain of proxies": spends("let p = {}; for (let i = 0; i < 2e5; i++) p = new Proxy(p, {}); Object.getPrototypeOf(p)",
                                           Fails(("CpuLimitExceeded", "MemoryLimitExceeded", "StackLimitExceeded"))),
    "helpers of helpers of an iterator": Attack(
        process="let i = Iterator.from([1]); for (let n = 0; n < 50_000; n++) i = i.map((x) => x); [...i]",
        gets=(Fails(("GuestTrapped", "RangeError", "StackLimitExceeded")),), restarts=None, limits=ROOMY,
    ),
    "a flood of emissions": Attack(
        process="for (;;) try { ctx.emit('out', 1) } catch { if (++n > 3) return }".replace("for", "let n = 0; for", 1),
        gets=(Fails("OutputLimitExceeded", "emissions is limited to 10000"),),
    ),
    "a flood of emissions that catches for ever": spends("for (;;) try { ctx.emit('out', 1) } catch {}", CPU),
    "a flood of large emissions": Attack(
        process="const s = 'x'.repeat(100_000); for (;;) ctx.emit('out', s)",
        gets=(Fails("OutputLimitExceeded", "output_bytes is limited to 1000000"),), limits=GuestLimits(output_bytes=1_000_000),
    ),
    "emitBatch of an endless array": Attack(
        process="try { ctx.emitBatch('out', Object.assign([], {length: 2 ** 32 - 1})) } catch { ctx.emit('out', 'refused') }",
        gets=(Fails("OutputLimitExceeded", "emissions"),),
    ),
    "emitBatch of an array that grows": Attack(
        process="const a = [{toJSON() { a.push(this) }}]; a.push(a[0]); ctx.emitBatch('out', a)", gets=((b"null", b"null"),),
    ),
    "a flood of logs": Attack(
        process="for (let i = 0; i < 5000; i++) ctx.log('info', 'l'); ctx.emit('out', 1)", gets=(b"1",), limits=GuestLimits(log_lines=3),
        logs=("l", "l", "l", "4997 more log lines dropped"),
    ),
    "a flood of logs inside logs": Attack(
        process="let n = 0; const meta = {toJSON() { if (n++ < 50) ctx.log('info', 'l', meta) }}; ctx.log('info', 'l', meta)",
        gets=((),), limits=GuestLimits(log_lines=3), restarts=None,
    ),
    "a log as large as memory": Attack(
        process="ctx.log('info', 'x'.repeat(1_000_000)); ctx.log('info', 'short')", gets=((),), logs=("short", "1 more log lines dropped"),
    ),
    "a port name as large as memory": Attack(
        process="ctx.emit('x'.repeat(1_000_000), 1)", gets=(Fails("TypeError", "no output port named 'xxx"),),
    ),
    "an error as large as memory": Attack(
        process="const e = new Error('x'.repeat(1_000_000)); e.stack = e.message; e.name = e.message; throw e",
        gets=(Fails("x" * 16_384, "x" * 16_384),),
    ),
    "a state key as large as the state": Attack(
        process="ctx.setState('k'.repeat(2_000_000), 1)", gets=(Fails("StateLimitExceeded", "state_bytes"),),
    ),
    "state keys without end": Attack(
        process="for (let i = 0; ; i++) ctx.setState('k' + i, 0)", gets=(Fails("StateLimitExceeded", "state_keys"),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_share_is_all_there_is(name: str) -> None:
    """The greedy message fails by the name of its limit, or meets an exception inside, and alone."""
    await run_attack(ATTACKS[name])


async def test_a_batch_of_floods_leaves_the_event_loop_to_others() -> None:
    """Each of 64 messages emits and logs all it may; others never wait for more than a part of what came of it."""
    source = """return { process(ctx) { for (let i = 0; i < 10_000; i++) ctx.emit('out', 1);
        for (let i = 0; i < 1_000; i++) ctx.log('info', 'l'); } }"""
    passes = 0

    async def count_passes() -> None:
        nonlocal passes
        while True:
            await trio.lowlevel.checkpoint()
            passes += 1

    async with open_host() as host, trio.open_nursery() as nursery:
        sandbox = host.sandbox(Program("handler", source))
        await sandbox.open()
        nursery.start_soon(count_passes)
        results = await process_all(sandbox, [(0, STILL_HERE)] * 64)
        nursery.cancel_scope.cancel()
        assert sum(len(effects.emissions) for effects in results) == 640_000
        assert sandbox.statistics().calls >= 64 + 6, "the batch came back in one piece"
        assert passes > 64 * 3
        sandbox.discard()
