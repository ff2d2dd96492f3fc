"""What is noted of an execution: at each level, in its order, with what followed from what."""

from itertools import count
from typing import Any

import pytest
from msgspec import Raw

from engine.contracts.handler import Message, Outcome
from engine.contracts.surroundings import SameForAll, Surroundings
from engine.cooperative.slices import in_slices
from engine.errors import InboxFullError, InvalidGraphError
from engine.journal.head import Circumstances, head_of
from engine.journal.recorder import Chunk, Recorder
from engine.journal.records import (
    LARGE_BYTES,
    Answered,
    Dropped,
    Emitted,
    Failed,
    Injected,
    Invoked,
    Lost,
    Reader,
    Refused,
    Written,
)
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.graph import Recording
from proto.message import Injection
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, in_short, records_of, started, told, values_to
from tests.engine.test_replaced_components import written

PLUS = node("symbia.core.map", config={"expression": "value + 1"})
ROW = document(
    {"a": "symbia.core.passthrough", "b": "symbia.core.passthrough", "c": "symbia.core.passthrough"},
    ["a:out > b:in", "b:out > c:in"],
)
CIRCUMSTANCES = Circumstances(level="full", began_ms=1, is_from_start=True, seed=1)
JAVASCRIPT_ROW = document({"a": PLUS, "b": PLUS, "c": PLUS}, ["a:out > b:in", "b:out > c:in"])


@pytest.mark.parametrize("graph", [ROW, JAVASCRIPT_ROW])
async def test_a_full_recording_has_every_value_on_every_edge_and_its_cause(graph: dict[str, Any]) -> None:
    """However many messages a node was handed together, each value names the message that it follows from."""
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", *range(50)))
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
    step = 1 if graph is JAVASCRIPT_ROW else 0
    found = {each.number: each for each in records}
    outputs = [each for each in records if isinstance(each, Emitted) and each.edge < 0]
    assert len(outputs) == 50
    for number, output in enumerate(outputs):
        assert output.value == str(number + 3 * step).encode()
        inner = found[output.cause]
        assert isinstance(inner, Emitted)
        first = found[inner.cause]
        assert isinstance(first, Emitted)
        injected = found[first.cause]
        assert isinstance(injected, Injected)
        assert (injected.value, first.value) == (str(number).encode(), str(number + step).encode())
    assert len([each for each in records if isinstance(each, Invoked)]) == 150
    assert [each.number for each in records] == sorted({each.number for each in records})


async def test_inputs_are_what_went_in_and_what_the_execution_was_told() -> None:
    """Nothing between nodes is noted."""
    async with open_runtime() as runtime:
        execution_id = await started(runtime, ROW, "inputs")
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("a", 1, 2))
        await handle.pause()
        await handle.resume()
        await ended(runtime, execution_id)
        records = await told(runtime, execution_id)
    assert [each.kind for each in records if each.kind != "command"] == ["injected", "injected"]
    assert [each.message for each in records if each.kind == "command"] == [
        "state initializing",
        "state running",
        "pause",
        "resume",
        "complete",
        "state completed",
    ]


async def test_the_graph_says_what_is_noted_unless_the_execution_does() -> None:
    """And nothing is where neither does, or where the execution says off."""
    async with open_runtime() as runtime:
        graph = {**ROW, "recording": "inputs"}
        choices: list[tuple[Recording | None, str]] = [(None, "inputs"), ("full", "full")]
        for level, found in choices:
            execution_id = await started(runtime, graph, level)
            assert runtime.recordings.recording(execution_id).level == found
        await started(runtime, graph, "off")
        await started(runtime, ROW, None)
        assert len(runtime.recordings.of(None)) == 2
        with pytest.raises(InvalidGraphError, match="Graph recording is one of off, inputs, full"):
            await runtime.library.load_graph({**ROW, "recording": "everything"})


async def test_a_recording_begins_and_ends_while_the_execution_runs() -> None:
    """What was before is not in it; another level begins another one."""
    async with open_runtime() as runtime:
        execution_id = await started(runtime, ROW, None)
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("a", 1))
        await handle.wait_quiescent()
        handle.record("full")
        await handle.inject(values_to("a", 2))
        await handle.wait_quiescent()
        handle.record("off")
        await handle.inject(values_to("a", 3))
        await handle.wait_quiescent()
        found = in_short(await told(runtime, execution_id))
        assert found == ["injected a 2", "emitted a 2", "emitted b 2", "emitted c 2"]
        assert runtime.recordings.recording(execution_id).figures.why_ended == "stopped"
        assert not (await runtime.recordings.recording(execution_id).head()).is_from_start
        handle.record("inputs")
        assert runtime.recordings.recording(execution_id).is_open
        assert await told(runtime, execution_id) == []


