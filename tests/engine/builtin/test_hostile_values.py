"""Values that are JSON and nothing else: whatever components make of them, their executions live."""

from typing import Any

import msgspec
import pytest
import trio

from engine.builtin.parts.keyed_state import STATE_BYTES
from engine.builtin.parts.one_by_one import BYTES_AT_ONCE
from engine.builtin.state_join import JOIN
from engine.builtin.state_window import WINDOW
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.builtin.harness import driven

VALUES = (
    b"null",
    b"1e999",
    b"-0",
    b'"NaN"',
    b'{"key":"__proto__","value":1}',
    b'{"key":"a","value":1e999}',
    b'{"key":"a","value":-1e999}',
    b'{"key":1e999,"value":1}',
    b'{"key":"a","value":"Infinity"}',
    b'{"key":"a","value":123456789012345678901234567890}',
    b'{"key":"a","value":"' + b"9" * 390 + b'"}',
    b'{"key":"\\ud83d","value":"\\ud83d"}',
    b'{"key":{},"value":[1e999]}',
    b'{"type":"__proto__","key":"constructor","value":{"a":1e999}}',
    b"[" * 199 + b"]" * 199,
)

NODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("compute.arithmetic", {"expression": "{key} + {value}"}),
    ("compute.arithmetic", {"expression": "{value} / {value}"}),
    ("logic.filter", {"field": "value", "op": "contains", "value": 10**40}),
    ("logic.filter", {"field": "value", "op": "eq", "value": {"a": 1}}),
    ("logic.filter", {"field": "value", "op": "gt", "value": 10**300}),
    ("logic.switch", {"ports": ["a", "__proto__", "constructor"]}),
    ("transform.map", {"mapping": {"__proto__": "key", "x": "value"}}),
    ("state.window", {"size": 3}),
    ("state.latest", {}),
    ("state.join", {"select": {"x": "a", "__proto__": "__proto__"}}),
    ("state.rollup", {"expected": ["a", "__proto__"], "op": "mean"}),
    ("io.log", {}),
    ("sink.log", {}),
    ("sink.metric", {"name": "x", "valueField": "value"}),
)


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize(("component", "config"), NODES)
async def test_no_value_ends_an_execution(component: str, config: dict[str, Any]) -> None:
    """What a component cannot take leaves its error port; nothing fails that an edge could not take."""
    nodes = [
        {"id": "n", "component": f"symbia.{component}", "config": config},
        {"id": "e", "component": "symbia.core.passthrough"},
    ]
    edge = {"id": "x", "source": {"node": "n", "port": "error"}, "target": {"node": "e", "port": "in"}}
    document = {"symbia": "1.0", "name": "Hostile", "version": "1.0.0", "nodes": nodes, "edges": [edge]}
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(document)
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
        for value in VALUES:
            await runtime.execution(execution.id).inject([Injection("n", "in", msgspec.Raw(value))])
            await runtime.execution(execution.id).wait_quiescent()
        after = runtime.execution(execution.id).snapshot()
        assert (after.state, after.error) == (ExecutionState.RUNNING, None)
        assert after.metrics.messages_processed >= len(VALUES)


async def test_a_batch_of_large_messages_lets_others_run() -> None:
    """Between two of them whatever is ready has its turn."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with driven(WINDOW) as driver, trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await driver.send(*[{"value": 1, "rest": "x" * (BYTES_AT_ONCE + 1)}] * 10)
        assert turns >= 5
        nursery.cancel_scope.cancel()


@pytest.mark.long_steps("its thousand messages are one step of this test")
async def test_a_batch_of_a_large_join_is_small() -> None:
    """Each message may emit the whole state, so few of them are handled in one go."""
    async with driven(JOIN, select={f"field {number}": f"key {number}" for number in range(1_000)}) as driver:
        for number in range(1_000):
            await driver.send({"key": f"key {number}", "value": "x" * 900})
        most = driver.handler.batch_messages
        assert most is not None
        outcomes = await driver.send(*[{"key": "key 1", "value": 1}] * most)
        assert sum(len(text) for _, text in driver.texts(*outcomes)) <= 8 * STATE_BYTES
