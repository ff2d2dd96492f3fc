"""Parts of a message that a program does not look at: they leave as they came, wherever the program puts them."""

import json

import pytest

from proto.json_text import MAX_DEPTH
from tests.wasm_host.sandbox.test_chain import emitted, linked, passed
from tests.wasm_host.sandboxes import opened, process, run, value_of
from wasm_host.guest import chain_abi
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

ODD = rb'{"1":1.0,"b":1e2,"0":12345678901234567890, "b" : [ 2.50,"\u0041]\"}\\" ] }'
"""Spelling, order, digits and equal keys that JavaScript would not keep."""

PLACED = [
    ("({...value, total: value.price * 2})", b'{"price":2,"part":' + ODD + b',"total":4}'),
    ("(value.price, value)", b'{"price":2,"part":' + ODD + b"}"),
    ("(value.price = 3, value)", b'{"price":3,"part":' + ODD + b"}"),
    ("value.part", ODD),
    ("[value.part, {a: value.part}]", b"[" + ODD + b',{"a":' + ODD + b"}]"),
    ("Object.entries(value)", b'[["price",2],["part",' + ODD + b"]]"),
    ("(Object.freeze(value), value)", b'{"price":2,"part":' + ODD + b"}"),
    ("(({price, ...rest}) => rest)(value)", b'{"part":' + ODD + b"}"),
    ("(Array.isArray(value.part), value.part)", ODD),
    ("(value.part === value.part, value.part)", ODD),
    ("(value.part[0], value.part)", rb'{"0":12345678901234567000,"1":1,"b":[ 2.50,"\u0041]\"}\\" ]}'),
    ("(value.part.b, value.part.b)", rb'[ 2.50,"\u0041]\"}\\" ]'),
    ("JSON.parse(JSON.stringify(value)).part.b[0]", b"2.5"),
]


@pytest.mark.parametrize(("source", "answer"), PLACED, ids=[source for source, _ in PLACED])
async def test_a_part_leaves_as_it_came_and_what_is_around_it_as_javascript_says_it(
    source: str, answer: bytes
) -> None:
    """Level by level: looking at one level reads that one."""
    assert await value_of(source, b'{ "price" : 2.0, "part": ' + ODD + b"}") == answer


async def test_elements_of_an_array_are_parts_too() -> None:
    """However many there are; only those that are looked at are spelt anew."""
    items = [b'{"n":%d.0}' % at for at in range(3000)]
    answer = await value_of("(value[1].n, value.push(0), value)", b"[" + b", ".join(items) + b"]")
    items[1] = b'{"n":1}'
    assert answer == b"[" + b",".join(items) + b",0]"


async def test_a_part_is_one_object_however_it_is_reached() -> None:
    """Two names of it, a look by one of them, a change by the other."""
    source = (
        "(() => { const {part} = value, again = {...value}.part; part.x = 1; return [part === again, again] })()"
    )
    assert await value_of(source, b'{"part":{"a":1.0}}') == b'[true,{"a":1,"x":1}]'


async def test_a_part_outlives_its_message() -> None:
    """With a text of its own, in which nothing of the next message stands."""
    source = """let kept = []; return { process(ctx, port, value) {
        kept.push(value.part); value.other;
        ctx.emit('out', kept); ctx.emit('out', kept.map((each) => each.n));
    } }"""
    async with opened(source) as sandbox:
        for count in range(1, 4):
            (effects,) = await sandbox.process([(0, b'{"other":[1],"part":{"n":%d.0}}' % count)])
            assert effects.error is None
            last = effects.emissions[0][1]
            assert json.loads(last) == [{"n": float(n)} for n in range(1, count + 1)]
            assert last.endswith(b'{"n":%d.0}]' % count)
            assert effects.emissions[1][1] == json.dumps(list(range(1, count + 1)), separators=(",", ":")).encode()


async def test_parts_that_are_kept_are_the_programs_memory() -> None:
    """Each its own slice of the message, and no more than that."""
    source = "const all = []; return { process(ctx, port, value) { all.push(value.small); ctx.emit('out', 1) } }"
    value = b'{"large":["' + b"x" * 1_000_000 + b'"],"small":{"n":1}}'
    async with opened(source, limits=GuestLimits(memory_bytes=8 * 1024 * 1024)) as sandbox:
        results = [(await sandbox.process([(0, value)]))[0] for _ in range(30)]
        assert [effects.error for effects in results] == [None] * 30


