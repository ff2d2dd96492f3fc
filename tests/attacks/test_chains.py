"""A hostile program among others in one guest: whatever it does, its neighbours do what they did.

The attacker stands behind a bystander, and before another one or beside it: they run before it and after it on
every message. What one program can do to another in a chain is to cost it the chain: each then goes on in a guest
of its own.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import trio

from tests.attacks.sandbox_attack import resources
from tests.wasm_host.sandboxes import link_to, process_all, row_of
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.chain import Chain
from wasm_host.sandbox.javascript import Link, Program
from wasm_host.sandbox.sandbox import Sandbox

BYSTANDER = """
let seen = 0;
const names = Object.getOwnPropertyNames(globalThis).length, start = JSON.stringify, random = Math.random;
return { process(ctx, port, value) {
    seen += 1;
    const strange = [];
    for (const key in {}) strange.push(key);
    if (Object.getOwnPropertyNames(globalThis).length !== names) strange.push('globals');
    if ([1, 2].map((n) => n + 1).join() !== '2,3') strange.push('arrays');
    if (JSON.stringify !== start || JSON.stringify({ a: [1] }) !== '{"a":[1]}') strange.push('JSON');
    if (Math.random !== random || !(Math.random() < 1)) strange.push('Math');
    if (Object.keys(ctx).join() !== 'executionId,nodeId,instanceId,config,emit,emitBatch,getState,setState,log')
        strange.push('ctx');
    if (value !== null && typeof value === 'object' && ![Object.prototype, Array.prototype].includes(
        Object.getPrototypeOf(value))) strange.push('a foreign object');
    ctx.setState('seen', (ctx.getState('seen') ?? 0) + 1);
    ctx.log('info', JSON.stringify([seen, ctx.getState('seen'), strange]));
    ctx.emit('out', value);
} }"""
"""Logs how often it ran, by its own memory and by its state, and whatever looks strange around it."""

QUIET = {
    "it extends prototypes": "Object.prototype.evil = 1; Array.prototype.map = () => 'evil'",
    "it replaces JSON": "JSON.stringify = () => '\"evil\"'; JSON.parse = () => 'evil'",
    "it breaks its own intrinsics": "Array.prototype.push = Promise.prototype.then = Object.freeze = null",
    "it fills its globals": "for (let i = 0; i < 1000; i++) globalThis['g' + i] = i",
    "it replaces Math.random": "Math.random = () => 7; Date.now = () => 7",
    "it registers symbols": "globalThis[Symbol.for('shared')] = value; Symbol.prototype.note = value",
    "it throws": "throw new Error('no')",
    "it throws a proxy": "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})",
    "it throws at writing": "ctx.emit('out', {toJSON() { throw 3 }})",
    "it emits from a getter": "ctx.emit('out', {get x() { ctx.emit('out', 'inner'); return 1 }})",
    "it emits a proxy": "ctx.emit('out', new Proxy([1, 2], {get: (t, k) => k === 'toJSON' ? undefined : t[k]}))",
    "it emits an object with __proto__": "ctx.emit('out', JSON.parse('{\"__proto__\": {\"evil\": 1}}'))",
    "it emits an object with a constructor": "ctx.emit('out', {constructor: 1, toString: 2, then: 3})",
    "it leaves jobs behind": "queueMicrotask(() => queueMicrotask(() => { globalThis.late = value }))",
    "it emits after its end": "Promise.resolve().then(() => null).then(() => ctx.emit('out', 'late'))",
    "it keeps its ctx for later": "(globalThis.kept ??= []).push(ctx); kept[0].emit('out', 'kept')",
    "its promise never settles": "return new Promise(() => {})",
    "it rejects later": "Promise.reject(new Error('later'))",
    "it recurses": "const f = () => f() + 1; f()",
    "it registers finalizers": "(globalThis.registry ??= new FinalizationRegistry(() => ctx.emit('out', 'gone')))"
    ".register({}, 1); for (let i = 0; i < 3000; i++) ({i})",
    "it writes much state": "for (let i = 0; i < 2000; i++) ctx.setState('k' + i, i)",
    "it logs much": "for (let i = 0; i < 5000; i++) ctx.log('info', 'x'.repeat(100))",
    "it emits much": "for (let i = 0; i < 20000; i++) ctx.emit('out', i)",
    "it emits on a wrong port": "ctx.emit('nowhere', 1)",
    "it detaches buffers": "const b = new ArrayBuffer(8, {maxByteLength: 64}); b.transfer(); ctx.emit('out', b)",
    "it returns from eval": "(0, eval)('globalThis.x = 1; delete globalThis.JSON')",
}
"""What leaves the chain as it is."""

LOUD = {
    "it spins": "for (;;);",
    "it spins in a job": "queueMicrotask(() => { for (;;); })",
    "it spins in a sort": "[3, 2, 1].sort(() => { for (;;); })",
    "it recurses by toJSON": "const o = {toJSON() { return [o] }}; ctx.emit('out', o)",
    "it eats memory": "const all = []; for (;;) all.push(new Uint8Array(100000))",
    "it eats memory and catches it": "const all = [];"
    " try { for (;;) all.push('x'.repeat(1e6) + all.length) } catch {}",
    "it matches without end": "/(a*)*b/.test('a'.repeat(40))",
    "it nests without end": "let v = 1; for (let i = 0; i < 3000; i++) v = [v]; ctx.emit('out', v)",
    "it emits what fills all memory": "const s = 'x'.repeat(1e6);"
    " for (let i = 0; i < 100; i++) ctx.emit('out', s)",
}
"""What may end the chain, but nothing else."""

SMALL = GuestLimits(memory_bytes=8 * 1024 * 1024, cpu_ms=60)
VALUES = [b"1", b'{"a":[1]}', b'"x"', b"null"]


BETWEEN = row_of(3, SMALL.memory_bytes), (0, 0, 1)
"""A row, and for each of its programs the one before it."""

BESIDE = (
    [
        link_to(1, 2, memory_bytes=SMALL.memory_bytes),
        *[link_to(memory_bytes=SMALL.memory_bytes) for _ in range(2)],
    ],
    (0, 0, 0),
)
"""Two branches: the bystander's runs first, as the last one opened."""