async def test_a_message_that_was_refused_is_said_to_be() -> None:
    """It was noted before anybody knew that there would be no room."""
    limits = EngineLimits(injection_wait_seconds=0.01)
    graph = document({"a": node("symbia.core.delay", config={"ms": 60_000}, inbox={"capacity": 1})})
    async with open_runtime(limits=limits) as runtime:
        execution_id = await started(runtime, graph, "inputs")
        with pytest.raises(InboxFullError) as refusal:
            await runtime.execution(execution_id).inject(values_to("a", *range(3000)))
        records = await records_of(runtime, execution_id)
    injected = [each.number for each in records if isinstance(each, Injected)]
    (refused,) = [each for each in records if isinstance(each, Refused)]
    assert refused.messages == injected[refusal.value.accepted :]


async def test_a_message_that_was_told_of_too_early_is_a_cause_all_the_same() -> None:
    """Nodes are told of three messages, handle two, and the third one by itself."""
    chunks: list[Chunk] = []
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(ROW)
        numbers = count(10)
        recorder = Recorder("full", graph, numbers.__next__, chunks.append)
        node = graph.nodes[0]
        batch = [Message(0, b"1", number) for number in (1, 2, 3)]
        recorder.invoked_together("a", node.inputs, batch)
        for part in (batch[:2], batch[2:]):
            recorder.called(node, part, [Outcome(((0, b"1"),))] * len(part), 0.0)
            for _ in part:
                recorder.sent("a", "out", "b", "in", Message(0, b"1", next(numbers), 0))
        recorder.seal()
        shape = (await in_slices(head_of("e", graph, CIRCUMSTANCES))).shape
    emitted = [each for each in Reader(shape).read(chunks[0].body) if isinstance(each, Emitted)]
    assert [each.cause for each in emitted] == [1, 2, 3]


async def test_an_error_is_noted_with_the_message_that_led_to_it() -> None:
    """And what its error port sends follows from that message, too."""
    graph = document(
        {"a": node("symbia.core.map", config={"expression": "value.x.y"}), "b": "symbia.core.passthrough"},
        ["a:error > b:in"],
    )
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", '{"x":{"y":1}}', "{}", '{"x":{"y":2}}'))
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
    injected = [each.number for each in records if isinstance(each, Injected)]
    (failed,) = [each for each in records if isinstance(each, Failed)]
    assert (failed.cause, failed.name) == (injected[1], "TypeError")
    causes = [(each.value, each.cause) for each in records if isinstance(each, Emitted) and each.node == 0]
    assert [(injected.index(cause), value[:1]) for value, cause in causes] == [(0, b"1"), (1, b"{"), (2, b"2")]


async def test_a_large_value_is_written_once() -> None:
    """Along every edge, and again; what is read has it everywhere."""
    large = '"' + "x" * (2 * LARGE_BYTES) + '"'
    async with open_runtime() as runtime:
        execution_id = await started(runtime, ROW, "full")
        await runtime.execution(execution_id).inject(values_to("a", large, large))
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
        assert runtime.recordings.recording(execution_id).figures.size_bytes < 2 * len(large)
    values = [each.value for each in records if isinstance(each, Injected | Emitted)]
    assert values == [large.encode()] * 8


async def test_no_secret_is_noted() -> None:
    """Neither of what goes in, nor of what goes along an edge, nor of what an outside call has failed with."""
    around = Surroundings(secrets={"key": "a-very-secret-key"})
    graph = document(
        {
            "a": "symbia.core.passthrough",
            "b": node(
                "symbia.io.http-request",
                config={"url": "http://127.0.0.1:9/?key=${secret.key}", "headers": {"k": "${secret.key}"}},
            ),
        },
        ["a:out > b:in"],
    )
    async with open_runtime(vault=SameForAll(around)) as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", '"it is a-very-secret-key"'))
        await runtime.execution(execution_id).wait_quiescent()
        await runtime.execution(execution_id).wait_finished()
        values = [bytes(each.value) for each in await told(runtime, execution_id) if isinstance(each.value, Raw)]
        recording = runtime.recordings.recording(execution_id)
        chunks = [chunk async for chunk in runtime.recordings.chunks(recording)]
    assert len(values) >= 2
    assert chunks
    assert not [chunk for chunk in chunks if b"secret-key" in chunk]


async def test_an_answer_from_outside_is_noted_whole() -> None:
    """What was asked, what came, and when; also where nobody answered."""
    graph = document(
        {"a": node("symbia.io.http-request", config={"url": "http://127.0.0.1:9/"}, onError="continue")}
    )
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "inputs")
        await runtime.execution(execution_id).inject(values_to("a", 7))
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
    (answered,) = [each for each in records if isinstance(each, Answered)]
    assert (answered.value, answered.emissions) == (b"7", [])
    assert answered.error is not None
    assert answered.error[0] == "HttpRequestFailed"
    assert answered.at >= answered.began > 0


