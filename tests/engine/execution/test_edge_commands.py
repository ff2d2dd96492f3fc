"""Commands to edges: what becomes of the messages, of the order, and of the books."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
import trio.testing

from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.contracts.handler import NO_EDGE, Message, SyntheticMessage
from engine.contracts.observer import ExecutionObserver
from engine.errors import (
    EdgeCommandError,
    HeldEdgesError,
    IllegalTransitionError,
    InboxFullError,
    InputsClosedError,
    WaitingNotFoundError,
)
from engine.execution import edge_commands
from engine.execution.edge_commands import EdgeCommands, recorded
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.execution.inbox import Inbox
from engine.limits import EngineLimits
from proto.edge import DropReason
from proto.edge_command import End, Insert, Move
from proto.edge_events import EdgeDropped, EdgeEvent, EdgePaused, EdgeRedirected
from proto.events import ControlEvent
from proto.execution import ExecutionState
from tests.engine.executions import Tap, document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

GRAPH = document(
    {
        "a": "forward",
        "b": "forward",
        "c": "forward",
        "d": node("forward", inbox={"capacity": 5}),
        "e": "forward",
    },
    ["a:out > c:in", "b:out > d:in", "c:out > e:in", "d:out > e:in"],
)


class Watcher(ExecutionObserver):
    """Keeps what it hears of edges and drops."""

    def __init__(self) -> None:
        self.changes: list[EdgeEvent] = []
        self.drops: list[tuple[str, int]] = []

    def happened(self, execution_id: str, event: ControlEvent) -> None:
        assert isinstance(event, EdgeEvent)
        assert event.execution_id == execution_id
        self.changes.append(event)

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        del execution_id, reason
        self.drops.append((node_id, count))


class Scene(NamedTuple):
    """An execution of which the edges before c and d are held: 10, 11 and 12 wait on the first."""

    execution: Execution
    commands: EdgeCommands
    journal: Journal
    watcher: Watcher
    held: Queue
    other: Queue

    def values(self, queue: Queue | None = None) -> list[Any]:
        """What waits on the first held edge, or on another."""
        return [msgspec.json.decode(each.value) for each in self.commands.waiting(queue or self.held)]

    def number(self, value: int) -> int:
        """The number of the message with a value."""
        return next(each.sequence for each in self.commands.waiting(self.held) if each.value == b"%d" % value)

    async def complete(self, accepted: int) -> list[Any]:
        """Let all go to the end, look at the books, and return what came out at c."""
        self.commands.resume(self.held)
        self.commands.resume(self.other)
        self.execution.complete()
        await self.execution.finished.wait()
        assert self.execution.state is ExecutionState.COMPLETED
        snapshot, statistics = self.execution.snapshot(), self.execution.statistics()
        entered = accepted + sum(edge.sent for edge in statistics.edges)
        metrics = snapshot.metrics
        assert entered == metrics.messages_processed + metrics.messages_dropped + snapshot.unprocessed
        assert [edge.queued for edge in statistics.edges] == [0, 0, 0, 0]
        assert all(type(inbox) is Inbox for inbox in self.execution.shared.inboxes)
        return self.journal.values("c")


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    """The scene."""
    journal, watcher = Journal(), Watcher()
    async with open_execution(GRAPH, journal, observers=[watcher]) as execution:
        held, other = (Queue(execution.graph.index_of[name], edge) for name, edge in (("c", 0), ("d", 1)))
        commands = execution.edge_commands
        commands.pause(held)
        commands.pause(other)
        await inject(execution, "a:in", 10, 11, 12)
        await trio.testing.wait_all_tasks_blocked()
        watcher.changes.clear()
        yield Scene(execution, commands, journal, watcher, held, other)


async def test_dropped_messages_are_counted_reported_and_never_seen() -> None:
    """Like those that an inbox has no room for."""
    async with open_scene() as scene:
        dropped = scene.commands.drop(scene.held, lambda message: message.value != b"11")
        assert [message.value for message in dropped] == [b"10", b"12"]
        assert scene.watcher.drops == [("c", 2)]
        assert scene.execution.statistics().edges[0].dropped == 2
        assert await scene.complete(3) == [11]


async def test_an_edited_message_keeps_its_place_and_its_number() -> None:
    """Its node sees the new value only."""
    async with open_scene() as scene:
        number = scene.number(11)
        edited = scene.commands.edit(scene.held, number, b'"new"')
        assert (edited.sequence, edited.edge) == (number, 0)
        assert await scene.complete(3) == [10, "new", 12]


@pytest.mark.parametrize(("to", "order"), [("first", [12, 10, 11]), ("last", [10, 11, 12])])
async def test_a_moved_message_is_the_first_or_the_last(to: End, order: list[int]) -> None:
    """The others keep their order."""
    async with open_scene() as scene:
        scene.commands.move(scene.held, Move(scene.number(12), to))
        assert scene.values() == order
        assert await scene.complete(3) == order


@pytest.mark.parametrize(("at", "order"), [("first", [0, 10, 11, 12]), ("last", [10, 11, 12, 0])])
async def test_an_inserted_message_is_sent_along_its_edge_and_marked(at: End, order: list[int]) -> None:
    """Whoever watches hears of it as of a value of its source; it is in flight."""
    async with open_scene() as scene:
        tap = Tap()
        scene.execution.add_flow_observer(tap)
        before = scene.execution.shared.in_flight.count
        message = scene.commands.insert(scene.held, Insert(msgspec.Raw(b"0"), at))
        assert isinstance(message, SyntheticMessage)
        assert scene.execution.shared.in_flight.count == before + 1
        assert tap.hops == [("a", "out", "c", "in", b"0")]
        assert await scene.complete(3) == order


async def test_messages_that_are_led_to_another_edge_arrive_there_and_are_counted_there() -> None:
    """Behind those that wait there, with their numbers."""
    async with open_scene() as scene:
        await inject(scene.execution, "b:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        led = scene.commands.redirect(scene.held, scene.other, lambda message: message.value != b"11")
        assert [message.value for message in led] == [b"10", b"12"]
        assert (scene.values(), scene.values(scene.other)) == ([11], [1, 10, 12])
        sent = [edge.sent for edge in scene.execution.statistics().edges]
        assert sent == [1, 3, 0, 0]
        assert await scene.complete(4) == [11]
        assert scene.journal.values("d") == [1, 10, 12]


async def test_as_many_are_led_as_the_other_edge_has_room_for() -> None:
    """The others stay, in their order."""
    async with open_scene() as scene:
        await inject(scene.execution, "b:in", 1, 2, 3)
        await trio.testing.wait_all_tasks_blocked()
        led = scene.commands.redirect(scene.held, scene.other, lambda _: True)
        assert [message.value for message in led] == [b"10", b"11"]
        assert (scene.values(), scene.values(scene.other)) == ([12], [1, 2, 3, 10, 11])
        with pytest.raises(InboxFullError):
            scene.commands.insert(scene.other, Insert(msgspec.Raw(b"0")))
        assert await scene.complete(6) == [12]


async def test_what_waits_on_an_edge_that_nobody_holds_is_changed_as_well() -> None:
    """And its inbox is an ordinary one before and after; what is injected is an edge, too."""
    gated = document({"a": "gated"})
    journal = Journal()
    async with open_execution(gated, journal) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 2, 3, 4)
        commands, queue = execution.edge_commands, Queue(0, NO_EDGE)
        two, _, four = commands.waiting(queue)
        commands.edit(queue, two.sequence, b"20")
        commands.move(queue, Move(four.sequence, "first"))
        commands.drop(queue, lambda message: message.value == b"3")
        assert type(execution.shared.inboxes[0]) is Inbox
        assert commands.name(queue) == "input:a"
        journal.gate("a").set()
        await execution.wait_quiescent()
    assert journal.values("a") == [1, 4, 20]


async def test_each_command_is_told_and_changes_the_tag_of_its_edge() -> None:
    """Only commands that have done something."""
    async with open_scene() as scene:
        commands, held = scene.commands, scene.held
        tags = {commands.state_of(held).tag}
        deeds: list[Callable[[], object]] = [
            lambda: commands.step(held, 1),
            lambda: commands.edit(held, scene.number(11), b"5"),
            lambda: commands.insert(held, Insert(msgspec.Raw(b"6"))),
            lambda: commands.move(held, Move(scene.number(5), "last")),
            lambda: commands.redirect(held, scene.other, lambda message: message.value == b"5"),
            lambda: commands.drop(held, lambda message: message.value == b"12"),
            lambda: commands.resume(held),
            lambda: commands.pause(held),
        ]
        for deed in deeds:
            deed()
            tags.add(commands.state_of(held).tag)
        commands.pause(held)
        commands.drop(held, lambda _: False)
        assert len(tags) == len(deeds) + 1
        assert [change.name for change in scene.watcher.changes] == [
            "edge:stepped",
            "edge:edited",
            "edge:inserted",
            "edge:moved",
            "edge:redirected",
            "edge:dropped",
            "edge:resumed",
            "edge:paused",
        ]
        redirected = scene.watcher.changes[4]
        assert isinstance(redirected, EdgeRedirected)
        assert (redirected.edge, redirected.node_id, redirected.messages, redirected.to) == ("0", "c", 1, "1")


async def test_what_cannot_be_done_is_refused_and_changes_nothing() -> None:
    """A message that does not wait, a step where nothing is held, an edge to itself, an edge too many."""
    async with open_scene() as scene:
        commands, held = scene.commands, scene.held
        tag = commands.state_of(held).tag
        free = Queue(scene.execution.graph.index_of["e"], 2)
        for deed, error in (
            (lambda: commands.edit(held, 999, b"1"), WaitingNotFoundError),
            (lambda: commands.move(held, Move(999, "last")), WaitingNotFoundError),
            (lambda: commands.step(free, 1), EdgeCommandError),
            (lambda: commands.redirect(held, held, lambda _: True), EdgeCommandError),
            (lambda: commands.redirect(held, Queue(0, NO_EDGE), lambda _: True), EdgeCommandError),
            (lambda: commands.insert(Queue(0, NO_EDGE), Insert(msgspec.Raw(b"0"))), EdgeCommandError),
        ):
            with pytest.raises(error):
                deed()
        assert scene.values() == [10, 11, 12]
        assert commands.state_of(held).tag == tag
        assert await scene.complete(3) == [10, 11, 12]


async def test_no_more_edges_are_held_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a queue of its own; one that is held already is held on."""
    monkeypatch.setattr(edge_commands, "HELD_EDGES", 2)
    async with open_scene() as scene:
        scene.commands.pause(scene.held)
        with pytest.raises(HeldEdgesError):
            scene.commands.pause(Queue(scene.execution.graph.index_of["e"], 2))
        assert await scene.complete(3) == [10, 11, 12]


