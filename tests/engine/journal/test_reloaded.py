"""A recording follows its execution from one revision to the next, and tells what comes then by its names."""

import io
from typing import Any

import pytest
import trio
from msgspec import Raw

from engine.contracts.surroundings import SameForAll, Surroundings
from engine.journal.file import RecordingFile
from engine.journal.lineage import read_lineage
from engine.replaying.replay import ReplayOptions, replay
from engine.runtime import Runtime, open_runtime
from engine.testing.simulated_time import SimulatedTime
from proto.graph import Recording
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, file_of, in_short, started, told, values_to
from tests.engine.reload.running import reload, row

PASS = "symbia.core.passthrough"
LARGE = '"' + "x" * 5_000 + '"'


async def reloaded(runtime: Runtime, level: Recording, following: dict[str, Any], *values: Any) -> str:
    """Run one value through a row of two, and others through what it is changed to."""
    execution_id = await started(runtime, row(PASS, PASS), level)
    execution = runtime.execution(execution_id)
    await execution.inject(values_to("n0", 1))
    await execution.wait_quiescent()
    await runtime.library.replace_graph(execution.graph_id, following)
    assert (await reload(execution, graph="latest")).state == "done"
    await execution.inject(values_to("n9", *values))
    await execution.wait_quiescent()
    return execution_id


FOLLOWING = document({"n9": PASS, "n0": PASS, "n1": PASS}, ["n9:out > n0:in", "n0:out > n1:in"])


@pytest.mark.parametrize("level", ["inputs", "full"])
async def test_what_comes_after_a_reload_is_told_by_the_next_graph(level: Recording) -> None:
    """A node was added before all others; its records have its name, and lineage goes through it."""
    async with open_runtime() as runtime:
        execution_id = await reloaded(runtime, level, FOLLOWING, 2)
        records = await told(runtime, execution_id)
        (revised,) = [each for each in records if each.kind == "revised"]
        assert revised.message == "version 2 of A test"
        if level == "inputs":
            assert in_short(records) == ["injected n0 1", "injected n9 2"]
        else:
            assert in_short(records) == [
                "injected n0 1", "emitted n0 1", "emitted n1 1",
                "injected n9 2", "emitted n9 2", "emitted n0 2", "emitted n1 2",
            ]  # fmt: skip
            assert in_short(await told(runtime, execution_id, node="n9"))[-1] == "emitted n9 2"
            recording = runtime.recordings.recording(execution_id)
            chunks = runtime.recordings.chunks(recording)
            last = records[-1].sequence
            lineage = await read_lineage(await recording.head(), chunks, last, is_complete=True)
            assert in_short(lineage.causes) == ["emitted n0 2", "emitted n9 2", "injected n9 2"]
        await ended(runtime, execution_id)


async def test_a_part_can_be_read_without_those_before_it() -> None:
    """Each begins with what the execution runs by then."""
    async with open_runtime() as runtime:
        execution_id = await reloaded(
            runtime, "full", FOLLOWING, *[LARGE.replace("x", str(each), 1) for each in range(700)]
        )
        figures = runtime.recordings.recording(execution_id).figures
        assert len(figures.segments) > 2
        first = figures.segments[-1][0]
        recording = runtime.recordings.recording(execution_id)
        last = [each async for each in runtime.recordings.chunks(recording, first)]
        assert len(last) < len([each async for each in runtime.recordings.chunks(recording)])
        found = await told(runtime, execution_id, first=first)
        assert {each.kind for each in found} <= {"injected", "emitted", "invoked"}
        assert {each.node_id for each in found} <= {"n9", "n0", "n1"}
        await ended(runtime, execution_id)


async def test_a_secret_of_the_next_version_is_not_noted() -> None:
    """Neither as a value on an edge nor as an output; nor is one of the version before."""
    surroundings = Surroundings(secrets={"first": "sesame-first", "second": "sesame-second"})
    ask = "symbia.io.http-request"
    texts = [
        document({"n0": PASS, "ask": node(ask, config={"url": "http://127.0.0.1/", "headers": {"k": secret}})})
        for secret in ("${secret.first}", "${secret.second}")
    ]
    async with open_runtime(vault=SameForAll(surroundings)) as runtime:
        execution_id = await started(runtime, texts[0], "full")
        execution = runtime.execution(execution_id)
        await runtime.library.replace_graph(execution.graph_id, texts[1])
        assert (await reload(execution, graph="latest")).state == "done"
        await execution.inject(values_to("n0", '"sesame-first"', '"sesame-second"'))
        await execution.wait_quiescent()
        values = [bytes(each.value) for each in await told(runtime, execution_id) if isinstance(each.value, Raw)]
        assert set(values) == {b'"***"'}
        assert b"sesame" not in await file_of(runtime, execution_id)
        await ended(runtime, execution_id)


def test_it_is_run_again_up_to_the_reload() -> None:
    """And that is said."""

    async def record() -> bytes:
        async with open_runtime() as runtime:
            execution_id = await reloaded(runtime, "full", FOLLOWING, 2)
            await ended(runtime, execution_id)
            return await file_of(runtime, execution_id)

    file = RecordingFile(io.BytesIO(trio.run(record)))
    time = SimulatedTime()
    found = trio.run(replay, file.head, file.records, time, ReplayOptions(), clock=time.clock)
    assert (found.differences, found.compared, found.is_same) == ([], 2, False)
    assert [each.startswith("it was reloaded by record ") for each in found.complaints] == [True]
