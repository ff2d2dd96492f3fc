"""Breakpoints before a node: on an edge, and on all that comes to a node."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, Message, Outcome
from engine.debugging.debugger import recorded
from engine.errors import InboxFullError, InvalidBreakpointError, NothingHeldError, VerbRefusedError
from engine.execution.inbox import Inbox
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, Ports
from proto.execution import ExecutionState
from tests.engine.debugging.debugged import FORK, Debugged, open_debugged
from tests.engine.executions import document, inject, node
from tests.engine.handlers import Journal, Witness


async def put(debugged: Debugged, place: str, *values: Any) -> None:
    """Inject, and wait until nothing moves."""
    await inject(debugged.execution, place, *values)
    await trio.testing.wait_all_tasks_blocked()


async def test_an_edge_stops_and_the_others_of_its_node_go_on() -> None:
    """The message is seen before its node has it; continue lets it go, and the next one is held."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=2)
        await put(it, "a:in", 1, 2)
        assert it.journal.values("d") == [1, 2]
        (held,) = it.held(stop)
        assert (held.node, held.port, held.edge, held.on) == ("d", "in", "2", "input")
        assert held.verbs == ("continue", "step", "next", "edit", "drop", "skip")
        await it.obey(stop, "continue")
        assert it.values(stop) == [2]
        await it.obey(stop, "continue")
        assert (it.values(stop), it.debugger.one(stop).hits) == ([], 2)
        assert sorted(it.journal.values("d")) == [1, 1, 2, 2]
        assert it.heard == ["breakpoint:set", *(["breakpoint:hit", "breakpoint:released"] * 2)]
        told = [recorded(event) for event in it.events]
        assert told[:3] == [
            "breakpoint:set b1",
            f"breakpoint:hit b1: input of d, {held.sequence}, held as {held.hold}",
            f"breakpoint:released b1: {held.hold}, continue",
        ]
        await it.debugger.remove(stop)
        assert all(type(inbox) is Inbox for inbox in it.execution.shared.inboxes)


async def test_a_node_stops_with_all_its_edges_and_injections() -> None:
    """One at a time, along every edge in the order in which they came."""
    async with open_debugged(FORK) as it:
        stop = await it.set(node="d")
        await put(it, "a:in", 1)
        await put(it, "d:in", 7)
        assert len(it.held(stop)) == 1
        assert not it.journal.values("d")
        seen = []
        while it.held(stop):
            seen += it.values(stop)
            await it.obey(stop, "continue")
        assert sorted(seen) == [1, 1, 7]
        assert it.journal.values("d") == seen


async def test_the_whole_execution_stops_and_goes_on_with_the_message() -> None:
    """With the scope execution it is paused, and resumed by what lets the message go."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=2, scope="execution")
        await put(it, "a:in", 1)
        assert it.execution.state == ExecutionState.PAUSED.value
        await it.obey(stop, "continue")
        assert it.execution.state == ExecutionState.RUNNING.value
        assert it.journal.values("d") == [1, 1]


async def test_an_action_other_than_hold_lets_the_message_pass() -> None:
    """``log`` writes a line, ``snapshot`` keeps what the node has, ``pause`` pauses before the node sees it."""
    async with open_debugged(FORK) as it:
        logs = await it.set(node="b", action="log")
        pictures = await it.set(node="d", port="in", action="snapshot")
        await put(it, "a:in", 5)
        assert [entry.message for entry in it.execution.logs()] == [f"Breakpoint {logs}, input: 5"]
        (hit,) = it.debugger.one(pictures).recent
        assert hit.picture is not None
        assert hit.picture.waiting["2"] == 1
        pauses = await it.set(node="a", action="pause")
        await put(it, "a:in", 6)
        assert it.execution.state is ExecutionState.PAUSED
        assert it.journal.values("a") == [5]
        await it.execution.resume()
        await it.execution.wait_quiescent()
        assert it.journal.values("a") == [5, 6]
        assert (it.debugger.one(pauses).hits, it.held(pauses)) == (1, ())


async def test_the_first_ones_pass_where_it_is_to_stop_after_some() -> None:
    """``after: 2`` holds the third."""
    async with open_debugged(FORK) as it:
        stop = await it.set(node="b", after=2)
        await put(it, "a:in", 1, 2, 3, 4)
        assert it.values(stop) == [3]
        assert (it.debugger.one(stop).passed, it.debugger.one(stop).hits) == (2, 1)


async def test_a_step_goes_through_the_node_and_stops_behind_it() -> None:
    """With what it emitted in hand; nothing has left, and the next message waits."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1, 2)
        await it.obey(stop, "step")
        (behind,) = it.held(stop)
        assert (behind.on, behind.node, behind.emitted, it.values(stop)) == ("step", "b", 1, [1])
        assert behind.verbs == ("continue", "next", "drop")
        assert it.journal.values("b") == [1]
        assert it.journal.values("d") == [1, 2]  # by way of c
        await it.obey(stop, "continue")
        assert sorted(it.journal.values("d")) == [1, 1, 2]
        assert (it.held(stop)[0].on, it.values(stop)) == ("input", [2])


