"""Instances: what becomes of errors, in which order values leave, and the lives of handlers."""

from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.contracts.handler import Message
from engine.execution.error_policy import RETRY_AFTER_LIMIT_SECONDS
from engine.limits import EngineLimits
from tests.engine.executions import Listener, Tap, document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

PAIR = ("a:out > b:in",)


async def test_an_error_leaves_on_the_error_port() -> None:
    """What a handler throws leaves on its error port with message, name, stack, node, port and value."""
    journal = Journal()
    graph = document({"a": node("throw", config={"at": [2]}), "e": "forward"}, ["a:error > e:in"])
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:other", 1, 2, 3, final=True)
        await execution.finished.wait()
    assert execution.state == "completed"
    assert execution.snapshot().metrics.error_count == 1
    expected = {
        "message": "cannot take 2",
        "name": "ValueError",
        "stack": "the stack",
        "nodeId": "a",
        "port": "other",
        "value": 2,
    }
    assert journal.values("e") == [expected]


async def test_order_is_kept_around_an_error() -> None:
    """What was emitted before an error leaves before the error, and what follows leaves behind it."""
    tap = Tap()
    graph = document(
        {"a": node("throw", config={"at": [2]}), "e": "forward"}, ["a:out > e:in", "a:error > e:other"]
    )
    async with open_execution(graph, Journal()) as execution:
        execution.add_flow_observer(tap)
        await inject(execution, "a:in", 1, 2, 3, final=True)
        await execution.finished.wait()
    assert [(hop[1], hop[3]) for hop in tap.hops] == [("out", "in"), ("error", "other"), ("out", "in")]
    assert tap.sequences == sorted(tap.sequences)


async def test_an_unconnected_error_fails_the_execution_by_default() -> None:
    """Without an edge at the error port an error ends the execution, and nothing of what follows leaves."""
    journal = Journal()
    graph = document({"a": node("throw", config={"at": [2]}), "b": "forward"}, PAIR)
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1, 2, 3)
        await execution.finished.wait()
    assert execution.state == "failed"
    assert 3 not in journal.values("b")


@pytest.mark.parametrize("asked", [{"onError": "continue"}, {}])
async def test_an_unconnected_error_may_be_passed_over(asked: dict[str, str]) -> None:
    """With ``onError: continue``, and by default in long-lived graphs, one bad message ends nothing."""
    journal, listener = Journal(), Listener()
    role = {} if asked else {"role": "pipeline"}
    graph = document({"a": node("throw", config={"at": [2]}, **asked), "b": "forward"}, PAIR, **role)
    async with open_execution(graph, journal, observers=[listener]) as execution:
        await inject(execution, "a:in", 1, 2, 3, final=True)
        await execution.finished.wait()
    assert execution.state == "completed"
    assert journal.values("b") == [1, 3]
    assert execution.snapshot().metrics.error_count == 1
    assert listener.failures == [("a", "cannot take 2")]


async def test_a_node_may_fail_also_in_a_long_lived_graph() -> None:
    """``onError: fail`` is obeyed where the default would be to go on."""
    graph = document({"a": node("throw", onError="fail")}, role="service")
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1)
        await execution.finished.wait()
    assert execution.state == "failed"


async def test_a_failed_message_is_tried_again_with_growing_patience() -> None:
    """``onError: retry`` waits ``backoffMs``, then twice as long; success leaves in its place in the order."""
    journal = Journal()
    retry = {"maxAttempts": 4, "backoffMs": 100}
    a = node("throw", config={"at": [1], "times": 3}, onError="retry", retry=retry)
    async with open_execution(document({"a": a, "b": "forward"}, PAIR), journal) as execution:
        await inject(execution, "a:in", 1, 2, final=True)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(0.1 + 0.2 + 0.4)
    assert journal.values("b") == [1, 2]


async def test_the_next_message_waits_for_the_last_attempt() -> None:
    """Under ``onError: retry`` a message is through with all its attempts before the next one is begun."""
    journal = Journal()
    retry = {"maxAttempts": 3, "backoffMs": 100}
    a = node("throw", config={"at": [2], "times": 2}, onError="retry", retry=retry)
    async with open_execution(document({"a": a}), journal) as execution:
        await inject(execution, "a:in", 1, 2, 3, 4, final=True)
        await execution.finished.wait()
    assert journal.values("a") == [1, 2, 2, 2, 3, 4], "a component with state must see them in their order"


