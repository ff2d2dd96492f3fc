"""Arrays that are taken apart and gathered again, in the engine as it runs them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.core_accumulator import ACCUMULATOR
from engine.builtin.core_debounce import DEBOUNCE
from engine.builtin.core_dedupe import DEDUPE
from engine.builtin.core_delay import DELAY
from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.builtin.core_group import GROUP
from engine.builtin.core_join import JOIN_BY_KEY
from engine.builtin.core_merge import MERGE
from engine.builtin.core_throttle import THROTTLE
from engine.contracts.component import Component
from engine.execution.execution import Execution
from engine.execution.grouped_shared import GroupedShared
from engine.limits import EngineLimits
from tests.engine.executions import Listener, OutputTap, Tap, document, inject, node, open_execution
from tests.engine.handlers import Journal

PARTS: Mapping[str, Component] = {
    "each": EACH,
    "gather": GATHER,
    "delay": DELAY,
    "accumulator": ACCUMULATOR,
    "merge": MERGE,
    "group": GROUP,
    "join": JOIN_BY_KEY,
    "throttle": THROTTLE,
    "debounce": DEBOUNCE,
    "dedupe": DEDUPE,
}
AROUND = {"e": "each", "g": "gather"}


def outputs(tap: Tap, place: str = "g:out") -> list[Any]:
    """The values that have left the graph by a port."""
    return [msgspec.json.decode(value) for name, port, value in tap.outputs if f"{name}:{port}" == place]


async def run(
    nodes: Mapping[str, Any],
    edges: Iterable[str],
    *arrays: Any,
    place: str = "e:in",
    tap: Tap | None = None,
    unpaired: int = 0,
) -> Tap:
    """What leaves a graph that is given values, until it has completed; every message is accounted for."""
    tap = tap or OutputTap()
    async with open_execution(document(nodes, edges), Journal(), more=PARTS) as execution:
        execution.shared.add_flow_observer(tap)
        await inject(execution, place, *arrays, final=True)
        await execution.finished.wait()
        assert execution.head().error is None, execution.head().error
        assert_done(execution, unpaired)
    return tap


def assert_done(execution: Execution, unpaired: int = 0) -> None:
    """Nothing is on its way, and no item of any array is; so many messages found no partner in a merge."""
    snapshot = execution.snapshot()
    assert snapshot.unprocessed == unpaired
    assert execution.shared.in_flight.count == 0
    shared = execution.shared
    assert isinstance(shared, GroupedShared)
    assert [opener.under_way for opener in shared._openers.values()] == [0] * len(shared._openers)


@pytest.mark.usefixtures("autojump_clock")
class TestGathering:
    async def test_items_come_together_in_their_order(self) -> None:
        """Whatever the items' ways and times, their values stand in the array in the items' order."""
        nodes: dict[str, Any] = {**AROUND, "slow": node("delay", config={"ms": 50})}
        nodes |= {"drop": node("throw", config={"at": [3]}, onError="continue")}
        edges = ["e:out > slow:in", "e:out > drop:in", "slow:out > g:in", "drop:out > g:in"]
        tap = await run(nodes, edges, [1, 2, 3], [4])
        assert outputs(tap) == [[1, 1, 2, 2, 3], [4, 4]]

    async def test_an_empty_array_is_an_empty_array(self) -> None:
        """An array without items is gathered at once, in its turn."""
        assert outputs(await run(AROUND, ["e:out > g:in"], [], [1], [])) == [[], [1], []]

    async def test_an_item_may_come_to_nothing_or_to_much(self) -> None:
        """Items of which nothing comes are left out; of which several come, all of these stand at their place."""
        nodes: dict[str, Any] = {**AROUND, "fan": node("fan", config={"copies": 2})}
        nodes |= {"drop": node("throw", config={"at": [1]}, onError="continue")}
        tap = await run(nodes, ["e:out > drop:in", "drop:out > fan:in", "fan:out > g:in"], [1, 2, 3], [1])
        assert outputs(tap) == [[2, 2, 3, 3], []]

    async def test_arrays_within_arrays(self) -> None:
        """Arrays of arrays are taken apart and gathered level by level, empty ones as well."""
        nodes: dict[str, Any] = {**AROUND, "e2": "each", "g2": "gather", "f": "forward"}
        edges = ["e:out > e2:in", "e2:out > f:in", "f:out > g2:in", "g2:out > g:in"]
        assert outputs(await run(nodes, edges, [[1, 2], [], [3]], [], [[]])) == [[[1, 2], [], [3]], [], [[]]]

    async def test_two_gather_what_one_takes_apart(self) -> None:
        """Each of two ways may be gathered by itself; both are told when an array is complete."""
        nodes: dict[str, Any] = {**AROUND, "h": "gather", "d": node("delay", config={"ms": 10})}
        tap = await run(nodes, ["e:out > g:in", "e:out > d:in", "d:out > h:in"], [1, 2], [])
        assert (outputs(tap), outputs(tap, "h:out")) == ([[1, 2], []], [[1, 2], []])

    async def test_one_gathers_what_two_take_apart(self) -> None:
        """A gather closes whichever group its messages are of; arrays leave as they were taken apart."""
        nodes: dict[str, Any] = {**AROUND, "e2": "each", "start": "forward"}
        edges = ["start:out > e:in", "start:out > e2:in", "e:out > g:in", "e2:out > g:in"]
        assert outputs(await run(nodes, edges, [1, 2], [], place="start:in")) == [[1, 2], [], [1, 2], []]

    async def test_arrays_leave_in_order(self) -> None:
        """An array that is complete waits for those that were taken apart before it, unless it need not."""
        for ordered, expected in ((True, [[1, 9], [2]]), (False, [[2], [1, 9]])):
            nodes = {"e": "each", "g": node("gather", config={"ordered": ordered}), "t": "throw"}
            nodes["d"] = node("delay", config={"ms": 50})
            nodes["t"] = node("throw", config={"at": [9]}, onError="continue")
            edges = ["e:out > t:in", "t:out > g:in", "t:error > d:in", "d:out > g:in"]
            tap = await run(nodes, edges, [1, 9], [2])
            assert [[each if isinstance(each, int) else 9 for each in array] for array in outputs(tap)] == expected

    async def test_what_is_no_array_is_an_error_with_the_port(self) -> None:
        """Other values are refused by name, and what they are is said; arrays beside them are not harmed."""
        nodes = {"e": node("each", onError="continue"), "g": "gather", "seen": "forward"}
        tap = await run(nodes, ["e:out > g:in", "e:error > seen:in"], 5, {"a": 1}, "x", None, True, [1])
        messages = [error["message"] for error in outputs(tap, "seen:out")]
        assert messages == [
            f"The value on port in must be an array, and is {what}"
            for what in ("a number", "an object", "a text", "null", "a boolean")
        ]
        assert outputs(tap) == [[1]]

    async def test_concurrency_bounds_the_items_under_way(self) -> None:
        """So many items at most are between the two, over all arrays; order is kept."""
        nodes = {
            "e": node("each", config={"concurrency": 2}),
            "g": "gather",
            "d": node("delay", config={"ms": 100}),
        }
        began = trio.current_time()
        assert outputs(await run(nodes, ["e:out > d:in", "d:out > g:in"], [1, 2, 3], [4, 5, 6])) == [
            [1, 2, 3],
            [4, 5, 6],
        ]
        assert trio.current_time() - began == pytest.approx(0.3)

    async def test_errors_of_items(self) -> None:
        """One failed item fails its array, is left out, or stands in its place, as the node says."""
        for what, expected in (("skip", [[1, 3], [4]]), ("collect", [[1, "boom", 3], [4]]), ("fail", [[4]])):
            nodes = {
                "e": "each",
                "t": node("throw", config={"at": [2]}),
                "g": node("gather", config={"onItemError": what}, onError="continue"),
                "seen": "forward",
            }
            edges = ["e:out > t:in", "t:out > g:in", "t:error > g:failed", "g:error > seen:in"]
            tap = await run(nodes, edges, [1, 2, 3], [4])
            shown = [["boom" if isinstance(each, dict) else each for each in array] for array in outputs(tap)]
            assert shown == expected
            errors = outputs(tap, "seen:out")
            assert len(errors) == (what == "fail")
            if errors:
                assert errors[0]["message"] == "Item 1 failed: ValueError: cannot take 2"
                assert errors[0]["itemError"]["value"] == 2

    async def test_an_array_may_leave_incomplete(self) -> None:
        """When its time is over, an array leaves with what has come; what comes late is an error by itself."""
        nodes = {
            "e": "each",
            "f": node("throw", config={"at": [2]}, onError="continue"),
            "d": node("delay", config={"ms": 500}),
            "g": node("gather", config={"timeoutMs": 100}, onError="continue"),
            "late": "forward",
        }
        edges = ["e:out > f:in", "f:out > g:in", "f:error > d:in", "d:out > g:in", "g:error > late:in"]
        tap = await run(nodes, edges, [1, 2], [3])
        assert (outputs(tap, "g:incomplete"), outputs(tap)) == ([[1]], [[3]])
        assert [error["name"] for error in outputs(tap, "late:out")] == ["GroupClosed"]

    async def test_what_comes_from_no_array_is_an_error(self) -> None:
        """A message that was injected behind the taking apart belongs to no array."""
        nodes = {"e": "each", "g": node("gather", onError="continue"), "f": "forward"}
        tap = Tap()
        async with open_execution(
            document(nodes, ["e:out > f:in", "f:out > g:in"]), Journal(), more=PARTS
        ) as execution:
            execution.shared.add_flow_observer(tap)
            await inject(execution, "f:in", 1)
            await inject(execution, "e:in", [2], final=True)
            await execution.finished.wait()
            assert execution.snapshot().metrics.error_count == 1
        assert outputs(tap) == [[2]]

    async def test_without_a_gather_items_are_messages(self) -> None:
        """Nothing is counted where nothing is gathered."""
        tap = OutputTap()
        async with open_execution(
            document({"e": "each", "f": "forward"}, ["e:out > f:in"]), Journal(), more=PARTS
        ) as ex:
            assert not isinstance(ex.shared, GroupedShared)
            ex.shared.add_flow_observer(tap)
            await inject(ex, "e:in", [1, [2]], final=True)
            await ex.finished.wait()
        assert outputs(tap, "f:out") == [1, [2]]


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize(
    ("holder", "ports", "expected"),
    [
        (node("delay", config={"ms": 20}), ("in", "out"), [[1, 2, 3], [4]]),
        (node("delay", config={"ms": 0}), ("in", "out"), [[1, 2, 3], [4]]),
        (node("accumulator", config={"count": 2}), ("in", "out"), [[[1, 2]], [[3, 4]]]),
        (node("accumulator", config={"count": 9}), ("in", "out"), [[], [[1, 2, 3, 4]]]),
        (node("accumulator", config={"bytes": 5}), ("in", "out"), [[[1, 2]], [[3, 4]]]),
        (node("group", config={"count": 2, "overlap": 1}), ("in", "out"), [[[1, 2], [2, 3]], [[3, 4]]]),
        (node("throttle", config={"intervalMs": 10}), ("in", "out"), [[1, 2, 3], [4]]),
        (node("throttle", config={"excess": "drop"}), ("in", "out"), [[1], []]),
        (node("debounce", config={"ms": 10}), ("in", "out"), [[], [4]]),
        (node("debounce", config={"ms": 10}), ("in", "dropped"), [[1, 2, 3], []]),
        (node("dedupe"), ("in", "out"), [[1, 2, 3], [4]]),
        (
            node("merge", config={"mode": "zip", "inputs": ["a"]}),
            ("a", "out"),
            [[{"a": n} for n in (1, 2, 3)], [{"a": 4}]],
        ),
        (node("merge", config={"mode": "all", "inputs": ["a", "b"]}), ("a", "out"), [[], []]),
        (node("merge", config={"mode": "zip"}), ("a", "out"), [[], []]),
        (node("join", config={"alone": "drop"}, onError="continue"), ("a", "out"), [[], []]),
    ],
)
async def test_what_is_held_between_is_waited_for(holder: Any, ports: tuple[str, str], expected: Any) -> None:
    """Components that hold messages, give some of them out together, or let them go, leave no array waiting.

    What is made of several messages stands at the place of the last one.
    """
    edges = [f"e:out > h:{ports[0]}", f"h:{ports[1]} > g:in"]
    unpaired = (
        {"zip": 4, "all": 1}.get(holder["config"].get("mode"), 0)
        if ports[0] == "a" and expected == [[], []]
        else 0
    )
    tap = await run({**AROUND, "h": holder}, edges, [1, 2, 3], [4], unpaired=unpaired)
    assert outputs(tap) == expected


@pytest.mark.usefixtures("autojump_clock")
async def test_a_holder_that_is_full_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a component that holds messages refuses is an error at once, also under ``onError: retry``.

    Whether a later attempt kept the message would be known to nobody who counts places.
    """
    monkeypatch.setattr("engine.builtin.core_group.HELD_LIMIT_MESSAGES", 2)
    grouped = node(
        "group", config={"count": 9, "ms": 50}, onError="retry", retry={"maxAttempts": 3, "backoffMs": 100}
    )
    nodes = {**AROUND, "h": grouped, "seen": "forward"}
    tap = await run(nodes, ["e:out > h:in", "h:out > g:in", "h:error > seen:in"], [1, 2, 3], [4])
    assert sorted(outputs(tap)) == [[], [[1, 2]]]
    assert [error["value"] for error in outputs(tap, "seen:out")] == [3, 4]