async def test_a_recording_of_inputs_ends_where_it_would_be_too_large() -> None:
    """Its beginning is what makes it worth anything; the execution goes on."""
    async with open_runtime(limits=EngineLimits(recording_bytes=200_000)) as runtime:
        execution_id = await started(runtime, ROW, "inputs")
        for number in range(10):
            await runtime.execution(execution_id).inject(values_to("a", '"' + str(number) * 50_000 + '"'))
            await runtime.execution(execution_id).wait_quiescent()
        recording = runtime.recordings.recording(execution_id)
        assert recording.figures.why_ended == "too large"
        assert not recording.figures.is_complete
        assert recording.figures.size_bytes <= 200_000
        assert (await records_of(runtime, execution_id))[0].number == 1
        await ended(runtime, execution_id)


async def test_a_full_recording_loses_its_oldest_part() -> None:
    """What is left can be read by itself, and says that something is lacking."""
    async with open_runtime(limits=EngineLimits(recording_bytes=3_000_000)) as runtime:
        execution_id = await started(runtime, ROW, "full")
        for number in range(30):
            value = '"' + str(number) * 100_000 + '"'
            await runtime.execution(execution_id).inject(values_to("a", value, value))
            await runtime.execution(execution_id).wait_quiescent()
        recording = runtime.recordings.recording(execution_id)
        records = await records_of(runtime, execution_id)
        assert recording.is_open
        assert not recording.figures.is_complete
        assert recording.figures.size_bytes <= 3_000_000
        assert records[0].number == recording.figures.first > 1
        assert not [each for each in records if isinstance(each, Lost)]


async def test_what_a_recording_holds_is_charged_to_its_owner() -> None:
    """And released when it goes."""
    async with open_runtime() as runtime:
        before = runtime.ledger.held_by("o")
        graph = await runtime.library.load_graph(ROW, owner="o")
        loaded = runtime.ledger.held_by("o")
        execution_id = await _run(runtime, graph.id)
        assert runtime.ledger.statistics().kinds["recordings"] > 50_000
        runtime.recordings.remove(execution_id, "o")
        assert "recordings" not in runtime.ledger.statistics().kinds
        await runtime.execution(execution_id).forget()
        assert runtime.ledger.held_by("o") == loaded
        await runtime.unload_graph(graph.id)
        assert runtime.ledger.held_by("o") == before


async def _run(runtime: Runtime, graph_id: str) -> str:
    execution = await runtime.execute(graph_id, ExecuteOptions(completion="manual", recording="full"))
    message = Injection("a", "in", Raw(b'"' + b"y" * 60_000 + b'"'))
    await runtime.execution(execution.id).inject([message])
    await ended(runtime, execution.id)
    return execution.id


COUNTER = """return {
  initialize: (ctx) => ctx.setState('from', 10),
  process: (ctx, port, value) => {
    if (value === 'forget') ctx.setState('count', undefined);
    else if (value === 'fail') { ctx.setState('count', -1); throw new Error('no') }
    else ctx.setState('count', (ctx.getState('count') || 0) + value);
    ctx.emit('out', value);
  },
}"""


@pytest.mark.parametrize("is_chained", [False, True])
async def test_what_a_node_sets_in_its_state_is_noted_with_the_message_that_led_to_it(*, is_chained: bool) -> None:
    """A key that is taken away has no value; what a failed invocation has set was never set."""
    counter = {**written("1.0.0", 0), "id": "own.counter"}
    counter["execution"] = {"type": "javascript", "source": COUNTER}
    graph = document({"count": "own.counter", "b": PLUS, "c": PLUS}, ["count:out > b:in", "count:error > c:in"])
    async with open_runtime(chaining=is_chained) as runtime:
        await runtime.library.register_component(counter)
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("count", 1, 2, '"fail"', '"forget"'))
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
    injected = [each.number for each in records if isinstance(each, Injected)]
    found = [(each.cause, each.key, each.value) for each in records if isinstance(each, Written)]
    assert found == [
        (0, "from", b"10"),
        (injected[0], "count", b"1"),
        (injected[1], "count", b"3"),
        (injected[3], "count", b""),
    ]


async def test_what_a_full_inbox_drops_is_noted() -> None:
    """By the numbers of the messages, with the reason."""
    graph = document(
        {"a": node("symbia.core.delay", config={"ms": 60_000}, inbox={"capacity": 1, "overflow": "drop-newest"})}
    )
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", *range(2000)))
        dropped = runtime.execution(execution_id).snapshot().metrics.messages_dropped
        records = await records_of(runtime, execution_id)
    noted = [each for each in records if isinstance(each, Dropped)]
    assert {each.reason for each in noted} == {"overflow"}
    assert sum([len(each.messages) for each in noted]) == dropped > 0