async def test_nothing_is_put_onto_an_edge_when_everything_is_done() -> None:
    """Nodes may have said their last word; before that, also of an execution that takes no more input."""
    async with open_scene() as scene:
        scene.execution.complete()
        await trio.testing.wait_all_tasks_blocked()
        scene.commands.insert(scene.held, Insert(msgspec.Raw(b"1")))
        scene.commands.drop(scene.held, lambda _: True)
        with pytest.raises(InputsClosedError):
            scene.commands.insert(scene.held, Insert(msgspec.Raw(b"2")))
        await scene.execution.finished.wait()
        with pytest.raises(IllegalTransitionError):
            scene.commands.pause(scene.held)
    assert scene.execution.state is ExecutionState.COMPLETED


async def test_a_paused_execution_takes_commands_to_its_edges() -> None:
    """They are done while nothing runs, and seen when it goes on."""
    async with open_scene() as scene:
        await scene.execution.pause()
        scene.commands.edit(scene.held, scene.number(10), b"1")
        scene.commands.resume(scene.held)
        await trio.testing.wait_all_tasks_blocked()
        assert scene.journal.values("c") == []
        await scene.execution.resume()
        assert await scene.complete(3) == [1, 11, 12]


async def test_items_of_an_array_are_edited_and_dropped_but_none_is_put_among_them() -> None:
    """What lies between is of an item; the array is put together without what was dropped."""
    graph = document(
        {"x": "symbia.core.each", "m": "forward", "y": "symbia.core.gather"}, ["x:out > m:in", "m:out > y:in"]
    )
    more = {each.definition.id: each for each in (EACH, GATHER)}
    tap = Tap()
    async with open_execution(graph, Journal(), more=more) as execution:
        execution.add_flow_observer(tap)
        commands, queue = execution.edge_commands, Queue(execution.graph.index_of["m"], 0)
        commands.pause(queue)
        await inject(execution, "x:in", [1, 2, 3])
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(EdgeCommandError):
            commands.insert(queue, Insert(msgspec.Raw(b"0")))
        with pytest.raises(EdgeCommandError):
            commands.redirect(queue, Queue(execution.graph.index_of["y"], 1), lambda _: True)

        def is_two(message: Message) -> bool:
            return message.value == b"2"

        commands.drop(queue, is_two)
        (one, _) = commands.waiting(queue)
        commands.edit(queue, one.sequence, b"100")
        commands.resume(queue)
        execution.complete()
        await execution.finished.wait()
    assert [msgspec.json.decode(value) for _, _, value in tap.outputs] == [[100, 3]]