async def test_a_step_to_the_next_node_stops_before_that() -> None:
    """And from there to the one behind it; a step out of the graph ends nowhere."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        await it.obey(stop, "next")
        (held,) = it.held(stop)
        assert (held.on, held.node, held.edge) == ("step", "d", "2")
        await put(it, "a:in", 2)
        assert it.values(stop) == [1, 2]  # another one is held where the breakpoint is, and none by the step
        await it.obey(stop, "next", hold=held.hold)
        assert it.values(stop) == [2]
        assert sorted(it.journal.values("d")) == [1, 1, 2]


async def test_an_edited_value_is_what_its_node_sees() -> None:
    """It stays held with it, until it is let go."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        after = await it.obey(stop, "edit", value=b'{"new": true}')
        assert (bytes(after.held[0].value), after.held[0].edited) == (b'{"new": true}', True)
        assert not it.journal.values("b")
        await it.obey(stop, "continue")
        assert it.journal.values("b") == [{"new": True}]


async def test_a_dropped_message_is_counted_and_never_seen() -> None:
    """Nothing is unaccounted for: the execution comes to rest, and completes."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1, 2)
        await it.obey(stop, "drop")
        assert it.values(stop) == [2]
        await it.obey(stop, "drop")
        assert not it.journal.values("b")
        it.execution.complete()
        await it.execution.finished.wait()
        metrics = it.execution.snapshot().metrics
        assert (metrics.messages_processed, metrics.messages_dropped) == (6, 2)
        assert it.execution.snapshot().unprocessed == 0


async def test_a_skipped_message_goes_past_its_node() -> None:
    """Its value leaves by the node's output; the handler never sees it."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        await it.obey(stop, "skip")
        assert not it.journal.values("b")
        assert it.journal.values("d") == [1, 1]


async def test_what_is_let_go_with_its_edge_is_held_no_more() -> None:
    """Whoever resumes the edge has answered; the breakpoint stays for the next one."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1, 2)
        control = it.execution.edge_control
        control.release(control.held()[0])
        await trio.testing.wait_all_tasks_blocked()
        assert it.journal.values("b") == [1]
        assert it.values(stop) == [2]


async def test_an_edge_that_somebody_holds_by_name_stays_held() -> None:
    """Letting the message go ends what the breakpoint holds, and nobody else's hold."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        control = it.execution.edge_control
        (queue,) = control.held()
        control.hold(queue)
        await it.obey(stop, "continue")
        assert not it.journal.values("b")
        control.release(queue)
        await trio.testing.wait_all_tasks_blocked()
        assert it.journal.values("b") == [1]


