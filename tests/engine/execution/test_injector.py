"""The injector: order, holding, refusal."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.errors import HeldQueueFullError, IllegalTransitionError, InboxFullError
from engine.execution.injector import Injector
from engine.limits import EngineLimits
from proto.graph import Overflow
from tests.engine.execution.test_fan_out import shared_of
from tests.engine.executions import document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")


def narrow(**fields: object) -> dict[str, object]:
    """A graph of one gated node whose inbox holds two messages."""
    return document({"a": node("gated", inbox={"capacity": 2, **fields})})


def resting() -> dict[str, object]:
    """A graph of one node that fails at 0 once and then rests for half a minute; its inbox holds two messages."""
    retry = {"maxAttempts": 2, "backoffMs": 30_000}
    config = {"at": [0], "times": 1}
    return document({"a": node("throw", config=config, onError="retry", retry=retry, inbox={"capacity": 2})})


ONE_BY_ONE = EngineLimits(batch_messages=1)
PATIENT = EngineLimits(batch_messages=1, injection_wait_seconds=100)


async def test_held_messages_are_processed_in_the_order_of_their_coming() -> None:
    """What was injected during a pause is processed on resume, in order, before what came after the resume."""
    journal = Journal()
    async with open_execution(document({"a": "forward"}), journal) as execution:
        await execution.pause()
        receipt = await inject(execution, "a:in", 1, 2, 3)
        assert receipt.queued
        await execution.resume()
        receipt = await inject(execution, "a:in", 4, final=True)
        assert not receipt.queued
        await execution.finished.wait()
    assert journal.values("a") == [1, 2, 3, 4]


async def test_an_injection_right_after_resume_waits_behind_what_is_held() -> None:
    """A message injected in the moment of resume does not overtake held ones on their way to a full inbox."""
    journal = Journal()
    async with open_execution(resting(), journal, limits=PATIENT) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        await execution.pause()
        await inject(execution, "a:in", 3, 4)
        await execution.resume()
        await inject(execution, "a:in", 5, final=True)
        await execution.finished.wait()
    assert journal.values("a") == [0, 0, 1, 2, 3, 4, 5]


async def test_a_pause_and_resume_in_one_breath_refuse_nobody() -> None:
    """An injection that waits at a full inbox goes on waiting when the execution pauses and resumes at once."""
    journal = Journal()
    async with open_execution(resting(), journal, limits=PATIENT) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        nursery.start_soon(inject, execution, "a:in", 3)
        await trio.testing.wait_all_tasks_blocked()
        await execution.pause()
        await execution.resume()
        await trio.sleep(60)
    assert journal.values("a") == [0, 0, 1, 2, 3]


async def test_those_who_wait_at_a_full_inbox_are_held_before_newcomers() -> None:
    """A pause holds those who were waiting for room, in their order, ahead of those who come after the pause."""
    journal = Journal()
    async with open_execution(narrow(), journal, limits=ONE_BY_ONE) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        for value in (3, 4, 5):
            nursery.start_soon(inject, execution, "a:in", value)
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(execution.pause)
        while execution.state != "paused":
            await trio.lowlevel.checkpoint()
        await inject(execution, "a:in", 6)
        journal.gate("a").set()
        await trio.testing.wait_all_tasks_blocked()
        await execution.resume()
        await trio.testing.wait_all_tasks_blocked()
    assert journal.values("a") == [0, 1, 2, 3, 4, 5, 6]


async def test_a_full_inbox_refuses_after_a_bounded_wait() -> None:
    """An injection waits its seconds at a full inbox, and is then refused with what was accepted before."""
    journal = Journal()
    limits = EngineLimits(batch_messages=1, injection_wait_seconds=3)
    async with open_execution(narrow(), journal, limits=limits) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        with pytest.raises(InboxFullError, match="The inbox of node a is full for 3 s") as caught:
            await inject(execution, "a:in", 1, 2, 3, 4)
        assert caught.value.accepted == 2
        assert trio.current_time() - began == pytest.approx(3)
        assert execution.snapshot().metrics.backpressure_events == 2, "one wait, one refusal"


async def test_a_rejecting_inbox_refuses_at_once() -> None:
    """With ``overflow: reject`` a full inbox refuses an injection without a wait, and counts it once."""
    journal = Journal()
    async with open_execution(narrow(overflow="reject"), journal, limits=ONE_BY_ONE) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        with pytest.raises(InboxFullError):
            await inject(execution, "a:in", 1, 2, 3)
        assert trio.current_time() == began
        assert execution.snapshot().metrics.backpressure_events == 1


async def test_a_rejecting_inbox_takes_what_was_held() -> None:
    """Held messages were accepted: on resume they wait at a full rejecting inbox, and none is refused."""
    journal = Journal()
    async with open_execution(narrow(overflow="reject"), journal, limits=ONE_BY_ONE) as execution:
        await execution.pause()
        await inject(execution, "a:in", 1, 2, 3, 4, 5)
        await execution.resume()
        journal.gate("a").set()
        await trio.testing.wait_all_tasks_blocked()
    assert journal.values("a") == [1, 2, 3, 4, 5]


async def test_holding_is_bounded() -> None:
    """A paused execution refuses what goes beyond ``max_held_messages``, and says how many it took."""
    journal = Journal()
    limits = EngineLimits(max_held_messages=2)
    async with open_execution(document({"a": "forward"}), journal, limits=limits) as execution:
        await execution.pause()
        with pytest.raises(HeldQueueFullError, match="already holds 2 messages") as caught:
            await inject(execution, "a:in", 1, 2, 3)
        assert caught.value.accepted == 2
        await execution.resume()
        await trio.testing.wait_all_tasks_blocked()
    assert journal.values("a") == [1, 2]


async def test_a_pause_holds_what_waits_at_a_full_inbox() -> None:
    """An injection that waits for room when the execution pauses is held, and says so."""
    journal = Journal()
    receipts = []

    async def keep() -> None:
        receipts.append(await inject(execution, "a:in", 3))

    async with open_execution(narrow(), journal, limits=ONE_BY_ONE) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        nursery.start_soon(keep)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(execution.pause)
        await trio.testing.wait_all_tasks_blocked()
        assert [receipt.queued for receipt in receipts] == [True]
        journal.gate("a").set()


async def test_the_end_turns_away_all_who_wait() -> None:
    """Whoever waits at the entrance when the execution ends is told so at once, not after a wait."""
    journal = Journal()
    errors: list[IllegalTransitionError] = []

    async def try_to_inject(value: int) -> None:
        with pytest.raises(IllegalTransitionError) as caught:
            await inject(execution, "a:in", value)
        errors.append(caught.value)

    async with open_execution(narrow(), journal, limits=ONE_BY_ONE) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        for value in range(3):
            nursery.start_soon(try_to_inject, value)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await execution.stop(drain=False)
        await trio.testing.wait_all_tasks_blocked()
        assert len(errors) == 3
        assert trio.current_time() == began


async def test_a_cancelled_injection_was_not_accepted() -> None:
    """An injector that gives up while it waits leaves nothing behind, and the rest drains to the end."""
    journal = Journal()
    async with open_execution(narrow(), journal, limits=ONE_BY_ONE) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 1, 2)
        with trio.move_on_after(1):
            await inject(execution, "a:in", 3)
        journal.gate("a").set()
        await inject(execution, "a:in", final=True)
        await execution.finished.wait()
    assert journal.values("a") == [0, 1, 2]
    assert execution.state == "completed"


async def test_many_messages_for_several_nodes_keep_their_order_at_each() -> None:
    """A long injection over nodes in turn, far beyond what their inboxes hold, is processed whole and in order."""
    journal = Journal()
    graph = document({"a": node("forward", inbox={"capacity": 3}), "b": node("forward", inbox={"capacity": 700})})
    async with open_execution(graph, journal) as execution:
        messages = [(index // 7 % 2, Message(0, str(index).encode())) for index in range(2000)]
        receipt = await execution.inject(messages, final=True)
        await execution.finished.wait()
    assert receipt.accepted == 2000
    for number, name in enumerate("ab"):
        assert journal.values(name) == [index for index in range(2000) if index // 7 % 2 == number]


async def test_a_refused_injection_of_many_says_how_many_went_in() -> None:
    """What fitted at once counts as accepted, and is processed; the first that found no room was refused."""
    journal = Journal()
    limits = EngineLimits(batch_messages=1, injection_wait_seconds=1)
    async with open_execution(resting(), journal, limits=limits) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(InboxFullError) as refused:
            await inject(execution, "a:in", *range(1, 9))
        assert refused.value.accepted == 2
        await execution.inject([], final=True)
        await execution.finished.wait()
    assert journal.values("a") == [0, 0, 1, 2]


async def test_an_injection_cut_off_by_the_end_says_how_many_went_in() -> None:
    """Where the execution ends while an injection waits, what had gone in counts as accepted, and is reported."""
    async with open_execution(resting(), Journal(), limits=PATIENT) as execution:
        await inject(execution, "a:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:

            async def cut_off() -> None:
                with pytest.raises(IllegalTransitionError) as refused:
                    await inject(execution, "a:in", *range(1, 9))
                assert refused.value.accepted == 2

            nursery.start_soon(cut_off)
            await trio.testing.wait_all_tasks_blocked()
            await execution.stop(drain=False)
    assert execution.snapshot().unprocessed == 3, "one resting, two waiting"


@settings(deadline=None)  # two whole event loops for each example
@given(
    capacities=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    overflow=st.sampled_from(["block", "reject", "drop-oldest", "drop-newest"]),
    injections=st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=3),
    paused_after=st.integers(0, 4),
)
def test_taking_together_is_taking_each(
    capacities: Sequence[int], overflow: Overflow, injections: Sequence[Sequence[int]], paused_after: int
) -> None:
    """Whatever the room before each node: those messages go in, and are refused, that would have one by one."""

    async def play() -> list[object]:
        shared = await shared_of(capacities)
        injector = Injector(shared)
        for inbox in shared.inboxes:
            inbox.overflow = overflow
        seen: list[object] = []
        for number, nodes in enumerate(injections):
            if number == paused_after:
                injector.close()
            messages = [
                (node % len(shared.inboxes), Message(0, b"%d" % index)) for index, node in enumerate(nodes)
            ]
            try:
                seen.append(await injector.inject(messages))
            except InboxFullError as error:
                seen.append((str(error), error.accepted))
            seen.append((shared.in_flight.count, shared.counters.backpressure_events, injector.held))
        seen += [inbox.take_batch_nowait(100) for inbox in shared.inboxes]
        return seen

    together = trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
    with patch.object(Injector, "_take_together", lambda *arguments: arguments[2]):
        assert trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0)) == together


async def test_a_request_of_many_is_taken_in_before_the_execution_completes() -> None:
    """Between two messages of one request nothing is quiet, also where the nodes are faster than the request."""
    for _ in range(20):  # who is woken first is drawn by Trio
        journal = Journal()
        graph = document({"a": node("forward", concurrency=2, inbox={"capacity": 1})})
        async with open_execution(graph, journal) as execution, trio.open_nursery() as nursery:
            nursery.start_soon(inject, execution, "a:in", *range(60))
            while not execution.shared.in_flight.count:
                await trio.lowlevel.checkpoint()
            execution.complete()
            await execution.finished.wait()
        assert (execution.snapshot().unprocessed, sorted(journal.values("a"))) == (0, list(range(60)))
