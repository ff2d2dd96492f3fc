"""Handlers that return a value and emit none: what they return goes nowhere, and they are told so once."""

import pytest

from tests.service.serving import SQUARE, open_service, single
from tests.wasm_host.sandboxes import opened, process, process_all, run
from wasm_host.limits import GuestLimits

WARNING = "process returned a value and emitted nothing: what it returns goes nowhere; call ctx.emit(port, value)"


@pytest.mark.parametrize(
    "body", ["return value * 2", "return {out: value}", "return ''", "return [value]", "return await value"]
)
async def test_a_value_that_is_returned_is_warned_of_once(body: str) -> None:
    """The first message that returns one has a line in the log, and no other has."""
    first, second = await process(body, b"1", b"2")
    assert [(line.level, line.message) for line in first.logs] == [("warn", WARNING)]
    assert not first.emissions
    assert not second.logs


@pytest.mark.parametrize(
    "body",
    [
        "return ctx.emit('out', value)",
        "ctx.emit('out', value); return value",
        "return value > 10 && ctx.emit('out', value)",
        "return null",
        "return true",
        "return",
        "",
    ],
)
async def test_other_results_are_not_warned_of(body: str) -> None:
    """Nothing is said to who emits, and to who returns nothing, or what a condition leaves behind."""
    for effects in await process(body, b"1", b"20"):
        assert not effects.logs


async def test_an_expression_is_its_result() -> None:
    """What an expression returns is what is emitted."""
    (effects,) = await run("value * 2", b"21", mode="map")
    assert not effects.logs


async def test_a_guest_that_replaces_another_does_not_warn_again() -> None:
    """The warning is the instance's, whatever becomes of its guest."""
    source = "return { process: (ctx, port, value) => { while (value === 0); return value } }"
    async with opened(source, limits=GuestLimits(cpu_ms=40)) as sandbox:
        (first,) = await process_all(sandbox, [(0, b"1")])
        (ended,) = await process_all(sandbox, [(0, b"0")])
        (second,) = await process_all(sandbox, [(0, b"1")])
    assert len(first.logs) == 1
    assert ended.error is not None
    assert (second.error, list(second.logs)) == (None, [])


async def test_the_warning_is_in_the_log_of_the_execution() -> None:
    """Whoever looks for their values finds out there why none came."""
    source = "return { process: (ctx, port, value) => value * value }"
    component = {**SQUARE, "id": "custom.silent", "execution": {"type": "javascript", "source": source}}
    async with open_service() as service:
        await service.client.post("/api/components", json=component)
        execution_id = await service.start(single("custom.silent"), completion="manual")
        for _ in range(3):
            await service.inject(execution_id, "only", 12)
        await service.processed(execution_id, 3)
        logs = (await service.client.get(f"/api/executions/{execution_id}/logs")).json()["logs"]
    assert [(line["nodeId"], line["level"], line["message"]) for line in logs] == [("only", "warn", WARNING)]
