"""What programs make of values, beside what QuickJS's own reader and writer of JSON make of them.

A reviver and a replacer that change nothing keep those in use: so one program runs twice in one guest, on the
value as it came and on what ``JSON.parse`` read of its text. What our own ``JSON.parse`` read is read wholly: what
leaves must be the same to the letter. A message, and each part of one, is unread until the program looks at it,
and what nobody looked at leaves as it came: what leaves must be the same as JavaScript reads it.
"""

import json
import math
from typing import Any

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wasm_host.sandboxes import opened, process_all
from wasm_host.guest.abi import Effects

PROGRAMS = (
    "v => v",
    "v => typeof v",
    "v => ({...v, total: 1.5})",
    "({a, ...rest}) => [a, rest]",
    "v => [...v]",
    "v => { const keys = []; for (const key in v) keys.push(key, v[key]); return keys }",
    "v => [Object.keys(v), Object.values(v), Object.entries(v), Reflect.ownKeys(v)]",
    "v => Object.entries(Object.getOwnPropertyDescriptors(v))",
    "v => { Object.freeze(v); try { v.x = 1; delete v.a; v.push(1) } catch (e) { v = [e.message, v] } return v }",
    "v => [Object.isFrozen(Object.seal(v)), Object.isSealed(v), Object.isExtensible(v), v]",
    "v => { delete v.a; v.a = v; delete v.a; v.b = 1; return v }",
    "v => [Object.setPrototypeOf(v, {inherited: 1}).inherited, v.a, v.inherited, v]",
    "v => { class C extends class { constructor() { return v } } { #y() {} z = [this.a, this.#y()] } new C() }",
    "v => [Array.isArray(v), Object.prototype.toString.call(v), v instanceof Array]",
    "v => [Object.isExtensible(Object.preventExtensions(v)), v]",
    "v => Object.create(v).key",
    "v => { const child = Object.create(v); child.a = 1; return [child, v] }",
    "v => [Reflect.set({}, 'a', 1, v), v]",
    "v => ['a' in v, 0 in v, delete v[0], v]",
    "v => ({held: v})",
    "v => [v, 1]",
    "v => { throw v }",
    "v => new WeakRef(v).deref() === v",
    "v => [Object.create(v).a, Object.create(v)]",
    "v => Object.defineProperty(v, 'a', {get() { return 'got' }, enumerable: true, configurable: true})",
    "v => Object.defineProperty(v, 'a', {enumerable: false})",
    "v => new Proxy(v, {get: (target, key) => key === 'toJSON' ? undefined : target[key]})",
    "v => { class C extends class { constructor() { return v } } { #x = 5; x = c => c.#x } return new C().x(v) }",
    "v => { const map = new WeakMap([[v, 1]]), set = new Set([v, v]); return [map.get(v), set.size, v === v] }",
    "v => { const shared = [v, v, {v}]; shared[0].touched = 1; return shared }",
    "v => [v.length, v[0], v.at?.(-1), v.slice?.(1), v.concat?.(v)]",
    "v => { v.sort(); v.reverse(); v.splice(1, 1, 'x'); v.copyWithin(0, 1); return v }",
    "v => { v.length = 1; return v }",
    "v => { v.length = 7; return [v, v.length] }",
    "v => { v[9] = 1; v.named = 2; return [v, 8 in v, Object.keys(v)] }",
    "v => [v.flat?.(Infinity), Array.isArray(v), Object.groupBy(v, x => typeof x)]",
    "v => [JSON.stringify(v), JSON.stringify(v, null, 2), JSON.stringify(v, ['a', 'b'])]",
    "v => JSON.stringify(v, (key, x) => typeof x === 'number' ? x + 1 : x)",
    "v => [JSON.parse(JSON.stringify(v)), JSON.parse(JSON.stringify({v}), (key, x) => key === 'a' ? 'A' : x)]",
    "v => { v.toJSON = function (key) { return ['json', key, Object.keys(this)] }; return {v} }",
    "v => { Object.prototype.toJSON = function () { return 'all' }; return [1, v] }",
    "v => { Array.prototype.toJSON = function () { return this.length }; return {v} }",
    "v => { String.prototype.toJSON = () => 'no'; Number.prototype.toJSON = () => 'no'; return v }",
    "v => { BigInt.prototype.toJSON = function () { return String(this) }; return [1n, v] }",
    "v => [1n, v]",
    "v => { v.self = v; return v }",
    "v => { const deep = Array.from({length: 230}).reduce((a) => [a], v); return deep }",
    "v => [undefined, () => 1, Symbol('s'), NaN, -0, 1 / 0, v, ,]",
    "v => ({u: undefined, f() {}, s: Symbol('s'), [Symbol('t')]: 1, v})",
    "v => ({10: v, 2: 1, b: 3, 1: 4, '01': 5, 4294967294: 6, 4294967295: 7, a: 8})",
    "v => [new Date(1e12), new Map([[1, v]]), new Set([v]), new Error('e'), /x/, new Uint8Array(3)]",
    "v => [new String('s'), new Number(1.5), new Boolean(false), Object('x'), JSON.rawJSON('1.0')]",
    "v => 'a' + JSON.stringify(v) + '\\u20ac'.repeat(20) + '\\ud800'",
    "v => [Object.assign(Object.create(null), {v}), new (class A { own = v; #hidden = 1 })()]",
    "v => { with_ = 1; return Function('v', 'with (v) { return typeof a }')(v) }",
    "function (v) { return arguments }",
    "v => [0.1 + 0.2, 1 / 3, 1e21, 123456789012345680000, 5e-324, 1e-7, 0.00001, 4.35, 1e15, 999999999999999.9]",
    "v => [v?.a, v?.b?.[0], v?.['key'], v?.[0], v?.['0']]",
    "v => Object.fromEntries(Object.entries(v).reverse())",
    "v => structuredClone?.(v)",
)

