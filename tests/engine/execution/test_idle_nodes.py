"""A node that waits for messages keeps nothing of those that it has processed."""

import sys
from collections.abc import Sequence
from typing import Any

import pytest
import trio.testing

from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.engine.executions import document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")


class Maker(Handler):
    """Emits a value that the test counts the references to."""

    made: list[bytes]

    def __init__(self, made: list[bytes]) -> None:
        self.made = made

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        values = [b'"%d and more"' % message.sequence for message in batch]
        self.made += values
        return [Outcome(((0, value),)) for value in values]


@pytest.mark.parametrize("fields", [{}, {"concurrency": 3}])
async def test_a_node_that_waits_keeps_none_of_its_last_messages(fields: dict[str, Any]) -> None:
    """Neither what it took nor what it emitted, as the only worker or as one of several."""
    made: list[bytes] = []

    def make(context: InstanceContext) -> Handler:
        del context
        return Maker(made)

    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"),))
    maker = Builtin(ComponentDefinition("maker", "maker", "1.0.0", ports, Code("builtin"), stateless=True), make)
    graph = document(
        {"a": node("maker", **fields), "b": node("maker", **fields), "c": node("maker", **fields)},
        ["a:out > b:in", "b:out > c:in"],
    )
    async with open_execution(graph, Journal(), more={"maker": maker}) as execution:
        await inject(execution, "a:in", 1, 2)
        await execution.wait_quiescent()
        await trio.testing.wait_all_tasks_blocked()
        assert len(made) == 6
        beside = sys.getrefcount(object.__new__(object)) + 1  # the list's own
        assert [sys.getrefcount(made[index]) for index in range(6)] == [beside] * 6