async def test_what_has_stepped_and_not_been_taken_is_neither_dropped_nor_changed() -> None:
    """It has been let through: commands concern what is held, and count nothing twice."""
    journal = Journal()
    async with open_execution(document({"a": "gated"}), journal) as execution:
        commands, queue = execution.edge_commands, Queue(0, NO_EDGE)
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        commands.pause(queue)
        await inject(execution, "a:in", 2, 3, 4)
        (two,) = commands.step(queue, 1)
        assert [each.value for each in commands.waiting(queue)] == [b"3", b"4"]
        with pytest.raises(WaitingNotFoundError):
            commands.edit(queue, two.sequence, b"20")
        commands.drop(queue, lambda _: True)
        assert execution.shared.in_flight.count == 2
        commands.resume(queue)
        journal.gate("a").set()
        await execution.wait_quiescent()
    assert journal.values("a") == [1, 2]


def test_a_recording_says_what_was_commanded() -> None:
    """The edge, the messages, and the edge that they were led to; of many, the first ones."""
    led = EdgeRedirected("x", "priced", 3, "store", 2, (7, 8), "late", 4)
    assert recorded(led) == "edge:redirected priced to late: 7, 8"
    assert recorded(EdgePaused("x", "priced", 3, "store", 0, ())) == "edge:paused priced"
    many = EdgeDropped("x", "3", 3, "store", 23, tuple(range(1, 24)))
    assert recorded(many).endswith("19, 20 and 3 more")