SOURCE = """
let index, text, isTold = false;
return { process(ctx, port, message) {
  if (!isTold) { [index, text] = message; isTold = true; return }
  isTold = false;
  const same = (key, each) => each;
  const attempt = (tried) => { try { return tried() } catch (e) { return `${e?.name}: ${e?.message}` } };
  const program = [PROGRAMS][index];
  const prototypes = [Object, Array, String, Number, BigInt].map((each) => each.prototype);
  const clean = () => { for (const each of prototypes) delete each.toJSON };
  const thrown = attempt(() => { ctx.emit('out', program(INNER)) });
  clean();
  const expected = attempt(() => JSON.stringify(program(JSON.parse(text, same)), same) ?? 'null');
  clean();
  ctx.emit('side', [expected, thrown ?? null]);
} }
""".replace("PROGRAMS", ", ".join(PROGRAMS))


def _spelt(text: str, marks: int) -> str:
    """The string in JSON, some of its characters escaped though they need not be."""
    return '"' + "".join(
        f"\\u{ord(c):04x}" if marks >> i % 8 & 1 and ord(c) < 0x10000 else json.dumps(c, ensure_ascii=False)[1:-1]
        for i, c in enumerate(text)
    ) + '"'  # fmt: skip


KEYS = st.sampled_from(
    ["a", "b", "key", "", "0", "1", "10", "01", "-1", "4294967294", "__proto__", "toString", "length", "ü", "€",
     "𝄞", "x" * 70, "constructor"]
) | st.text(max_size=4)  # fmt: skip
NUMBERS = st.sampled_from(
    ["0", "-0", "1.0", "1e2", "1E+2", "2147483648", "-2147483648", "9007199254740993", "0.1", "21.1234567",
     "1e400", "0.30000000000000004", "123456789012345678901234567890", "1e-7", "5e-324", "1e22", "1e23",
     "0.000012345678901234"]
) | st.integers().map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)  # fmt: skip
SPACE = st.sampled_from(["", "", "", " ", "\n\t", "\r\n"])
STRINGS = st.builds(_spelt, st.text(max_size=20), st.sampled_from([0, 0, 0, 1, 170, 255])) | st.sampled_from(
    ['"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\/\\b\\f"', '"0123456789abcdef\\n0123456789abcdef"']
)


def _array(space: str, items: list[str]) -> str:
    return f"[{space}{f'{space},'.join(items)}{space}]"


