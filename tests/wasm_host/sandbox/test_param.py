"""The variable ``param``: what a program finds in it, and what it cannot do to it."""

import pytest

from tests.wasm_host.sandboxes import opened, process, process_all, run, value_of
from wasm_host.host import open_host
from wasm_host.sandbox.javascript import Program

PARAM = b'{"rate": 1.5, "rates": {"eur": [1, {"deep": 2}]}, "__proto__": {"x": 1}}'


async def test_expressions_and_handlers_see_the_parameters() -> None:
    """Both find the values by the variable's name, and nothing is spliced into their text."""
    assert await value_of("value * param.rate", b"4", param=PARAM) == b"6"
    assert await value_of("`${param.rate} ${value}`", b"4", param=PARAM) == b'"1.5 4"'
    (effects,) = await process("ctx.emit('out', param.rates.eur[1].deep + value)", b"3", param=PARAM)
    assert effects.emissions == [(0, b"5")]


@pytest.mark.parametrize("param", [b"", PARAM])
async def test_a_program_without_the_variable_knows_no_such_name(param: bytes) -> None:
    """The variable is there exactly where it is given."""
    assert await value_of("typeof param", param=param) == (b'"object"' if param else b'"undefined"')


async def test_the_parameters_are_frozen_through_and_through() -> None:
    """No message can change what the next one sees: neither the values nor, in an expression, the variable."""
    attempts = (
        "param.rate = 9, param.rates.eur[1].deep = 9, param.rates.more = 9, param = 9, delete param.rate, "
        "[param.rate, param.rates.eur, Object.isFrozen(param.rates.eur[1]), param.rates.more === undefined]"
    )
    for effects in await run(attempts, b"1", b"2", mode="map", param=PARAM):
        assert effects.emissions == [(0, b'[1.5,[1,{"deep":2}],true,true]')]


@pytest.mark.parametrize(
    "source",
    [
        "const param = {rate: 7}; const handler = {process(ctx) { ctx.emit('out', param.rate) }}",
        "let param; param = {rate: 7}; function handler(ctx, port) { ctx.emit('out', param.rate) }",
        "var param = {rate: 7}; function handler(ctx, port) { ctx.emit('out', param.rate) }",
        "function param() {} param.rate = 7; function handler(ctx, port) { ctx.emit('out', param.rate) }",
        "return {process(ctx, port, param) { ctx.emit('out', param) }}",
        "export const param = {rate: 7}; export default (ctx, port) => ctx.emit('out', param.rate)",
    ],
)
async def test_a_source_with_a_name_of_its_own_keeps_it(source: str) -> None:
    """A component that uses the name for something else works as it did."""
    async with opened(source, param=PARAM) as sandbox:
        (effects,) = await process_all(sandbox, [(0, b"7")])
    assert effects.error is None
    assert effects.emissions == [(0, b"7")]


async def test_the_variable_is_there_when_the_source_runs_and_when_it_is_checked() -> None:
    """The top level of a source and ``initialize`` see it, too, and so does the check of a source."""
    source = (
        "const rate = param.rate; return {initialize(ctx) { ctx.emit('out', [rate, param.rate]) }, process() {}}"
    )
    async with open_host() as host:
        sandbox = host.sandbox(Program("handler", source), param=PARAM)
        assert (await sandbox.open()).emissions == [(0, b"[1.5,1.5]")]
        sandbox.discard()
        await host.check(Program("handler", source), param=b"{}")


async def test_parameters_nested_as_deep_as_values_may_be_are_frozen() -> None:
    """Freezing goes as deep as a value may be nested."""
    deep = b'{"a":' * 200 + b"1" + b"}" * 200
    assert await value_of("Object.isFrozen(param.a.a.a.a)", param=deep) == b"true"