async def test_retries_are_invocations_of_one_message() -> None:
    """A message that is tried three times is three invocations, two errors, and one message processed."""
    retry = {"maxAttempts": 3, "backoffMs": 1}
    graph = document({"a": node("throw", config={"times": 2}, onError="retry", retry=retry)})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1, final=True)
        await execution.finished.wait()
    metrics = execution.snapshot().metrics
    assert (metrics.component_invocations, metrics.error_count, metrics.messages_processed) == (3, 2, 1)


async def test_what_would_fail_again_is_not_tried_again() -> None:
    """A permanent error takes its way at once, whatever attempts are left."""
    journal = Journal()
    a = node("ask", config={"permanent": True}, onError="retry", retry={"maxAttempts": 9, "backoffMs": 100})
    async with open_execution(document({"a": a, "e": "forward"}, ["a:error > e:in"]), journal) as execution:
        await inject(execution, "a:in", 1, final=True)
        await execution.finished.wait()
        assert trio.current_time() == 0
    assert journal.values("a") == [1]
    assert [error["name"] for error in journal.values("e")] == ["Asked"]


@pytest.mark.parametrize(
    ("after", "waited"),
    [(5.0, 5.0), (0.05, 0.1), (1e9, RETRY_AFTER_LIMIT_SECONDS)],
    ids=["longer", "shorter", "endless"],
)
async def test_a_wait_that_is_asked_for_is_kept_within_a_bound(after: float, waited: float) -> None:
    """What asks to come back later waits that long, if that is longer than the node's own patience."""
    journal = Journal()
    a = node("ask", config={"after": after}, onError="retry", retry={"maxAttempts": 2, "backoffMs": 100})
    graph = document({"a": a, "e": "forward"}, ["a:error > e:in"], role="service")
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1, final=True)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(waited)
    assert journal.values("a") == [1, 1]


async def test_a_message_that_fails_for_ever_uses_up_its_attempts() -> None:
    """After the last attempt an error goes the way of all errors."""
    journal = Journal()
    a = node("throw", onError="retry", retry={"maxAttempts": 3, "backoffMs": 1})
    async with open_execution(document({"a": a, "e": "forward"}, ["a:error > e:in"]), journal) as execution:
        await inject(execution, "a:in", 1, final=True)
        await execution.finished.wait()
    assert journal.values("a") == [1, 1, 1]
    assert len(journal.values("e")) == 1


async def test_a_handler_that_loses_its_batch_fails_every_message_of_it() -> None:
    """An exception out of ``process`` is the error of each message that was handed over."""
    journal = Journal()
    async with open_execution(document({"a": "crash", "e": "forward"}, ["a:error > e:in"]), journal) as execution:
        await inject(execution, "a:in", 1, 2, 3, final=True)
        await execution.finished.wait()
    assert [value["value"] for value in journal.values("e")] == [1, 2, 3]
    assert {value["name"] for value in journal.values("e")} == {"RuntimeError"}


async def test_a_full_holder_takes_no_more_before_a_release() -> None:
    """While a handler is full its messages wait in the inbox; all of them pass in order."""
    journal = Journal()
    graph = document({"a": node("hold", config={"seconds": 1, "limit": 2}), "b": "forward"}, PAIR)
    limits = EngineLimits(batch_messages=1)
    async with open_execution(graph, journal, limits=limits) as execution:
        await inject(execution, "a:in", *range(6))
        await trio.sleep(0.5)
        assert execution.snapshot().instances[0].queued == 4
        await inject(execution, "a:in", final=True)
        await execution.finished.wait()
    assert journal.values("b") == list(range(6))


async def test_instances_are_initialised_in_topological_order_and_their_emissions_wait() -> None:
    """All are initialised before any message flows; what ``initialize`` emits leaves when the execution runs."""
    journal, listener = Journal(), Listener()
    nodes = {"b": "forward", "a": node("source", config={"values": [1, 2]})}
    async with open_execution(document(nodes, PAIR), journal, observers=[listener]) as execution:
        await inject(execution, "a:in", final=True)
        await execution.finished.wait()
    whats = [(entry.node, entry.what) for entry in journal.entries]
    assert whats[:4] == [("a", "initialize"), ("b", "initialize"), ("b", "process"), ("b", "process")]
    assert listener.lines == [("a", "begun")]