@pytest.mark.usefixtures("autojump_clock")
async def test_a_pair_too_large_is_done_with() -> None:
    """Messages whose set would be too large are an error, and their array waits for them no more."""
    nodes = {
        **AROUND,
        "z": node("merge", config={"mode": "zip"}, onError="continue"),
        "d": node("delay", config={"ms": 5}),
    }
    nodes["j"], nodes["h"] = node("join", onError="continue"), "gather"
    edges = [
        "e:out > z:a",
        "e:out > d:in",
        "d:out > z:b",
        "z:out > g:in",
        "e:out > j:a",
        "d:out > j:b",
        "j:out > h:in",
    ]
    tap = OutputTap()
    limits = EngineLimits(value_bytes=60)
    async with open_execution(document(nodes, edges), Journal(), limits=limits, more=PARTS) as execution:
        execution.shared.add_flow_observer(tap)
        await inject(execution, "e:in", [{"id": 1}, {"id": "x" * 20}], [{"id": 2}], final=True)
        await execution.finished.wait()
        assert execution.snapshot().metrics.error_count == 2
        assert_done(execution)
    pairs = [[{"a": {"id": n}, "b": {"id": n}}] for n in (1, 2)]
    assert (outputs(tap), outputs(tap, "h:out")) == (pairs, pairs)


