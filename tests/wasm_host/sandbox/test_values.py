"""Odd, big and hostile values on their way through a guest."""

import json

import pytest

from tests.wasm_host.sandboxes import opened, process, process_all, run, value_of
from wasm_host.limits import GuestLimits

ROOMY = GuestLimits(output_bytes=32 * 1024 * 1024, memory_bytes=128 * 1024 * 1024)

SAME = [
    b"0", b"-1", b"7", b"123456789", b"-123456789", b"1234567890", b"2147483648", b"-2147483648", b"1.5", b"-0.25",
    b"1e+100", b"true", b"false", b"null", b'""', b'"a"', rb'"\u0000"', rb'"\"\\"', '"ü→𝄞"'.encode(), b"[]", b"{}",
    b'{"a":{"b":[1,2,{"c":null}]}}', b'{"__proto__":1}', b'{"constructor":{"prototype":2}}', rb'"\\ud800"',
    b"[1,[2,[3]]]",
]  # fmt: skip


@pytest.mark.parametrize("value", SAME)
async def test_a_value_comes_out_as_it_went_in(value: bytes) -> None:
    """JSON that JavaScript can say survives being parsed and written."""
    assert await value_of("value", value) == value


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("undefined", b"null"), ("NaN", b"null"), ("Infinity", b"null"), ("-0", b"0"),
        ("Symbol()", b"null"), ("[undefined, () => 1]", b"[null,null]"), ("({a: undefined})", b"{}"),
        ("new Date(0)", b'"1970-01-01T00:00:00.000Z"'), ("'\\ud800x'", rb'"\ud800x"'),
        ("0.1 + 0.2", b"0.30000000000000004"),
        ("2 ** 53 + 2", b"9007199254740994"), ("({toJSON() { return 5 }})", b"5"), ("new String('s')", b'"s"'),
        ("-2147483648", b"-2147483648"), ("1e21", b"1e+21"),
    ],
)  # fmt: skip
async def test_what_json_cannot_say_becomes_what_stringify_makes_of_it(expression: str, answer: bytes) -> None:
    """As JSON.stringify, and null where that answers undefined."""
    assert await value_of(expression) == answer


@pytest.mark.parametrize(
    ("expression", "message"), [("1n", "BigInt"), ("(() => { const a = []; a[0] = a; return a })()", "circular")]
)
async def test_what_has_no_json_is_an_error_of_that_invocation(expression: str, message: str) -> None:
    """A BigInt or a cycle fails its message, and nothing else."""
    bad, good = await run(f"value ? {expression} : 5", b"1", b"0", mode="map")
    assert bad.error is not None
    assert bad.error.name == "TypeError"
    assert message in bad.error.message
    assert good.emissions == [(0, b"5")]


async def test_proto_in_json_is_a_key_like_any_other() -> None:
    """A value cannot set its own prototype, nor anybody's."""
    answer = await value_of(
        "[value.polluted === undefined, ({}).polluted === undefined]", b'{"__proto__":{"polluted":1}}'
    )
    assert answer == b"[true,true]"


async def test_ten_megabytes_pass() -> None:
    """A big value can be read with the default limits, and written with wider ones."""
    value = json.dumps("x" * 10_000_000).encode()
    assert await value_of("value.length", value, limits=GuestLimits()) == b"10000000"
    half = json.dumps("x" * 7_000_000).encode()
    assert await value_of("value", half, limits=GuestLimits()) == half
    assert await value_of("value", value, limits=ROOMY) == value


async def test_values_after_a_big_one_are_unharmed() -> None:
    """The buffer that held it is given back."""
    big = json.dumps("x" * 3_000_000).encode()
    results = await run("value.length", big, b'"ab"', big, b'"abc"', mode="map", limits=GuestLimits())
    assert [effects.emissions for effects in results] == [
        [(0, b"3000000")],
        [(0, b"2")],
        [(0, b"3000000")],
        [(0, b"3")],
    ]


async def test_values_nested_too_deeply_are_errors_of_their_invocation() -> None:
    """On the way in JavaScript's parser refuses who looks, on the way out the host; the guest lives on."""
    deep = b"[" * 100_000 + b"]" * 100_000
    bad, good = await run("(JSON.stringify(value), value)", deep, b"1", mode="map")
    assert bad.error is not None
    assert bad.error.name == "RangeError"
    assert good.emissions == [(0, b"1")]
    out, after = await run(
        "(() => { let a = []; for (let i = 0; i < value; i++) a = [a]; return a })()", b"3000", b"0", mode="map"
    )
    assert out.error is not None
    assert "nested too deeply" in out.error.message
    assert after.emissions == [(0, b"[]")]


async def test_a_value_that_is_not_json_is_an_error_of_its_invocation() -> None:
    """The engine never sends one; the guest does not rely on that where somebody looks."""
    for value in (b"", b"{", b"01", b"1 2", b"nul", b"'a'", b"\xff", b"-", b"--1", b"1.", b"[1,]"):
        bad, good = await run("(value?.x, value)", value, b"1", mode="map")
        assert bad.error is not None, value
        assert good.emissions == [(0, b"1")]


