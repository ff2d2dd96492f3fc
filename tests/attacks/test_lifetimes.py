"""Can a component act outside its turn: after its message, before it, in another phase, or never end?"""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import pytest

from tests.attacks.sandbox_attack import ANSWERS, SMALL, Attack, Fails, run_attack
from wasm_host.errors import GuestFaultError, InitializeError, ProgramError, SandboxError
from wasm_host.host import open_host
from wasm_host.sandbox.javascript import Program

TWO = (b"1", b"2")
CPU = Fails("CpuLimitExceeded", "60 ms")
MEMORY_OR_CPU = Fails(("CpuLimitExceeded", "MemoryLimitExceeded"))
STUCK = Fails("TypeError", "never settles")


def keeping(statement: str) -> str:
    """A program whose process function runs this; `kept` outlives each message."""
    return f"let kept; return {{ async process(ctx, port, value) {{ {ANSWERS} {statement} }} }}"


ATTACKS = {
    "a saved emit, called in the next message": Attack(
        source=keeping("if (kept) kept('out', 'from ' + value); kept = ctx.emit;"), values=TWO, gets=((), b'"from 2"')
    ),
    "a saved setState and log": Attack(
        source=keeping("kept ??= ctx; kept.setState('k', value); kept.log('info', 'at ' + value)"),
        values=TWO, gets=((), ()), logs=("at 1", "at 2"), keeps={"k": b"2"},
    ),
    "a saved resolver, called in the next message": Attack(
        source=keeping("if (value === 1) { new Promise((done) => kept = done).then(() => ctx.emit('out', 'woken')) } else kept()"),
        values=TWO, gets=((), b'"woken"'),
    ),
    "an awaited promise that the next message resolves": Attack(
        source=keeping("if (value === 1) { await new Promise((done) => kept = done); ctx.emit('out', 'woken') } else kept()"),
        values=TWO, gets=(STUCK, b'"woken"'),
    ),
    "a generator that goes on in the next message": Attack(
        source=keeping("kept ??= (function* () { for (;;) ctx.emit('out', yield) })(); if (value === 1) kept.next(); kept.next(value)"),
        values=TWO, gets=(b"1", b"2"),
    ),
    "a handler that replaces its process": Attack(
        source=f"""return {{ process(ctx, port, value) {{ {ANSWERS}
            this.process = () => {{ throw Error('replaced') }}; ctx.emit('out', value) }} }}""",
        values=TWO, gets=(b"1", b"2"),
    ),
    "a process that is a generator function": Attack(
        source=f"""return {{ *never(ctx) {{ ctx.emit('out', 'never') }},
            process(ctx, port, value) {{ {ANSWERS} return this.never(ctx) }} }}""",
        gets=(Fails("ResultError", "generator"),),  # nobody asks it, so it would do nothing, and say so to nobody
    ),
    "a process that is an async generator": Attack(
        source=f"return {{ process(ctx, port, value) {{ {ANSWERS} return (async function* () {{ ctx.emit('out', 1) }})() }} }}",
        gets=(Fails("ResultError", "generator"),),
    ),
    "a thenable with a getter": Attack(
        source=f"""return {{ process(ctx, port, value) {{ {ANSWERS}
            return {{ get then() {{ ctx.emit('out', 'read'); return () => {{}} }} }} }} }}""",
        gets=((),),  # only promises are awaited: the getter is never read
    ),
    "a thenable from an async function": Attack(
        process="return {then(done) { ctx.emit('out', 1); done(1); done(2); throw Error('too late') }}", gets=(b"1",)
    ),
    "a thenable that never calls back": Attack(process="return {then() {}}", gets=(STUCK,)),
    "a thenable getter that throws": Attack(process="return {get then() { throw Error('then') }}", gets=(Fails("Error", "then"),)),
    "a thenable that answers itself": Attack(
        process="const t = {then(done) { done(t) }}; return t", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a promise that answers itself": Attack(
        process="let p = Promise.resolve().then(() => p); return p", gets=(Fails("TypeError"),)
    ),
    "a subclass of Promise": Attack(
        source=f"""class Mine extends Promise {{ then() {{ throw Error('mine') }} static get [Symbol.species]() {{ throw Error('species') }} }}
            return {{ process(ctx, port, value) {{ {ANSWERS} ctx.emit('out', 1); return Mine.resolve(2) }} }}""",
        gets=(b"1",),
    ),
    "a proxy of a promise": Attack(
        source=f"return {{ process(ctx, port, value) {{ {ANSWERS} return new Proxy(Promise.reject(0).catch(() => 0), {{}}) }} }}",
        gets=((),),
    ),
    "a promise that never settles": Attack(process="await new Promise(() => {})", gets=(STUCK,)),
    "an async iterator that never comes to an end": Attack(
        process="for await (const x of {[Symbol.asyncIterator]: () => ({next: () => new Promise(() => {})})});", gets=(STUCK,)
    ),
    "an async iterator that never stops": Attack(
        process="for await (const x of (async function* () { for (;;) yield 1 })());", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a flood of promises": Attack(
        process="const all = []; for (;;) all.push(Promise.resolve().then(() => all.length))", gets=(MEMORY_OR_CPU,), limits=SMALL, restarts=1
    ),
    "a flood of jobs": Attack(
        process="(function again() { queueMicrotask(again); queueMicrotask(again) })()", gets=(MEMORY_OR_CPU,), limits=SMALL, restarts=1
    ),
    "jobs after a throw": Attack(
        process="(function again() { queueMicrotask(again) })(); throw Error('first')", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a loop in a getter of the thrown value": Attack(
        process="throw {get message() { for (;;); }}", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a loop in a job of a getter of the thrown value": Attack(
        process="throw {get message() { queueMicrotask(() => { for (;;); }); return 'm' }}", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a loop in a finaliser": Attack(
        process="new FinalizationRegistry(() => { for (;;); }).register({}, 0)", gets=((),), restarts=None, limits=SMALL
    ),
    "a return that is never let go": Attack(
        process="for (;;) try { return } finally { continue }", gets=(CPU,), limits=SMALL, restarts=1
    ),
    "a generator that does not return": Attack(
        process="for (const x of (function* () { for (;;) try { yield 1 } finally { for (;;); } })()) break",
        gets=(CPU,), limits=SMALL, restarts=1,
    ),
    "a thousand unhandled rejections": Attack(
        process="if (value === 1) for (let i = 0; i < 1000; i++) Promise.reject(Error('no ' + i)); ctx.emit('out', value)",
        values=TWO, gets=(Fails("Error", "no 0"), b"2"),
    ),
    "a rejection that the next message handles": Attack(
        source=keeping("if (value === 1) kept = Promise.reject(Error('late')); else await kept.catch(() => ctx.emit('out', 'caught'))"),
        values=TWO, gets=(Fails("Error", "late"), b'"caught"'),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_every_act_belongs_to_the_message_under_way(name: str) -> None:
    """What runs while a message is processed belongs to it, and nothing runs between messages."""
    await run_attack(ATTACKS[name])


OPENINGS = {
    "a top level that spins": ("for (;;);", GuestFaultError),
    "a top level that eats memory": ("const a = []; for (;;) a.push([1, 2, 3])", GuestFaultError),
    "a top level that never settles": ("await new Promise(() => {}); export default 1", ProgramError),
    "a top level that throws something odd": ("throw {get name() { throw 1 }, get message() { throw 2 }}", ProgramError),
    "a position of five thousand digits": (
        "throw {name: 'E', message: 'm', stack: '    at x (y:' + '9'.repeat(5000) + ':1)'}", ProgramError,
    ),
    "a position in other digits": ("throw {name: 'E', message: 'm', stack: 'a:\\u0661:\\u0662'}", ProgramError),
    "a position of zero": ("throw {name: 'E', message: 'm', stack: 'a:0:0'}", ProgramError),
    "an endless stack": ("throw {name: 'E', message: 'm', stack: ':1'.repeat(1e6)}", ProgramError),
    "a handler whose process is another each time": (
        "let n = 0; return {get process() { return n++ ? 1 : () => 0 }}", ProgramError,
    ),
    "a handler that is a revoked proxy": ("const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy", ProgramError),
    "a factory that makes factories": ("(function f() { return f })", None),
    "a factory that spins": ("() => { for (;;); }", GuestFaultError),
    "an initialize that spins": ("return {initialize() { for (;;); }, process() {}}", GuestFaultError),
    "an initialize that never settles": ("return {initialize: () => new Promise(() => {}), process() {}}", InitializeError),
    "an initialize that floods": (
        "return {initialize(ctx) { for (;;) ctx.emit('out', 1) }, process() {}}", InitializeError,
    ),
    "an initialize that fills the state": (
        "return {initialize(ctx) { for (let i = 0;; i++) ctx.setState('k' + i, i) }, process() {}}", SandboxError,
    ),
    "a source that is another program": ("} ); throw 1; ( {", ProgramError),
    "a source that ends its wrapper": ("})(); for (;;); (function () {", GuestFaultError),  # its own world
    "a source that is nothing but brackets": ("[" * 100_000, SandboxError),
    "a source of NUL bytes": ("\x00" * 100, ProgramError),
    "a source with a NUL byte in a string": ("return {process() {}} // \x00", None),
    "a source that is bytecode": ("\x02\x0b\x05handler", ProgramError),
}  # fmt: skip


@pytest.mark.parametrize("name", OPENINGS)
async def test_a_hostile_program_is_refused_by_name(name: str) -> None:
    """A program that cannot be opened raises an error of the sandbox, and the host opens the next one."""
    source, kind = OPENINGS[name]
    async with open_host(now_ms=lambda: 1000.0) as host:
        sandbox = host.sandbox(Program("handler", source), limits=SMALL)
        if kind is None:
            await sandbox.open()
        else:
            with pytest.raises(kind):
                await sandbox.open()
        sandbox.discard()
        other = host.sandbox(Program("map", "value + 1"))
        await other.open()
        (effects,) = await other.process([(0, b"1")])
        assert effects.emissions == [(0, b"2")]
        other.discard()


async def test_a_cleanup_that_spins_is_cut_short() -> None:
    """Closing costs at most its own small budget, and says what happened."""
    async with open_host() as host:
        sandbox = host.sandbox(Program("handler", "return {process() {}, cleanup() { for (;;); }}"))
        await sandbox.open()
        effects = await sandbox.close()
    assert effects.error is not None
    assert (effects.error.name, effects.error.message) == (
        "CpuLimitExceeded",
        "one invocation computed for 200 ms",
    )