@pytest.mark.usefixtures("autojump_clock")
async def test_partners_of_one_item_meet() -> None:
    """A zip of two ways of the same items has the items' places."""
    nodes = {**AROUND, "d": node("delay", config={"ms": 5}), "z": node("merge", config={"mode": "zip"})}
    nodes["j"], nodes["h"] = node("join"), "gather"
    edges = [
        "e:out > z:a",
        "e:out > d:in",
        "d:out > z:b",
        "z:out > g:in",
        "e:out > j:a",
        "d:out > j:b",
        "j:out > h:in",
    ]
    tap = await run(nodes, edges, [{"id": 1}, {"id": 2}], [{"id": 3}])
    pairs = [[{"a": {"id": n}, "b": {"id": n}} for n in array] for array in ([1, 2], [3])]
    assert (outputs(tap), outputs(tap, "h:out")) == (pairs, pairs)


@pytest.mark.usefixtures("autojump_clock")
async def test_a_dropped_item_is_gone() -> None:
    """What a full inbox drops is waited for by nobody."""
    nodes = {
        **AROUND,
        "slow": node("slow", config={"seconds": 1}, inbox={"capacity": 1, "overflow": "drop-newest"}),
    }
    tap = await run(nodes, ["e:out > slow:in", "slow:out > g:in"], [1, 2, 3, 4, 5])
    (array,) = outputs(tap)
    assert 0 < len(array) < 5


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_full_inboxes_lose_no_place(concurrency: int, watched: bool) -> None:
    """Where emissions wait for room, along one edge or several, watched or not, every item is gathered once."""
    small: dict[str, Any] = {"inbox": {"capacity": 1}, "concurrency": concurrency}
    nodes = {
        **AROUND,
        "f": node("slow", config={"seconds": 0.01}, **small),
        "a": node("forward", **small),
        "b": node("slow", config={"seconds": 0.02}, **small),
        "fan": node("fan", config={"copies": 3}, **small),
    }
    edges = ["e:out > f:in", "f:out > a:in", "f:out > b:in", "a:out > fan:in", "fan:out > g:in", "b:out > g:in"]
    tap = await run(nodes, edges, list(range(10)), [], [7], tap=Tap() if watched else OutputTap())
    assert outputs(tap) == [[n for n in range(10) for _ in range(4)], [], [7] * 4]