async def test_a_failed_initialize_cleans_up_those_before_it() -> None:
    """The execution fails and names the node; who was being initialised is cleaned up, who was not is left."""
    journal = Journal()
    nodes = {"a": "forward", "b": node("frail", config={"initialize": "throw"}), "c": "forward"}
    async with open_execution(document(nodes, ["a:out > b:in", "b:out > c:in"]), journal) as execution:
        pass
    error = execution.snapshot().error
    assert error is not None
    assert error.message == "Node b failed to initialize: OSError: out of reach"
    assert error.node_id == "b"
    assert journal.nodes("initialize") == ["a", "b"]
    assert sorted(journal.nodes("cleanup")) == ["a", "b"]


async def test_a_refusing_initialize_fails_like_a_throwing_one() -> None:
    """An error that ``initialize`` returns is as good as one that it raises."""
    graph = document({"a": node("frail", config={"initialize": "report"})})
    async with open_execution(graph, Journal()) as execution:
        assert execution.state == "failed"


@pytest.mark.parametrize(("drain", "ended_at"), [(False, 1), (True, 1 + 4 * 0.75)])
async def test_stop_while_initialising_does_not_wait_for_ever(drain: bool, ended_at: float) -> None:
    """An ``initialize`` that hangs is cut off: at once, or where it is to drain by the deadline of a drain."""
    journal = Journal()
    graph = document({"a": "forward", "b": node("frail", config={"initialize": "hang"})})
    async with open_execution(graph, journal, limits=EngineLimits(stop_seconds=4), wait=False) as execution:
        await trio.sleep(1)
        assert execution.state == "initializing"
        await execution.stop(drain=drain)
        assert trio.current_time() == ended_at
    assert execution.state == "cancelled"
    assert sorted(journal.nodes("cleanup")) == ["a", "b"]


async def test_the_timeout_covers_initialising() -> None:
    """An execution whose ``initialize`` hangs fails by its timeout."""
    graph = document({"a": node("frail", config={"initialize": "hang"})})
    async with open_execution(graph, Journal(), timeout_ms=500) as execution:
        assert execution.state == "failed"
        assert trio.current_time() == pytest.approx(0.5)


@pytest.mark.parametrize("how", ["throw", "report"])
async def test_errors_of_cleanup_are_reported_and_change_nothing(how: str) -> None:
    """A failing ``cleanup`` neither fails a completed execution nor keeps others from theirs."""
    journal, listener = Journal(), Listener()
    graph = document({"a": node("frail", config={"cleanup": how}), "b": "forward"})
    async with open_execution(graph, journal, observers=[listener]) as execution:
        await inject(execution, "b:in", 1, final=True)
        await execution.finished.wait()
    assert execution.state == "completed"
    assert sorted(journal.nodes("cleanup")) == ["a", "b"]
    assert [failure[0] for failure in listener.failures] == ["a"]


async def test_a_cleanup_has_a_deadline() -> None:
    """A ``cleanup`` that hangs is cut off, and holds up neither the others nor the end."""
    journal = Journal()
    graph = document({"a": node("frail", config={"cleanup": "hang"}), "b": node("frail", config={"cleanup": 0.9})})
    async with open_execution(graph, journal) as execution:
        await execution.stop(drain=False)
        assert trio.current_time() == pytest.approx(1.0)
    assert journal.nodes("cleaned up") == ["b"]


async def test_of_several_workers_each_is_cleaned_up() -> None:
    """Where a node has several handlers, one that hangs in its cleanup does not cost the others theirs."""
    journal = Journal()
    graph = document({"a": node("frail", config={"cleanup": "hang"}, concurrency=3)})
    async with open_execution(graph, journal) as execution:
        await execution.stop(drain=False)
    assert journal.nodes("cleanup") == ["a", "a", "a"]


async def test_a_worker_that_was_not_initialised_is_not_cleaned_up() -> None:
    """Where the first of several handlers fails to initialise, the others have nothing to clean up."""
    journal = Journal()
    graph = document({"a": node("frail", config={"initialize": "throw"}, concurrency=3)})
    async with open_execution(graph, journal):
        pass
    assert journal.nodes("cleanup") == ["a"]


async def test_workers_keep_the_order_unless_it_is_waived() -> None:
    """Several invocations at once take the time of one; with ``ordered`` results leave in order."""
    journal = Journal()
    nodes = {"a": node("slow", config={"seconds": 1}, concurrency=4, ordered=True), "b": "forward"}
    async with open_execution(document(nodes, PAIR), journal) as execution:
        await inject(execution, "a:in", *range(8), final=True)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(2)
    assert journal.values("b") == list(range(8))