async def test_what_is_held_goes_on_where_its_breakpoint_is_removed() -> None:
    """As where the execution drains; a stop counts it as unprocessed."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        await it.debugger.remove(stop)
        await it.execution.wait_quiescent()
        assert it.journal.values("b") == [1]
        await it.set(node="b")
        await put(it, "a:in", 2)
        await it.execution.stop(drain=True)
        assert it.execution.state is ExecutionState.COMPLETED
        assert it.journal.values("b") == [1, 2]


async def test_a_stop_cuts_off_what_is_held() -> None:
    """Before its node, and behind it: each once."""
    async with open_debugged(FORK) as it:
        first, second = await it.set(edge=0), await it.set(edge=1)
        await put(it, "a:in", 1)
        await it.obey(first, "step")
        assert len(it.held(first)) == len(it.held(second)) == 1
        await it.execution.stop(drain=False)
        assert it.execution.snapshot().unprocessed == 2


async def test_a_verb_needs_something_held_that_takes_it() -> None:
    """Two people who let the same message go: the second one hears of it."""
    async with open_debugged(FORK) as it:
        stop = await it.set(edge=0)
        with pytest.raises(NothingHeldError):
            await it.obey(stop, "continue")
        await put(it, "a:in", 1, 2)
        first = it.held(stop)[0].hold
        await it.obey(stop, "continue", hold=first)
        with pytest.raises(NothingHeldError):
            await it.obey(stop, "continue", hold=first)
        with pytest.raises(VerbRefusedError, match="retry"):
            await it.obey(stop, "retry")
        with pytest.raises(VerbRefusedError, match="new value"):
            await it.obey(stop, "edit")
        with pytest.raises(VerbRefusedError, match="out"):
            await it.obey(stop, "skip", port="nowhere")
        assert it.values(stop) == [2]


async def test_a_full_edge_blocks_its_source_while_a_message_is_held() -> None:
    """What is held is bounded as the inbox is."""
    graph = document({"a": "forward", "b": node("forward", inbox={"capacity": 2})}, ["a:out > b:in"])
    async with open_debugged(graph) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", *range(6))
        assert len(it.execution.shared.inboxes[1]) < 6
        assert it.execution.shared.edges[0].blocked_until(trio.current_time() + 1) > 0
        while it.held(stop):
            await it.obey(stop, "continue")
        assert it.journal.values("b") == list(range(6))


async def test_what_is_taken_away_by_hand_holds_its_node_no_more() -> None:
    """A message that is dropped, or let through, by a command to its edge: what stood behind it goes on."""
    async with open_debugged(FORK) as it:
        stop = await it.set(node="d")
        await put(it, "a:in", 1, 2)
        (first,) = it.held(stop)
        commands, control = it.execution.edge_commands, it.execution.edge_control
        held = next(queue for queue in control.held() if control.names[queue.edge] == first.edge)
        commands.drop(held, lambda message: message.sequence == first.sequence)
        await trio.testing.wait_all_tasks_blocked()
        assert it.heard.count("breakpoint:released") == 1
        (second,) = it.held(stop)
        commands.step(next(queue for queue in control.held() if control.names[queue.edge] == second.edge), 1)
        await trio.testing.wait_all_tasks_blocked()
        assert len(it.journal.values("d")) == 1
        assert it.heard.count("breakpoint:released") == 2
        await it.debugger.remove(stop)
        await it.execution.wait_quiescent()
        assert len(it.journal.values("d")) == 3


async def test_a_node_with_many_edges_is_stopped_without_holding_each() -> None:
    """Those along which nothing comes are not touched: a node may have ten thousand."""
    sources = [f"s{index}" for index in range(50)]
    nodes = {**dict.fromkeys(sources, "forward"), "end": "forward"}
    graph = document(nodes, [f"{source}:out > end:in" for source in sources])
    async with open_debugged(graph) as it:
        stop = await it.set(node="end")
        for source in ("s0", "s1", "s2"):
            await put(it, f"{source}:in", source)
        assert it.values(stop) == ["s0"]
        assert len(it.execution.edge_control.held()) == 3
        for _ in range(3):
            await it.obey(stop, "continue")
        assert it.journal.values("end") == ["s0", "s1", "s2"]


class Slow(Handler):
    """A condition that takes a second, and holds."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        await trio.sleep(1)
        return [Outcome(((0, message.value),)) for message in batch]


@pytest.mark.parametrize("wanted", [{"node": "b"}, {"node": "a", "on": "output"}, {"edge": 2}])
async def test_what_was_being_judged_when_its_breakpoint_went_is_not_held(
    wanted: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """A condition takes its time; nobody could let go what is held for a breakpoint that is no more."""
    del autojump_clock
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"),))
    slow = Builtin(ComponentDefinition("slow", "slow", "1.0.0", ports, Code("builtin")), lambda _: Slow())
    async with open_debugged(FORK, more={"symbia.core.filter": slow}) as it:
        stop = await it.set(**wanted, when="true")
        await inject(it.execution, "a:in", 1)
        await trio.sleep(0.5)
        await it.debugger.remove(stop)
        await it.execution.wait_quiescent()
        assert it.journal.values("d") == [1, 1]


async def test_an_edited_value_fits_the_schema_of_its_port() -> None:
    """One that does not is refused, and the message stays as it was."""
    ports = Ports(inputs=(Port("in", schema={"type": "number"}),), outputs=(Port("out"),))
    definition = ComponentDefinition("typed", "typed", "1.0.0", ports, Code("builtin"), stateless=True)
    typed = Builtin(definition, lambda context: Witness(context, journal))
    journal = Journal()
    graph = document({"a": "forward", "t": node("typed", validate=True)}, ["a:out > t:in"])
    async with open_debugged(graph, more={"typed": typed}) as it:
        stop = await it.set(edge=0)
        await put(it, "a:in", 1)
        with pytest.raises(InvalidBreakpointError, match="number"):
            await it.obey(stop, "edit", value=b'"x"')
        assert it.values(stop) == [1]
        await it.obey(stop, "edit", value=b"2")
        await it.obey(stop, "continue")
        assert journal.values("t") == [2]


async def test_a_larger_value_is_refused_where_there_is_no_room_for_it() -> None:
    """As an injection would be; the message stays as it was."""
    limits = EngineLimits(inbox_bytes=100)
    async with open_debugged(FORK, limits=limits) as it:
        stop = await it.set(edge=2)
        await put(it, "a:in", 1, 2)
        with pytest.raises(InboxFullError):
            await it.obey(stop, "edit", value=b'"%s"' % (b"x" * 100))
        assert it.values(stop) == [1]
        await it.obey(stop, "edit", value=b'"%s"' % (b"x" * 50))
        assert it.values(stop) == ["x" * 50]