def _object(space: str, items: list[tuple[str, str]]) -> str:
    return "{" + space + f"{space},".join(f"{_spelt(key, 0)}{space}:{space}{value}" for key, value in items) + "}"


TEXTS = st.recursive(
    st.sampled_from(["true", "false", "null"]) | NUMBERS | STRINGS,
    lambda inner: (
        st.builds(_array, SPACE, st.lists(inner, max_size=4))
        | st.builds(_object, SPACE, st.lists(st.tuples(KEYS, inner), max_size=5))
    ),
    max_leaves=12,
)


def _number(text: str) -> float | None:
    number = float(text)
    return None if math.isinf(number) else number + 0.0


def _members(pairs: list[tuple[str, Any]]) -> list[Any]:
    """Return the properties that a JavaScript object has of these, in its order."""
    members = dict(pairs)
    indexes = sorted((key for key in members if key.isascii() and _is_index(key)), key=int)
    return [
        "{",
        *((key, members[key]) for key in indexes),
        *(pair for pair in members.items() if pair[0] not in indexes),
    ]


def _is_index(key: str) -> bool:
    return key.isdigit() and str(int(key)) == key and int(key) < 2**32 - 1


def as_javascript_reads(text: str | bytes) -> Any:
    """Return what a text says to JavaScript: doubles, the last of equal keys, indexes first."""
    return json.loads(text, object_pairs_hook=_members, parse_int=_number, parse_float=_number)


WAYS = (
    ("JSON.parse(text)", "0", True),
    ("message", "TEXT", False),
    ("message[0]", "[TEXT]", False),
    ("message.in.a[1]", '{"other":TEXT,"in":{"a":[TEXT,TEXT]}}', False),
)
"""Where the value comes from, the message that is sent, and whether all of it was read before."""


async def compare(text: str) -> int:
    """Run every program on a value that was read, on a message and on parts; return how many were compared."""
    for inner, message, is_exact in WAYS:
        sent = message.replace("TEXT", text)
        batch = []
        for index in range(len(PROGRAMS)):
            batch += [(0, f"[{index},{json.dumps(text)}]".encode()), (0, sent.encode())]
        async with opened(SOURCE.replace("INNER", inner), outputs=("out", "side")) as sandbox:
            effects = (await process_all(sandbox, batch))[1::2]
        for program, each in zip(PROGRAMS, effects, strict=True):
            _hold(program, text, each, is_exact=is_exact)
    return len(WAYS) * len(PROGRAMS)


def _hold(program: str, text: str, effects: Effects, *, is_exact: bool) -> None:
    assert effects.error is None, (program, text, effects.error)
    expected, thrown = json.loads(effects.emissions[-1][1])
    if thrown is not None:
        assert thrown == expected, (program, text)
        return
    found = effects.emissions[0][1].decode()
    if is_exact:
        assert found == expected, (program, text)
    else:
        assert as_javascript_reads(found) == as_javascript_reads(expected), (program, text)


@given(text=TEXTS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_programs_see_and_say_what_quickjs_would(text: str) -> None:
    """For any text and each of the programs."""
    trio.run(compare, text)


OWN_JSON = """
const same = (key, each) => each;
return { process(ctx, port, value) {
  if (typeof value !== 'string') { ctx.emit('out', JSON.stringify(value)); return }
  const theirs = JSON.parse(value, same), ours = JSON.parse(value);
  ctx.emit('out', [JSON.stringify(theirs), JSON.stringify(ours, same), JSON.stringify(ours)]);
} }
"""


@given(texts=st.lists(TEXTS, max_size=20))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_json_of_programs_is_quickjs_s(texts: list[str]) -> None:
    """``JSON.parse`` without a reviver and ``JSON.stringify`` without a replacer do what they do with one."""

    async def hold() -> None:
        batch = [(0, each.encode()) for text in texts for each in (json.dumps(text), f"[{text}]")]
        async with opened(OWN_JSON) as sandbox:
            results = [effects.emissions[0][1] for effects in await process_all(sandbox, batch)]
        for read, message in zip(results[::2], results[1::2], strict=True):
            first, second, third = json.loads(read)
            assert first == second == third
            assert json.loads(message) == f"[{first}]"

    trio.run(hold)
