"""The nodes that hold an execution up: ranked, with the cause, the trend and where the time goes."""

import pytest
import trio
import trio.testing

from engine.cooperative.slices import at_once
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.execution.obstacles import _shares
from engine.limits import EngineLimits
from proto.bottleneck import BottleneckReport, NodeTime, Obstacle
from tests.engine.executions import document, inject, node, open_execution, policed
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

ONE = EngineLimits(batch_messages=1)
SLOW = document(
    {"a": "forward", "b": "forward", "c": node("slow", config={"seconds": 0.5}, inbox={"capacity": 2})},
    ["a:out > b:in", "b:out > c:in"],
)


def report_of(execution: Execution) -> BottleneckReport:
    return at_once(execution.read_bottlenecks())


def first_of(execution: Execution) -> Obstacle:
    return report_of(execution).bottlenecks[0]


def time_of(report: BottleneckReport, node_id: str) -> NodeTime:
    return next(each for each in report.nodes if each.node_id == node_id)


async def test_a_slow_node_is_named_before_those_that_wait_for_it() -> None:
    """With its cause, the evidence, and where everybody's time goes; the shares of each node add up to 1."""
    async with open_execution(SLOW, Journal(), limits=ONE) as execution:
        await inject(execution, "a:in", *range(12))
        await trio.sleep(3.25)
        report = report_of(execution)
        culprit, victim, *_ = report.bottlenecks
        assert (culprit.rank, culprit.node_id, culprit.cause) == (1, "c", "code")
        assert culprit.reason.startswith("Its own code: it is at work 100% of the time, 50")
        assert (culprit.evidence.queued_messages, culprit.evidence.capacity) == (2, 2)
        assert culprit.evidence.sources_blocked_share == pytest.approx(1, abs=0.01)
        assert culprit.evidence.call_seconds == pytest.approx(0.25)
        assert (victim.node_id, victim.cause, victim.evidence.waits_for) == ("b", "downstream", "c")
        assert "for room before c" in victim.reason
        assert time_of(report, "b").blocked == pytest.approx(1, abs=0.01)
        assert time_of(report, "c").computing == 1
        assert time_of(report, "a").waiting == pytest.approx(1, abs=0.01)
        for each in report.nodes:
            assert each.computing + each.blocked + each.held + each.waiting == pytest.approx(1)
        assert report.window_seconds == 3.25


async def test_a_call_that_has_not_ended_counts() -> None:
    """A node that works on its first message is the one to look at, also where nobody waits for it yet."""
    graph = document({"a": node("slow", config={"seconds": 100})})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(20)
        obstacle = first_of(execution)
        assert (obstacle.node_id, obstacle.cause) == ("a", "code")
        assert "calls under way have lasted 20.0 s" in obstacle.reason
        assert time_of(report_of(execution), "a").computing == 1


async def test_who_asks_again_is_told_of_the_last_seconds() -> None:
    """The window begins with an earlier question, and the trend is that of what waits since then."""
    graph = document({"c": node("slow", config={"seconds": 1})})
    async with open_execution(graph, Journal(), limits=ONE) as execution:
        await inject(execution, "c:in", *range(21))
        await trio.sleep(0.5)
        assert first_of(execution).trend == "worse"
        await trio.sleep(10)
        report_of(execution)
        await trio.sleep(5)
        report = report_of(execution)
        assert report.window_seconds == 15
        assert report.bottlenecks[0].trend == "better"
        assert report.bottlenecks[0].evidence.done_per_second == 1
        await inject(execution, "c:in", *range(5))
        await trio.sleep(5)
        report = report_of(execution)
        assert (report.window_seconds, report.bottlenecks[0].trend) == (10, "better")
        await inject(execution, "c:in", *range(20))
        await trio.sleep(5)
        assert first_of(execution).trend == "worse"


async def test_what_somebody_holds_is_nobodys_fault() -> None:
    """Neither that of the node before which it is held, nor of a paused execution's nodes."""
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        execution.edge_control.hold(Queue(1, 0))
        await inject(execution, "a:in", 1, 2, 3)
        await trio.sleep(2)
        report = report_of(execution)
        (obstacle,) = report.bottlenecks
        assert (obstacle.node_id, obstacle.cause) == ("b", "held")
        assert obstacle.reason.startswith("Somebody holds 3 messages before it.")
        assert time_of(report, "b").held == 1
        execution.edge_control.release(Queue(1, 0))
        await execution.wait_quiescent()
        await trio.sleep(2)
        report_of(execution)
        await trio.sleep(2)
        assert report_of(execution).bottlenecks == ()


async def test_a_paused_execution_is_held() -> None:
    """By somebody, and by no code."""
    async with open_execution(SLOW, Journal(), limits=ONE) as execution:
        await inject(execution, "a:in", *range(12))
        await trio.sleep(1.25)
        await execution.pause()
        obstacle = first_of(execution)
        assert (obstacle.node_id, obstacle.cause) == ("c", "held")
        assert obstacle.reason.startswith("The execution is paused.")
        await execution.resume()


async def test_a_node_that_waits_for_another_attempt_rests() -> None:
    """Messages wait before it although it does nothing."""
    graph = document({"a": node("throw", onError="retry", retry={"maxAttempts": 2, "backoffMs": 3_600_000})})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", *range(900))
        await trio.sleep(5)
        obstacle = first_of(execution)
        assert (obstacle.node_id, obstacle.cause) == ("a", "queue")
        assert obstacle.reason.startswith("It rests 100% of the time")


async def test_few_messages_that_wait_where_nothing_ends_are_told() -> None:
    """However much room there is."""
    graph = document({"a": node("throw", onError="retry", retry={"maxAttempts": 2, "backoffMs": 3_600_000})})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1, 2, 3)
        await trio.sleep(5)
        report_of(execution)
        await trio.sleep(5)
        report_of(execution)
        await trio.sleep(5)
        obstacle = first_of(execution)
        assert (obstacle.node_id, obstacle.cause, obstacle.evidence.queued_messages) == ("a", "queue", 2)


async def test_an_edge_that_is_full_is_enough() -> None:
    """A node is as full as the fullest of its queues."""
    nodes = {"a": "forward", "b": "forward", "c": node("slow", config={"seconds": 0.5})}
    policy = {"capacity": 2, "overflow": "drop-newest"}
    graph = policed(nodes, "a:out > c:in", "b:out > c:in", policies={0: policy})
    async with open_execution(graph, Journal(), limits=ONE) as execution:
        await inject(execution, "a:in", *range(9))
        await trio.sleep(0.75)
        assert first_of(execution).severity >= 0.25


async def test_where_nobody_waits_nothing_is_named() -> None:
    """The nodes' time is told all the same."""
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(5)
        report = report_of(execution)
        assert (report.bottlenecks, time_of(report, "a").waiting) == ((), 1)


@pytest.mark.parametrize(
    ("given", "shares"),
    [
        ((0.0, 0.0, 0.0), (0, 0, 0, 1)),
        ((0.3, 0.2, 0.0), (0.3, 0.2, 0, 0.5)),
        ((0.3, 0.2, 1.0), (0.3, 0.2, 0.5, 0)),
        ((1.7, 0.9, 1.0), (1, 0, 0, 0)),
        ((0.6, 0.9, 0.0), (0.6, 0.4, 0, 0)),
    ],
)
def test_shares_add_up(given: tuple[float, float, float], shares: tuple[float, ...]) -> None:
    """What is sure goes first, and waiting is the rest."""
    time = _shares("a", *given)
    assert (time.computing, time.blocked, time.held, time.waiting) == pytest.approx(shares)