async def through(
    chain: Chain, sandboxes: list[Sandbox], before: Sequence[int], values: list[bytes]
) -> list[list[list[str]]]:
    """Log lines by message and program, chained as long as there is a chain, and one by one after it."""
    lines: list[list[list[str]]] = []
    for value in values:
        result = await chain.process([(0, 0, value)], traced=True)
        if result is not None:
            told: list[list[str]] = [[], [], []]
            for step in result.steps:
                told[step.program] += [line.message for line in step.logs]
            lines.append(told)
            continue
        told = []
        made: list[list[bytes]] = []
        for place, sandbox in enumerate(sandboxes):
            waiting = made[before[place]] if place else [value]
            effects = await process_all(sandbox, [(0, each) for each in waiting]) if waiting else []
            told.append([line.message for each in effects for line in each.logs])
            made.append([text for each in effects for port, text in each.emissions if port == 0])
        lines.append(told)
    return lines


@pytest.mark.parametrize("shape", [BETWEEN, BESIDE], ids=["between", "beside"])
@pytest.mark.parametrize("attack", [*QUIET, *LOUD])
async def test_a_neighbour_in_the_same_guest_notices_nothing(
    attack: str, shape: tuple[list[Link], Sequence[int]]
) -> None:
    """Both bystanders see their own untouched world, each message in its turn, and lose nothing they kept."""
    body = {**QUIET, **LOUD}[attack]
    attacker = f"return {{ async process(ctx, port, value) {{ {body}; ctx.emit('out', value) }} }}"
    before, tasks = resources(), trio.lowlevel.current_statistics().tasks_living
    async with open_host(now_ms=lambda: 1000.0) as host:
        sandboxes = [
            host.sandbox(Program("handler", source), outputs=("out",), limits=SMALL)
            for source in (BYSTANDER, attacker, BYSTANDER)
        ]
        links, fed_by = shape
        chain = host.chain(sandboxes, links)
        for place in range(3):
            await chain.open(place)
        lines = await through(chain, sandboxes, fed_by, VALUES)
        assert chain.is_whole or attack in LOUD
        _examine([line for told in lines for line in told[0]], len(VALUES), is_whole=chain.is_whole)
        _examine([line for told in lines for line in told[2]], None, is_whole=chain.is_whole)
        assert json.loads(sandboxes[0].state["seen"]) == len(VALUES)
        for place in range(3):
            await chain.close(place)
        assert host.statistics().alive == 0
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    after = resources()
    assert after[1] == before[1]


def _examine(lines: list[str], count: int | None, *, is_whole: bool) -> None:
    """A bystander's lines: nothing strange, its state counts on, and its memory too while it had one guest."""
    said: list[list[Any]] = [json.loads(line) for line in lines]
    assert [strange for _, _, strange in said] == [[]] * len(said)
    assert [kept for _, kept, _ in said] == list(range(1, len(said) + 1))
    if is_whole:
        assert [seen for seen, _, _ in said] == list(range(1, len(said) + 1))
    if count is not None:
        assert len(said) == count


async def test_symbols_are_no_channel_between_programs() -> None:
    """Each has a registry of its own, as it has atoms, jobs and a garbage collector of its own."""
    asks = """(() => {
        globalThis.n = (globalThis.n ?? 0) + 1;
        return [value, n, String(Symbol.for('x'))];
    })()"""
    async with open_host() as host:
        sandboxes = [host.sandbox(Program("map", asks)) for _ in range(2)]
        chain = host.chain(sandboxes, row_of(2, 10**8))
        await chain.open(0)
        await chain.open(1)
        result = await chain.process([(0, 0, b"0")], traced=False)
        assert result is not None
        assert result.steps[0].emissions == [(0, b'[[0,1,"Symbol(x)"],1,"Symbol(x)"]')]
        await chain.close(0)
        await chain.close(1)
