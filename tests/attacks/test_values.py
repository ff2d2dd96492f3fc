"""Values that are strange, huge, cyclic or lying: what a component emits, keeps and logs must stay JSON text."""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.sandbox_attack import SMALL, Attack, Fails, run_attack
from tests.wasm_host.sandboxes import opened
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.sandbox import Sandbox

WIDE = GuestLimits(memory_bytes=128 * 1024 * 1024, output_bytes=32 * 1024 * 1024, cpu_ms=10_000)
BIG = json.dumps("x" * 10_000_000).encode()
CYCLE = Fails("TypeError", "circular")


def emits(expression: str, *gets: bytes | Fails) -> Attack:
    """An attack that emits this."""
    return Attack(process=f"ctx.emit('out', {expression})", gets=gets)


ATTACKS = {
    "a BigInt": emits("1n", Fails("TypeError", "BigInt")),
    "a BigInt within": emits("{a: [1n]}", Fails("TypeError", "BigInt")),
    "a BigInt with a toJSON": Attack(
        process="BigInt.prototype.toJSON = function () { return `${this}n` }; ctx.emit('out', 2n ** 70n)",
        gets=(b'"1180591620717411303424n"',),
    ),
    "a cycle": emits("(() => { const a = {}; a.a = a; return a })()", CYCLE),
    "a cycle through toJSON": Attack(
        process="const a = {toJSON: () => ({a: [a]})}; ctx.emit('out', a)",
        gets=(Fails(("CpuLimitExceeded", "RangeError")),), limits=SMALL, restarts=None,
    ),
    "a cycle through a map": emits("(() => { const m = new Map(); m.set(m, m); return m })()", b"{}"),
    "a cycle in a state": Attack(process="const a = []; a.push(a); ctx.setState('k', a)", gets=(CYCLE,)),
    "a cycle in a log": Attack(process="const a = []; a.push(a); ctx.log('info', 'x', a)", gets=((),), logs=("x",)),
    "half a surrogate pair": emits(r"'\ud800'", rb'"\ud800"'),
    "both halves the wrong way round": emits(r"'\udc00\ud800'", rb'"\udc00\ud800"'),
    "half a surrogate pair as a key": emits(r"{'\udfff': 1}", rb'{"\udfff":1}'),
    "half a pair after a backslash": emits(r"'\\\ud800\\ud800'", rb'"\\\ud800\\ud800"'),
    "half a pair at the end of a megabyte": Attack(
        process=r"ctx.emit('out', ('x'.repeat(1e6) + '\ud800').length)", gets=(b"1000001",)
    ),
    "half a pair in a log, an error and a key": Attack(
        process=r"ctx.log('info', '\ud800', '\udc00'); try { ctx.setState('\ud800', 1) } catch (e) { throw Error('\udc00' + e.message) }",
        gets=(Fails("Error", "\ufffda state key must be well-formed text"),),
        logs=("\ufffd",),
    ),
    "half a pair in raw JSON": emits("JSON.rawJSON('\"\\\\uD800\"')", rb'"\uD800"'),
    "half a pair in raw JSON, unescaped": emits("JSON.rawJSON('\"\\ud800\"')", '"\ufffd"'.encode()),
    "a whole pair in raw JSON": emits("JSON.rawJSON('\"\\\\uD83D\\\\uDE00\"')", rb'"\uD83D\uDE00"'),
    "raw JSON that is none": emits("JSON.rawJSON('1, 2')", Fails("SyntaxError")),
    "raw JSON that is an object": emits("JSON.rawJSON('{}')", Fails("SyntaxError")),
    "raw JSON of more digits than a number has": emits("JSON.rawJSON('1' + '0'.repeat(30))", b"1" + b"0" * 30),
    "forged raw JSON": emits("{rawJSON: '1, 2', __proto__: null}", b'{"rawJSON":"1, 2"}'),
    "a NUL byte": emits(r"'a\0b'", rb'"a\u0000b"'),
    "a NUL byte as a key": emits(r"{'\0': '\0'}", rb'{"\u0000":"\u0000"}'),
    "a NUL byte in a port": Attack(process=r"ctx.emit('out\0', 1)", gets=(Fails("TypeError", "no output port"),)),
    "a NUL byte in a state key": Attack(
        process=r"ctx.setState('a\0b', 1); ctx.setState('a', 2); ctx.emit('out', ctx.getState('a\0b'))",
        gets=(b"1",), keeps={"a\0b": b"1", "a": b"2"},
    ),
    "line separators": emits(r"'\u2028\u2029'", '"\u2028\u2029"'.encode()),
    "a number beyond all numbers": emits("[1e999, -1e999, NaN, -0, 5e-324]", b"[null,null,null,0,5e-324]"),
    "what JSON cannot say": emits("[undefined, () => 1, Symbol(), , new Set([1])]", b"[null,null,null,null,{}]"),
    "a toJSON that is not a function": emits("{toJSON: 1, a: 2}", b'{"toJSON":1,"a":2}'),
    "a toJSON that throws": emits("{toJSON() { throw RangeError('no') }}", Fails("RangeError", "no")),
    "a toJSON that answers another": emits("{toJSON: () => ({toJSON: () => 'twice'})}", b"{}"),
    "a getter that answers otherwise each time": emits("{n: 0, get a() { return ++this.n }, get b() { return this.n }}", b'{"n":0,"a":1,"b":1}'),
    "a getter that throws": emits("{get a() { throw Error('get') }}", Fails("Error", "get")),
    "a getter that deletes what follows": emits("{get a() { delete this.b; return 1 }, b: 2}", b'{"a":1}'),
    "an array that shrinks while it is written": emits("(() => { const a = [{toJSON() { a.length = 1; return 1 }}, 2, 3]; return a })()", b"[1,null,null]"),
    "a typed array whose buffer goes": emits(
        "(() => { const t = new Uint8Array(4); return [{toJSON() { t.buffer.transfer(); return 1 }}, t] })()", b"[1,{}]"
    ),
    "a proxy with ten thousand keys": Attack(
        process="ctx.emit('out', new Proxy({}, {ownKeys: () => Array.from({length: 1e4}, (_, i) => 'k' + i), "
        "getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true, value: 1}), get: () => undefined}))",
        gets=(b"{}",), limits=WIDE,
    ),
    "a proxy that lies about being an array": emits("new Proxy([1, 2], {get: (t, k) => k === 'length' ? 3 : k === 'toJSON' ? undefined : 7})", b"[7,7,7]"),
    "a revoked proxy": emits("(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()", Fails("TypeError")),
    "a boxed value that lies": emits("Object.assign(new Number(1), {valueOf: () => 2, toString: () => '3'})", b"2"),
    "a date that is none": emits("new Date(NaN)", b"null"),
    "a thenable as a value": emits("{then(done) { done('resolved') }, a: 1}", b'{"a":1}'),
    "a promise as a value": emits("Promise.resolve(1)", b"{}"),
    "a weak reference as a value": emits("[new WeakRef({a: 1}), new WeakMap()]", b"[{},{}]"),
    "an error as a value": emits("Object.assign(Error('m'), {a: 1})", b'{"a":1}'),
    "the context as a value": emits("Object.keys(JSON.parse(JSON.stringify(ctx)))", b'["executionId","nodeId","instanceId","config"]'),
    "the global object as a value": emits("typeof JSON.stringify(globalThis)", b'"string"'),
    "ten megabytes in": Attack(process="ctx.emit('out', value.length)", values=(BIG,), gets=(b"10000000",), limits=WIDE),
    "ten megabytes in and out": Attack(process="ctx.emit('out', value)", values=(BIG,), gets=(BIG,), limits=WIDE),
    "ten megabytes in, with the usual memory, kept twice": Attack(
        process="ctx.emit('out', value); ctx.emit('out', value)", values=(BIG,),
        gets=(Fails(("OutputLimitExceeded", "MemoryLimitExceeded")),), restarts=None,
    ),
    "a million nested arrays in": Attack(
        process="JSON.stringify(value); ctx.emit('out', 1)", values=(b"[" * 1_000_000 + b"]" * 1_000_000, b"2"),
        gets=(Fails("RangeError"), b"1"), limits=WIDE,
    ),
    "ten thousand nested arrays that are looked at one by one": Attack(
        process="let v = value, n = 0; while (v.length) { v = v[0]; n++ } ctx.emit('out', n + 1)",
        values=(b"[" * 10_000 + b"]" * 10_000, b"[]"), gets=(b"10000", b"1"), limits=WIDE,
    ),
    "a million nested arrays that nobody looks at": Attack(
        process="ctx.emit('out', 1)", values=(b"[" * 1_000_000 + b"]" * 1_000_000, b"2"), gets=(b"1", b"1"), limits=WIDE,
    ),
    "a deep value within what is emitted": Attack(
        process="let v = value; for (let i = 0; i < 150; i++) v = [v]; ctx.emit('out', v)",
        values=(b"[" * 1500 + b"]" * 1500, b"2"), gets=(Fails("OutputLimitExceeded", "nested"), b"[" * 150 + b"2" + b"]" * 150),
        restarts=None,
    ),
    "a million keys in": Attack(
        process="ctx.emit('out', Object.keys(value).length)",
        values=(b"{" + b",".join(b'"%d":0' % n for n in range(200_000)) + b"}",), gets=(b"200000",), limits=WIDE,
    ),
    "the same key a thousand times": Attack(
        process="ctx.emit('out', value.k && value)", values=(b"{" + b",".join(b'"k":%d' % n for n in range(1000)) + b"}",), gets=(b'{"k":999}',)
    ),
    "an exponent of a million digits": Attack(process="ctx.emit('out', value)", values=(b"1e" + b"9" * 100_000,), gets=(b"null",)),
    "a fraction of a million digits": Attack(process="ctx.emit('out', value)", values=(b"0." + b"3" * 100_000,), gets=(b"0.3333333333333333",)),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_strange_value_is_json_or_an_error(name: str) -> None:
    """Whatever a value does while it is written, what leaves is the JSON text that JavaScript itself would say."""
    await run_attack(ATTACKS[name])


hostile_text = st.text(
    st.one_of(st.characters(), st.sampled_from('\ud800\udbff\udc00\udfff\\"ud8\x00\u2028')), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(hostile_text, max_size=30))
def test_any_text_leaves_as_valid_json(texts: list[str]) -> None:
    """Emitted, logged, kept or thrown, text never breaks a record; what is emitted keeps its half surrogates."""
    source = """return { process(ctx, port, value) { for (const text of eval(value)) {
        ctx.emit('out', text); ctx.log('info', text, {[text]: text}); try { ctx.setState(text, text) } catch {}
    } } }"""
    literal = json.dumps(texts)  # escapes halves of pairs, so that JavaScript gets them as they are

    async def run() -> None:
        async with opened(source) as sandbox:
            (effects,) = await sandbox.process([(0, json.dumps(literal).encode())])
            assert effects.error is None, effects.error
            assert [json.loads(value) for _, value in effects.emissions] == json.loads(literal)
            assert len(effects.logs) == len(texts)
            _all_json(sandbox)

    import trio  # noqa: PLC0415 - hypothesis calls a plain function

    trio.run(run)


def _all_json(sandbox: Sandbox) -> None:
    for value in sandbox.state.values():
        json.loads(value)
