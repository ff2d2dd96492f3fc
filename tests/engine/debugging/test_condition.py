"""Conditions: expressions in JavaScript, evaluated in the sandbox."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from engine.builtin.core_expressions import FILTER
from engine.components.sandboxed import ExpressionRunner, open_sandboxes
from engine.contracts.component import Builtin, Component
from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.debugging.condition import Surroundings, open_condition
from engine.documents.mask import MASK, Mask
from engine.errors import InvalidBreakpointError
from proto.breakpoint_events import BreakpointFailed
from proto.component import Code, ComponentDefinition, ExecutionLimits, Port, Ports
from tests.engine.chained_graphs import open_parts
from tests.engine.debugging.debugged import open_debugged
from tests.engine.executions import document, inject, node


async def test_a_condition_that_never_ends_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    """Behind the batch with the third value it is asked no more; all pass."""
    del autojump_clock
    async with open_sandboxes(None, ExecutionLimits(cpu_ms=5)) as host:
        surroundings = Surroundings("test", "", ExpressionRunner(FILTER, host))
        condition = await open_condition("(() => { while (value) {} return true })()", "b", surroundings)
        assert await condition.judge([b"1", b"1", b"0"]) == [False, False, True]
        assert await condition.judge([b"1", b"1", b"0"]) == [False, False, True]
        assert await condition.judge([b"0"]) == [False]
        assert (condition.failures, condition.failure.split(":")[0]) == (5, "CpuLimitExceeded")
        assert condition.failure.endswith("asked no more")
        await condition.close()


async def settle() -> None:
    """Wait until nothing moves, guests among it."""
    for _ in range(5):
        await trio.testing.wait_all_tasks_blocked()


async def test_conditions_pick_what_stops_and_hurt_nobody_where_they_fail() -> None:
    """One test for all of it, because guests are expensive to start.

    A condition picks the messages; what it throws at passes, and is told once; what is no expression is refused;
    errors and written keys are seen by conditions as documents; nodes that run as one stop between each other, and
    nothing is out of order; they run as one again when nobody looks between them any more.
    """
    body = "ctx.setState('n', (ctx.getState('n') ?? 0) + 1); if (value.bad) throw new TypeError('no ' + value.n);"
    counting = body + " ctx.emit('out', value);"
    graph = document(
        {"x": "js.count", "y": node("js.count", onError="continue"), "z": "js.count", "end": "forward"},
        ["x:out > y:in", "y:out > z:in", "z:out > end:in"],
    )
    async with (
        open_parts({"count": counting}, ExecutionLimits()) as (_, parts),
        open_debugged(graph, more=parts) as it,
    ):
        assert len(it.execution.graph.chains) == 1
        values = [{"n": number, "bad": False} for number in range(20)]
        stop = await it.set(edge=1, when="value.n % 10 === 7")
        fails = await it.set(edge=2, when="value.deep.er")
        await inject(it.execution, "x:in", *values)
        await settle()
        assert [value["n"] for value in it.values(stop)] == [7]
        await it.obey(stop, "continue")
        await settle()
        assert [value["n"] for value in it.values(stop)] == [17]
        await it.obey(stop, "continue")
        await settle()
        (chain,) = {instance.chained for instance in it.execution.instances if instance.chained is not None}
        assert [chain.is_whole] == [False]
        arrived = [value["n"] for value in it.journal.values("end")]
        assert arrived == list(range(20))
        failing = it.debugger.one(fails)
        assert (failing.hits, failing.failures) == (0, 20)
        assert "TypeError" in (failing.failure or "")
        assert it.heard.count("breakpoint:failed") == 1
        for each in (stop, fails):
            await it.debugger.remove(each)
        await inject(it.execution, "x:in", {"n": 20})
        await settle()
        assert [chain.is_whole] == [True]

        errors = await it.set(node="y", on="error", when="value.name === 'TypeError' && value.value.n === 31")
        states = await it.set(node="z", on="state", when="value.key === 'n' && value.after === 23")
        await inject(it.execution, "y:in", {"n": 30, "bad": True}, {"n": 31, "bad": True})
        await settle()
        assert [value["n"] for value in it.values(errors)] == [31]
        await it.obey(errors, "retry", value=b'{"n": 32}')
        await settle()
        await inject(it.execution, "y:in", {"n": 33})
        await settle()
        (held,) = it.held(states)
        assert [(each.key, each.before, each.after) for each in held.changes] == [("n", "22", "23")]
        await it.obey(states, "continue")
        await it.execution.wait_quiescent()
        assert [value["n"] for value in it.journal.values("end")[-2:]] == [32, 33]

        surroundings = Surroundings("test", "", parts["symbia.core.filter"])
        with pytest.raises(InvalidBreakpointError) as refused:
            await open_condition("value.n >", "b", surroundings)
        (problem,) = refused.value.problems
        assert (problem.path, "SyntaxError" in problem.message) == ("when", True)


class Quoting(Handler):
    """A condition that throws, and quotes the value at length."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(error=HandlerError("TypeError", message.value.decode() + "y" * 5000)) for message in batch]


