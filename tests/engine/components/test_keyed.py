"""Components of ours whose keys an expression of the author computes."""

from typing import Any

import trio
import trio.testing

from engine.builtin.core_dedupe import Dedupe
from engine.builtin.io_http_request import open_client
from engine.components.keyed import KeyedHandler
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.contracts.component import Component
from engine.limits import EngineLimits
from tests.engine.builtin.harness import Driver, driven, places


async def sent(component: Component, values: list[tuple[str, Any]], **config: Any) -> list[Any]:
    """What leaves a node, or the names of its errors, for values that come by ports."""
    seen: list[Any] = []
    async with driven(component, **config) as driver:
        for port, value in values:
            for outcome in await driver.send(value, port=port):
                seen += [outcome.error.name] if outcome.error is not None else driver.texts(outcome)
    return seen


async def test_keys_are_computed() -> None:
    """Streams are told apart by what the expression says; its errors, and what is no key, are the message's."""
    async with open_sandboxes(None) as host:
        found = Registry(host, EngineLimits(), open_client).of("")
        dedupe, group, join = (found[f"symbia.core.{name}"] for name in ("dedupe", "group", "join"))
        values: list[tuple[str, Any]] = [("in", {"a": 1, "b": 2}), ("in", {"b": 1, "a": 2}), ("in", {"a": 5})]
        left = await sent(dedupe, [*values, ("in", None)], keyExpression="value.a + (value.b ?? 0)")
        assert [each if isinstance(each, str) else each[0] for each in left] == [
            *("out", "duplicate", "out", "TypeError")
        ]
        assert await sent(dedupe, [("in", 1)], keyExpression="undefined") == ["MissingKey"]
        assert await sent(dedupe, [("in", 1)], keyExpression="[value]") == ["InvalidKey"]
        values = [("in", 1), ("in", 2), ("in", 3)]
        assert await sent(group, values, keyExpression="value % 2", count=2) == [
            ("out", b'{"key":"1","values":[1,3]}')
        ]
        values = [("a", {"id": 7}), ("b", {"order": {"id": 7}})]
        assert await sent(join, values, keyExpression="port === 'a' ? value.id : value.order.id") == [
            ("out", b'{"a":{"id":7},"b":{"order":{"id":7}}}')
        ]


async def test_an_expression_is_checked_when_the_graph_is_loaded() -> None:
    """A syntax error, and a key given twice, refuse the graph."""
    async with open_sandboxes(None) as host:
        found = Registry(host, EngineLimits(), open_client).of("")
        dedupe, join = found["symbia.core.dedupe"], found["symbia.core.join"]
        assert await places(dedupe, keyExpression="value.") == ["keyExpression"]
        assert await places(dedupe, keyExpression="value.id", key="id") == ["keyExpression"]
        assert await places(dedupe, key="id") == []
        assert await places(join, keyExpression="value.id", keys={"a": "x"}) == ["keyExpression"]


async def test_what_is_held_is_told_by_the_component(autojump_clock: trio.testing.MockClock) -> None:
    """A debounce with computed keys holds, is due and gives out as one with fields."""
    async with open_sandboxes(None) as host:
        debounce = Registry(host, EngineLimits(), open_client).of("")["symbia.core.debounce"]
        async with driven(debounce, keyExpression="value[0]", ms=100) as driver:
            await driver.send(["a", 1], ["b", 2], ["a", 3])
            handler = driver.handler
            assert (handler.keeps, handler.counts_as_in_flight, handler.held_messages()) == ("messages", True, 2)
            assert handler.held_bytes() > 0
            assert handler.due() is not None
            autojump_clock.jump(1)
            assert driver.values(handler.release(trio.current_time())) == [["b", 2], ["a", 3]]
            assert driver.values(handler.flush()) == []


async def test_the_next_revision_goes_on_with_the_same_expression() -> None:
    """What was let through is known to the next revision, unless it computes other keys."""
    async with open_sandboxes(None) as host:
        dedupe = Registry(host, EngineLimits(), open_client).of("")["symbia.core.dedupe"]
        async with driven(dedupe, keyExpression="value % 2") as former:
            await former.send(1)
            assert isinstance(former.handler, KeyedHandler)
            for expression, known in (("value % 2", True), ("value % 3", False)):
                heir = Driver(dedupe, {"keyExpression": expression}).handler.innermost()
                assert isinstance(heir, Dedupe)
                heir.take_over(former.handler.innermost())
                assert bool(heir.state()) == known