@pytest.mark.usefixtures("autojump_clock")
async def test_pause_and_completion() -> None:
    """A paused execution gathers nothing, and one that is quiet has gathered all."""
    listener = Listener()
    nodes = {**AROUND, "d": node("delay", config={"ms": 100})}
    async with open_execution(
        document(nodes, ["e:out > d:in", "d:out > g:in"]),
        Journal(),
        completion="auto",
        more=PARTS,
        observers=[listener],
    ) as execution:
        tap = OutputTap()
        execution.shared.add_flow_observer(tap)
        await inject(execution, "e:in", [1, 2])
        await execution.pause()
        await trio.sleep(1)
        assert outputs(tap) == []
        await execution.resume()
        await execution.finished.wait()
        assert outputs(tap) == [[1, 2]]
        assert_done(execution)


@pytest.mark.usefixtures("autojump_clock")
async def test_stop_in_the_midst() -> None:
    """What is cut off is unprocessed, each message once."""
    nodes = {"e": node("each", config={"concurrency": 2}), "g": "gather", "d": node("delay", config={"ms": 1000})}
    async with open_execution(
        document(nodes, ["e:out > d:in", "d:out > g:in"]), Journal(), more=PARTS
    ) as execution:
        await inject(execution, "e:in", [1, 2, 3, 4, 5], [6])
        await trio.sleep(1.5)
        await execution.stop(drain=False)
        snapshot = execution.snapshot()
        sent = sum(edge.sent for edge in execution.statistics().edges)
        assert 2 + sent == snapshot.metrics.messages_processed + snapshot.unprocessed
        assert {each.node_id: each.unprocessed for each in snapshot.instances} == {"e": 2, "d": 2, "g": 2}


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize(("items", "unprocessed"), [([1, 2, 3], 0), ([1, 2, 3, 4], 1)])
async def test_an_array_is_processed_once_its_last_item_is_on_its_way(items: list[int], unprocessed: int) -> None:
    """Also where that one still waits for room when the end cuts it off; while others are to follow, it is not."""
    nodes = {**AROUND, "f": node("gated", inbox={"capacity": 1})}
    graph = document(nodes, ["e:out > f:in", "f:out > g:in"])
    async with open_execution(graph, Journal(), more=PARTS) as execution:
        await inject(execution, "e:in", items)
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
        left = {each.node_id: each.unprocessed for each in execution.snapshot().instances}
        assert left == {"e": unprocessed, "f": 3, "g": 0}


