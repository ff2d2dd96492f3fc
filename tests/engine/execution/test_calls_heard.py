"""Observers that hear of every call of a handler, and those that do not."""

from typing import Any, ClassVar

import pytest

from engine.contracts.observer import ExecutionObserver, HandlerCall
from tests.engine.executions import document, inject, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

CHAIN = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])


class Caller(ExecutionObserver):
    """Keeps the calls that it hears of."""

    hears_calls: ClassVar[bool] = True

    def __init__(self) -> None:
        self.calls: list[HandlerCall] = []

    def called(self, execution_id: str, call: HandlerCall) -> None:
        del execution_id
        self.calls.append(call)


class Deaf(Caller):
    """Does not ask for calls."""

    hears_calls: ClassVar[bool] = False


async def _run(graph: dict[str, Any], *values: Any) -> tuple[list[HandlerCall], list[HandlerCall]]:
    """What an observer hears that asked, and one that did not."""
    caller, deaf = Caller(), Deaf()
    async with open_execution(graph, Journal(), observers=[caller, deaf]) as execution:
        await inject(execution, "a:in", *values, final=True)
        await execution.finished.wait()
        assert not execution.shared.flow_observers  # nobody watches the flow: it takes the fast way
    return caller.calls, deaf.calls


async def test_who_asks_hears_of_every_call_with_its_outcomes() -> None:
    """Each has its node, its batch, an outcome for each message, and its time; who does not ask hears nothing."""
    calls, unasked = await _run(CHAIN, 1, 2, 3)
    assert [(call.node_id, call.component_id, len(call.messages)) for call in calls] == [
        ("a", "forward", 3),
        ("b", "forward", 3),
    ]
    assert [outcome.emissions[0][1] for outcome in calls[1].outcomes] == [b"1", b"2", b"3"]
    assert all(call.began_seconds <= call.ended_seconds for call in calls)
    assert unasked == []


async def test_a_failed_call_is_heard_of_too() -> None:
    """Its outcomes say which message failed."""
    calls, _ = await _run(document({"a": "throw"}), 1)
    assert [outcome.error is not None for call in calls for outcome in call.outcomes] == [True]