async def test_a_large_batch_keeps_order_and_count() -> None:
    """Every message has its own effects, in the order of the batch."""
    results = await run("value * 2", *(b"%d" % number for number in range(1000)), mode="map")
    assert [effects.emissions[0][1] for effects in results] == [b"%d" % (2 * number) for number in range(1000)]


async def test_a_batch_with_much_output_comes_back_in_parts() -> None:
    """The guest hands over before its memory is full of output; the caller does not notice."""
    results = await process("ctx.emit('out', 'x'.repeat(2000000))", *[b"1"] * 12)
    assert [len(effects.emissions[0][1]) for effects in results] == [2_000_002] * 12


UNTOUCHED = [
    b'{"1":1.0,"b":1e2,"0":12345678901234567890}', b'{ "k" : 1, "k":2 }', rb'["\u0041\/"]', b"[]",
    b"[" * 180 + b"]" * 180, b'{"__proto__":{"a":1}}',
]  # fmt: skip


@pytest.mark.parametrize("value", UNTOUCHED)
async def test_what_nobody_looks_at_leaves_as_it_came(value: bytes) -> None:
    """Its spelling, its order, its large numbers and its equal keys: emitted, kept, and as a part of something."""
    source = """let last; return { process(ctx, port, value) {
        ctx.emit('out', value); ctx.setState('k', value); ctx.emit('out', [value, {value}]);
        ctx.emit('out', last ?? 0); last = value;
    } }"""
    first, second = await run(source, value, b"[7]")
    assert [each for _, each in first.emissions] == [value, b"[" + value + b',{"value":' + value + b"}]", b"0"]
    assert first.state == [("k", value)]
    assert [each for _, each in second.emissions] == [b"[7]", b'[[7],{"value":[7]}]', value]


async def test_a_level_that_is_looked_at_is_spelt_as_javascript_does() -> None:
    """Whatever the look: one key is enough, and what is within is another level."""
    assert await value_of("(value.b, value)", b'{"1":1.0,"b":1e2,"0":1}') == b'{"0":1,"1":1,"b":100}'
    assert await value_of("(Array.isArray(value), value)", b"[1.0]") == b"[1.0]"


async def test_a_value_that_is_kept_outlives_the_batch_that_it_came_in() -> None:
    """Unread as it is: it has a text of its own by then."""
    source = "return { process(ctx, port, value) { ctx.emit('out', (this.kept ??= value).a ?? 0) } }"
    async with opened(source) as sandbox:
        await process_all(sandbox, [(0, b'{"a":1}'), (0, b'{"a":2}')])
        for _ in range(3):
            (effects,) = await sandbox.process([(0, b'{"b":' + b"[9]" + b',"padding":"' + b"x" * 50_000 + b'"}')])
            assert effects.emissions == [(0, b"1")]


async def test_emitting_a_value_that_came_counts_its_bytes() -> None:
    """Though none are written."""
    limits = GuestLimits(output_bytes=1000)
    body = "ctx.emit('out', value); ctx.emit('out', value)"
    small, large = await process(body, b"[" + b"1," * 240 + b"1]", b"[" + b"1," * 260 + b"1]", limits=limits)
    assert small.error is None
    assert large.error is not None
    assert large.error.name == "OutputLimitExceeded"


async def test_a_batch_of_values_may_be_the_value_that_came() -> None:
    """It is an array though nobody has looked, and its elements are parts of it."""
    (effects,) = await process("ctx.emitBatch('out', value)", b"[1.0,[2.0]]")
    assert effects.emissions == [(0, b"1"), (0, b"[2.0]")]


async def test_values_that_are_kept_unread_are_the_programs_memory() -> None:
    """Whoever keeps too many meets the limit by its name, in the invocation that kept one more."""
    source = "const all = []; return { process(ctx, port, value) { all.push(value); ctx.emit('out', 1) } }"
    value = b'["' + b"x" * 1_000_000 + b'"]'
    async with opened(source, limits=GuestLimits(memory_bytes=8 * 1024 * 1024)) as sandbox:
        results = [(await sandbox.process([(0, value)]))[0] for _ in range(12)]
    errors = [effects.error.name for effects in results if effects.error is not None]
    assert set(errors) == {"MemoryLimitExceeded"}
    assert [effects.emissions for effects in results if effects.error is None] == [[(0, b"1")]] * (
        12 - len(errors)
    )
    assert sandbox.statistics().restarts == len(errors)


@pytest.mark.parametrize("text", ["{", "[1,]", "01", "", "nul", "[1] 2", '{"a":1,}', '"\\x"'])
async def test_json_of_programs_fails_as_quickjs_says(text: str) -> None:
    """With a reviver, which only QuickJS's own reader takes, and without: the same error."""
    tell = "(f => { try { return f() } catch (e) { return `${e.name}: ${e.message}` } })"
    source = f"[{tell}(() => JSON.parse(value)), {tell}(() => JSON.parse(value, (key, each) => each))]"
    ours, theirs = json.loads(await value_of(source, json.dumps(text).encode()))
    assert ours == theirs
    assert "SyntaxError" in ours