async def test_a_part_goes_to_state_and_logs_as_it_came() -> None:
    """As its text says, for nobody has looked."""
    (effects,) = await process(
        "ctx.setState('k', value.part); ctx.log('info', 'm', value.part)", b'{"part":[1.0,{"a":2e0}]}'
    )
    assert effects.state == [("k", b'[1.0,{"a":2e0}]')]
    assert effects.logs[0].meta == b'[1.0,{"a":2e0}]'


async def test_a_method_named_to_json_applies_to_parts() -> None:
    """Whoever defines one for all objects has every part read for it."""
    source = "(Object.prototype.toJSON = function () { return Object.keys(this).length }, {a: value.part})"
    assert await value_of(f"{source}", b'{"part":{"x":1,"y":[2]}}') == b"1"
    source = "(Array.prototype.toJSON = function () { return this.length }, {a: value.part})"
    assert await value_of(source, b'{"part":{"x":1.0,"y":[2.0,3]}}') == b'{"a":{"x":1,"y":2}}'


async def test_a_part_that_is_no_json_fails_who_looks_at_it() -> None:
    """The engine never sends one; within a part nobody notices until somebody looks, and then it is an error."""
    for part in (b"[1,]", b'{"a" 1}', b"{]", b'["\xff"]', b"[01]"):
        bad, good = await run("(value.part.x, 1)", b'{"part":' + part + b"}", b'{"part":{}}', mode="map")
        assert bad.error is not None, part
        assert good.emissions == [(0, b"1")]
    for value in (b'{"part":[', b'{"part":["}]', b'{"part":{}}}', b'[{"a":1}', b"[{}] 1"):
        bad, good = await run("(value.part, 1)", value, b"{}", mode="map")
        assert bad.error is not None, value
        assert good.emissions == [(0, b"1")]


def nested(levels: int) -> bytes:
    """Return so many arrays within each other."""
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("source", "levels", "is_too_deep"),
    [
        ("({...value, a: 1})", MAX_DEPTH - 1, False),
        ("({b: value.part})", MAX_DEPTH - 1, False),
        ("[[value.part]]", MAX_DEPTH - 1, True),
        ("[[value.part]]", MAX_DEPTH - 2, False),
        ("Array.from({length: 150}).reduce((a) => [a], value.part)", 49, False),
        ("Array.from({length: 150}).reduce((a) => [a], value.part)", 51, True),
    ],
)
async def test_a_part_that_is_put_deeper_is_counted_where_it_is_put(
    source: str, levels: int, *, is_too_deep: bool
) -> None:
    """In a chain, where the guest judges what it passes on: beyond the bound, the call is undone, for the host."""
    async with linked([Program("map", source), Program("map", "typeof value")]) as (chain, _):
        result = await chain.process([(0, 0, b'{"part":' + nested(levels) + b"}")], traced=False)
        assert (result is None) == is_too_deep
        if result is not None:
            assert emitted(result) == [(1, 0, b'"object"')]


async def test_a_part_that_was_kept_is_counted_anew() -> None:
    """Nobody knows any more how deep it stood in its message."""
    source = """return { process(ctx, port, value) {
        this.kept ??= value.part;
        ctx.emit('out', Array.from({length: value.more}).reduce((a) => [a], this.kept));
    } }"""
    programs = [Program("handler", source), Program("map", "1")]
    first = b'{"part":' + nested(MAX_DEPTH - 1) + b',"more":0}'
    for more, is_too_deep in ((1, False), (2, True)):
        async with linked(programs) as (chain, _):
            await passed(chain, first)
            result = await chain.process([(0, 0, b'{"more":%d}' % more)], traced=False)
            assert (result is None) == is_too_deep


def test_the_guest_and_the_host_agree_on_how_deep_a_value_may_be() -> None:
    """What the guest takes for granted of what comes is what the door holds."""
    from pathlib import Path  # noqa: PLC0415 - here only

    header = (Path(chain_abi.__file__).parents[1] / "quickjs/json.h").read_text()
    assert f"JSON_MOST_THAT_COMES = {MAX_DEPTH} " in header