async def test_an_observer_sees_every_hop() -> None:
    """Invocations, hops along each edge, and values on ports without edges are all reported."""
    tap = Tap()
    graph = document({"a": "forward", "b": "forward", "c": "forward"}, ["a:out > b:in", "a:out > c:other"])
    async with open_execution(graph, Journal()) as execution:
        execution.add_flow_observer(tap)
        await inject(execution, "a:in", 7)
        await trio.testing.wait_all_tasks_blocked()
        execution.remove_flow_observer(tap)
        await inject(execution, "a:in", 8)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(tap.invocations) == [("a", "in", b"7"), ("b", "in", b"7"), ("c", "other", b"7")]
    assert tap.hops == [("a", "out", "b", "in", b"7"), ("a", "out", "c", "other", b"7")]
    assert sorted(tap.outputs) == [("b", "out", b"7"), ("c", "out", b"7")]


async def test_values_pass_untouched() -> None:
    """A value keeps its spelling, its key order and its large numbers through nodes that do not look inside."""
    tap = Tap()
    text = b'{"b": 1.0, "a": 123456789012345678901234567890, "b2":"\\u00e9"}'
    async with open_execution(document({"a": "forward", "b": "forward"}, PAIR), Journal()) as execution:
        execution.add_flow_observer(tap)
        await execution.inject([(0, Message(0, text))], final=True)
        await execution.finished.wait()
    assert [output[2] for output in tap.outputs] == [text]


async def test_a_dropping_inbox_drops_counts_and_reports() -> None:
    """``drop-oldest`` keeps the newest, ``drop-newest`` the oldest; each drop is counted and reported."""
    kept: dict[str, Any] = {}
    for overflow in ("drop-oldest", "drop-newest"):
        journal, listener = Journal(), Listener()
        b = node("gated", inbox={"capacity": 2, "overflow": overflow})
        limits = EngineLimits(batch_messages=1)
        graph = document({"a": "forward", "b": b}, PAIR)
        async with open_execution(graph, journal, limits=limits, observers=[listener]) as execution:
            for value in range(6):
                await inject(execution, "a:in", value)
                await trio.testing.wait_all_tasks_blocked()
            journal.gate("b").set()
            await inject(execution, "a:in", final=True)
            await execution.finished.wait()
        kept[overflow] = journal.values("b")
        assert listener.drops == [("b", 1)] * 3
        assert execution.snapshot().metrics.backpressure_events == 3
        assert execution.statistics().edges[0].dropped == 3
    assert kept == {"drop-oldest": [0, 4, 5], "drop-newest": [0, 1, 2]}


async def test_a_slow_node_blocks_its_sources_and_loses_nothing() -> None:
    """A full inbox blocks upstream, hop by hop; a thousand messages pass in order within the bounds."""
    journal = Journal()
    inbox = {"capacity": 3}
    nodes = {
        "a": node("forward", inbox=inbox),
        "b": node("forward", inbox=inbox),
        "c": node("slow", config={"seconds": 0.001}, inbox=inbox),
    }
    graph = document(nodes, ["a:out > b:in", "b:out > c:in"])
    async with open_execution(graph, journal, limits=EngineLimits(injection_wait_seconds=60)) as execution:
        await inject(execution, "a:in", *range(1000), final=True)
        await execution.finished.wait()
    assert journal.values("c") == list(range(1000))
    assert all(item.peak_messages <= 3 for item in execution.statistics().nodes)
    assert execution.snapshot().metrics.backpressure_events > 0


async def test_metrics_add_up() -> None:
    """Two nodes, three messages: processed, emitted, latencies and times are what the handlers did."""
    graph = document({"a": node("slow", config={"seconds": 2}), "b": "forward"}, PAIR)
    async with open_execution(graph, Journal()) as execution:
        await trio.sleep(5)
        await inject(execution, "a:in", 1, 2, 3, final=True)
        await execution.finished.wait()
    metrics = execution.snapshot().metrics
    assert (metrics.messages_processed, metrics.messages_emitted, metrics.node_invocations) == (6, 6, 6)
    assert (metrics.total_latency_ms, metrics.avg_latency_ms, metrics.max_latency_ms) == (6000, 1000, 2000)
    assert (metrics.start_time, metrics.last_activity_time) == (0, 11_000)
    wire = msgspec.to_builtins(metrics)
    assert wire["messagesProcessed"] == 6
