"""What a message came of, and what came of it: along branches, through joins, and through what holds messages."""

from typing import Any

import pytest

from engine.errors import RecordNotFoundError
from engine.journal.history import Filter, read_page
from engine.journal.lineage import read_lineage
from engine.runtime import Runtime, open_runtime
from proto.recording import LineageReply
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, in_short, started, told, values_to

PLUS = node("symbia.core.map", config={"expression": "value + 1"})


async def lineage(runtime: Runtime, execution_id: str, sequence: int) -> LineageReply:
    recording = runtime.recordings.recording(execution_id)
    chunks = runtime.recordings.chunks(recording)
    return await read_lineage(await recording.head(), chunks, sequence, is_complete=recording.figures.is_complete)


async def recorded(runtime: Runtime, graph: dict[str, Any], *values: Any, to: str = "a") -> str:
    execution_id = await started(runtime, graph, "full")
    await runtime.execution(execution_id).inject(values_to(to, *values))
    await ended(runtime, execution_id)
    return execution_id


async def sequence_of(runtime: Runtime, execution_id: str, text: str) -> int:
    """Return the number of the first record that is this in short."""
    for record in await told(runtime, execution_id):
        if in_short([record]) == [text]:
            return record.sequence
    raise AssertionError(text)


async def first_injected(runtime: Runtime, execution_id: str) -> int:
    (record, *_) = await told(runtime, execution_id, kinds=frozenset({"injected"}))
    return record.sequence


async def test_a_value_comes_of_what_was_injected_and_leads_along_all_branches() -> None:
    """A diamond: one message, two ways, both ends."""
    graph = document(
        {
            "a": "symbia.core.passthrough",
            "b": PLUS,
            "c": "symbia.core.passthrough",
            "d": "symbia.core.passthrough",
        },
        ["a:out > b:in", "a:out > c:in", "b:out > d:in", "c:out > d:in"],
    )
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, graph, 1, 10, 100)
        found = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, "injected a 10"))
        assert sorted(in_short(found.consequences)) == [
            "emitted a 10", "emitted a 10", "emitted b 11", "emitted c 10", "emitted d 10", "emitted d 11",
        ]  # fmt: skip
        assert found.is_complete
        last = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, "emitted d 101"))
        assert in_short(last.causes) == ["emitted b 101", "emitted a 100", "injected a 100"]
        assert last.consequences == []


async def test_what_was_put_together_comes_of_all_that_went_into_it() -> None:
    """Of an accumulator those of its array, of a join by key those of the key, whoever came between."""
    graph = document(
        {
            "a": node("symbia.core.accumulator", config={"count": 2}),
            "b": node("symbia.core.group", config={"key": "k", "count": 2}),
        }
    )
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", *range(5)))
        pairs = ['{"k":"x","n":1}', '{"k":"y","n":2}', '{"k":"x","n":3}', '{"k":"y","n":4}']
        await runtime.execution(execution_id).inject(values_to("b", *pairs))
        await ended(runtime, execution_id)
        second = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, "emitted a [2,3]"))
        assert sorted(in_short(second.causes)) == ["injected a 2", "injected a 3"]
        rest = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, "emitted a [4]"))
        assert in_short(rest.causes) == ["injected a 4"]
        assert [each.kind for each in rest.causes] == ["injected", "fired"]
        text = f'emitted b {{"key":"y","values":[{pairs[1]},{pairs[3]}]}}'
        group = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, text))
        assert sorted(in_short(group.causes)) == [f"injected b {pairs[1]}", f"injected b {pairs[3]}"]


@pytest.mark.usefixtures("autojump_clock")
async def test_a_message_that_was_delayed_comes_of_itself() -> None:
    """And not of those that were held beside it."""
    graph = document({"a": node("symbia.core.delay", config={"ms": 50})})
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, graph, 1, 2, 3)
        found = await lineage(runtime, execution_id, await sequence_of(runtime, execution_id, "emitted a 2"))
        assert in_short(found.causes) == ["injected a 2"]


async def test_a_reply_is_bounded_in_bytes() -> None:
    """It says that there is more."""
    ends = [f"n{number}" for number in range(200)]
    nodes = dict.fromkeys(["a", *ends], "symbia.core.passthrough")
    graph = document(nodes, [f"a:out > {end}:in" for end in ends])
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, graph, '"' + "x" * 16_000 + '"')
        found = await lineage(runtime, execution_id, await first_injected(runtime, execution_id))
    assert not found.is_complete
    assert 100 < len(found.consequences) < 150


async def test_a_number_that_nothing_has_is_not_found() -> None:
    """It names the number."""
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, document({"a": PLUS}), 1)
        with pytest.raises(RecordNotFoundError, match="Record not found: 4711"):
            await lineage(runtime, execution_id, 4711)


async def test_records_are_filtered_and_come_page_by_page() -> None:
    """By node, edge, kind and number; each page says where the next one begins."""
    graph = document({"a": PLUS, "b": "symbia.core.passthrough"}, ["a:out > b:in"])
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, graph, 1, 2, 3)
        assert in_short(await told(runtime, execution_id, node="b")) == [
            "emitted b 2",
            "emitted b 3",
            "emitted b 4",
        ]
        assert in_short(await told(runtime, execution_id, edge="0")) == [
            "emitted a 2",
            "emitted a 3",
            "emitted a 4",
        ]
        assert await told(runtime, execution_id, edge="7") == []
        only = await told(runtime, execution_id, kinds=frozenset(["injected"]))
        assert [each.sequence for each in only] == [only[0].sequence + step for step in range(3)]
        between = await told(runtime, execution_id, first=only[1].sequence, last=only[1].sequence)
        assert between == [only[1]]
        (left_out,) = await told(runtime, execution_id, first=only[1].sequence, limit=1, value_bytes=0)
        assert left_out.omitted_bytes == 1
        recording = runtime.recordings.recording(execution_id)
        everything = await told(runtime, execution_id)
        seen, following = [], 1
        while following:
            page = await read_page(
                await recording.head(),
                runtime.recordings.chunks(recording, following),
                Filter(first=following, limit=4),
            )
            seen += page.records
            following = page.following
        assert seen == everything


async def test_a_node_s_path_stands_for_all_that_is_inside() -> None:
    """A graph in a graph is asked for by its name."""
    inner = document({"x": PLUS, "y": PLUS}, ["x:out > y:in"]) | {
        "ports": {
            "inputs": [{"name": "in", "bind": {"node": "x", "port": "in"}}],
            "outputs": [{"name": "out", "bind": {"node": "y", "port": "out"}}],
        }
    }
    async with open_runtime() as runtime:
        graph = document({"a": PLUS, "sub": {"graph": inner}}, ["a:out > sub:in"])
        execution_id = await recorded(runtime, graph, 1)
        found = await told(runtime, execution_id, node="sub", kinds=frozenset(["emitted"]))
        assert in_short(found) == ["emitted sub/x 3", "emitted sub/y 4"]