async def test_what_a_condition_throws_is_shown_without_secrets_and_cut() -> None:
    """To who looks, and to who watches."""
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"),))
    quoting = Builtin(ComponentDefinition("q", "q", "1.0.0", ports, Code("builtin")), lambda _: Quoting())
    async with open_debugged(document({"a": "forward"}), more={"symbia.core.filter": quoting}) as it:
        it.execution.shared.mask = Mask(["hunter2-hunter2"])
        stop = await it.set(node="a", when="value")
        await inject(it.execution, "a:in", "hunter2-hunter2")
        await it.execution.wait_quiescent()
        failure = it.debugger.one(stop).failure or ""
        assert failure.startswith(f'TypeError: "{MASK}"yyy')
        assert len(failure) < 2100
        (failed,) = [each for each in it.events if isinstance(each, BreakpointFailed)]
        assert failed.message == failure


class Alone(Handler):
    """A condition that takes a second, and bears no other call meanwhile, as a guest does."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.begins_seconds = 0.0

    async def initialize(self) -> Outcome:
        await trio.sleep(self.begins_seconds)
        return Outcome()

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.calls.append("begun")
        await trio.sleep(1)
        self.calls.append("ended")
        return [Outcome(((0, message.value),)) for message in batch]

    async def cleanup(self) -> Outcome:
        self.calls.append("closed")
        return Outcome()


def condition_of(alone: Alone) -> dict[str, Component]:
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"),))
    definition = ComponentDefinition("c", "c", "1.0.0", ports, Code("builtin"))
    return {"symbia.core.filter": Builtin(definition, lambda _: alone)}


async def test_a_condition_is_closed_when_nobody_asks_it_any_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Who is asking when its breakpoint is removed has an answer; who comes then has none."""
    del autojump_clock
    alone = Alone()
    async with open_debugged(document({"a": "forward"}), more=condition_of(alone)) as it:
        stop = await it.set(on="error", when="value")
        ask = it.debugger._breakpoints[stop].condition
        assert ask is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask.judge, [b"1"])
            await trio.sleep(0.5)
            nursery.start_soon(it.debugger.remove, stop)
            await trio.sleep(0.1)
            nursery.start_soon(ask.judge, [b"2"])
        assert alone.calls == ["begun", "ended", "closed"]
        assert await ask.judge([b"3"]) == [False]


async def test_who_goes_while_a_condition_is_opened_or_closed_leaves_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """No guest, no memory, and no breakpoint."""
    del autojump_clock
    alone = Alone()
    async with open_debugged(document({"a": "forward"}), more=condition_of(alone)) as it:
        alone.begins_seconds = 1.0
        with trio.move_on_after(0.5) as gone:
            await it.set(node="a", when="value")
        assert (gone.cancelled_caught, alone.calls, it.debugger.all()) == (True, ["closed"], [])
        alone.calls.clear()
        alone.begins_seconds = 0.0
        stop = await it.set(node="a", when="value")
        await inject(it.execution, "a:in", 1)
        await trio.sleep(0.5)
        with trio.move_on_after(0.1):
            await it.debugger.remove(stop)
        assert (alone.calls, it.debugger.all()) == (["begun", "ended", "closed"], [])
        await it.execution.wait_quiescent()
        assert it.journal.values("a") == [1]