async def test_an_edge_that_a_breakpoint_holds_can_be_held_by_hand_as_well() -> None:
    """Then it is held on when the breakpoint lets go."""
    async with open_scene() as scene:
        control, queue = scene.execution.edge_control, Queue(scene.execution.graph.index_of["e"], 2)
        control.inbox(queue.node).hold(queue.edge)
        scene.commands.pause(queue)
        assert [change.name for change in scene.watcher.changes] == ["edge:paused"]
        control.release_judged(queue)
        assert control.is_held(queue)
        scene.commands.resume(queue)
        assert not control.is_held(queue)
        assert await scene.complete(3) == [10, 11, 12]


async def test_a_value_grows_as_far_as_an_injection_would_be_taken() -> None:
    """Beyond that it is refused, and what waits stays as it is."""
    limits = EngineLimits(inbox_bytes=100)
    async with open_execution(GRAPH, Journal(), limits=limits) as execution:
        commands, held = execution.edge_commands, Queue(execution.graph.index_of["c"], 0)
        commands.pause(held)
        await inject(execution, "a:in", 1, 2)
        await trio.testing.wait_all_tasks_blocked()
        first, second = [message.sequence for message in commands.waiting(held)]
        commands.edit(held, first, b'"%s"' % (b"x" * 90))
        with pytest.raises(InboxFullError):
            commands.edit(held, second, b'"%s"' % (b"x" * 90))
        assert [len(message.value) for message in commands.waiting(held)] == [92, 1]
        commands.edit(held, first, b"3")
        assert [message.value for message in commands.waiting(held)] == [b"3", b"2"]