@pytest.mark.usefixtures("autojump_clock")
async def test_open_arrays_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a further array is an error, and those under way are not harmed."""
    monkeypatch.setattr("engine.builtin.core_gather.GROUPS_LIMIT", 3)
    nodes = {
        "e": node("each", onError="continue"),
        "g": "gather",
        "d": node("delay", config={"ms": 10}),
        "seen": "forward",
    }
    edges = ["e:out > d:in", "d:out > g:in", "e:error > seen:in"]
    tap = await run(nodes, edges, *([n] for n in range(5)))
    assert outputs(tap) == [[0], [1], [2]]
    assert [error["name"] for error in outputs(tap, "seen:out")] == ["TooManyGroups"] * 2


@pytest.mark.usefixtures("autojump_clock")
async def test_an_array_too_large_is_an_error_of_its_own() -> None:
    """What would be larger than a value may be is an error of the gather, and the next array is gathered."""
    limits = EngineLimits(value_bytes=40)
    nodes = {"e": "each", "fan": node("fan", config={"copies": 9}), "g": node("gather", onError="continue")}
    tap = OutputTap()
    async with open_execution(
        document(nodes, ["e:out > fan:in", "fan:out > g:in"]), Journal(), limits=limits, more=PARTS
    ) as execution:
        execution.shared.add_flow_observer(tap)
        # the value_bytes of handlers are the engine's own; what leaves is checked again
        await inject(execution, "e:in", [1, 2, 3], [4], final=True)
        await execution.finished.wait()
        assert outputs(tap) == [[4] * 9]
        assert execution.snapshot().metrics.error_count == 1
        assert_done(execution)


TREES = st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=4)


@given(
    arrays=st.lists(TREES, max_size=4),
    drop=st.sets(st.integers(0, 9)),
    copies=st.integers(0, 2),
    slow=st.booleans(),
)
def test_gathering_is_mapping(arrays: list[Any], drop: set[int], copies: int, slow: bool) -> None:
    """Two levels taken apart, filtered, multiplied, delayed by halves, and gathered, are what a loop makes."""

    async def body() -> None:
        nodes: dict[str, Any] = {**AROUND, "e2": "each", "g2": "gather"}
        nodes["t"] = node("throw", config={"at": sorted(drop)}, onError="continue")
        nodes["fan"] = node("fan", config={"copies": copies})
        nodes["d"] = node("delay", config={"ms": 3 if slow else 0})
        edges = [
            "e:out > e2:in",
            "e2:out > t:in",
            "t:out > fan:in",
            "fan:out > d:in",
            "d:out > g2:in",
            "g2:out > g:in",
        ]
        expected = [
            [[n for n in row if n not in drop for _ in range(copies)] for row in array] for array in arrays
        ]
        assert outputs(await run(nodes, edges, *arrays)) == expected

    trio.run(body, clock=trio.testing.MockClock(autojump_threshold=0))
