"""The flight recorder: of an execution that nobody records the latest is there once it has failed."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import RecordingNotFoundError
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from store.sqlite import open_sqlite_store
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, in_short, records_of, started, told, values_to

LIMITS = EngineLimits(flight_recorder_bytes=400_000)
FAILING = document(
    {"a": "symbia.core.passthrough", "b": node("symbia.core.map", config={"expression": "value.x.y"})},
    ["a:out > b:in"],
)
GOOD = '{"x":{"y":"%s"}}' % ("z" * 3_000)


async def failed(runtime: Runtime, *values: Any, **options: Any) -> str:
    execution_id = await started(runtime, FAILING, options.pop("level", None), **options)
    handle = runtime.execution(execution_id)
    for value in values:
        await handle.inject(values_to("a", value))
        await handle.wait_quiescent()
    await handle.inject(values_to("a", "{}"))
    await handle.wait_finished()
    assert handle.head().state == "failed"
    return execution_id


async def test_what_failed_can_be_looked_at() -> None:
    """Nobody had asked for it; it can be run again where all of it is there."""
    async with open_runtime(limits=LIMITS) as runtime:
        execution_id = await failed(runtime, '{"x":{"y":7}}')
        recording = runtime.recordings.recording(execution_id)
        assert (recording.summary().state, recording.summary().level) == ("failed", "full")
        found = in_short(await told(runtime, execution_id))
        assert found[-4:-1] == ["emitted b 7", "injected a {}", "emitted a {}"]
        assert "failed" in [each.kind for each in await told(runtime, execution_id)]
        assert (await recording.head()).is_whole


async def test_only_the_latest_is_kept() -> None:
    """As many bytes as were said; so it cannot be run again."""
    async with open_runtime(limits=LIMITS) as runtime:
        execution_id = await failed(runtime, *[GOOD.replace("z", str(number), 1) for number in range(150)])
        recording = runtime.recordings.recording(execution_id)
        assert 200_000 < recording.figures.size_bytes <= 400_000
        assert recording.figures.first > 1
        assert not (await recording.head()).is_whole
        last = [each.value for each in await records_of(runtime, execution_id) if hasattr(each, "value")]
        assert last[-3:-1] == [b"{}", b"{}"]


@pytest.mark.parametrize("level", [None, "off"])
async def test_of_what_went_well_and_of_what_was_said_nothing_is_kept(level: Any) -> None:
    """Nor is any memory charged for it any more."""
    async with open_runtime(limits=LIMITS) as runtime:
        if level is None:
            execution_id = await started(runtime, FAILING, None)
            await runtime.execution(execution_id).inject(values_to("a", '{"x":{"y":7}}'))
            await ended(runtime, execution_id)
        else:
            execution_id = await failed(runtime, level=level)
        with pytest.raises(RecordingNotFoundError):
            runtime.recordings.recording(execution_id)
        assert "recordings" not in runtime.ledger.statistics().kinds


async def test_whoever_chooses_a_level_has_that_one() -> None:
    """In place of what was noted before."""
    async with open_runtime(limits=LIMITS) as runtime:
        execution_id = await started(runtime, FAILING, None)
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("a", '{"x":{"y":7}}'))
        await handle.wait_quiescent()
        handle.record("inputs")
        await handle.inject(values_to("a", "{}"))
        await handle.wait_finished()
        assert runtime.recordings.recording(execution_id).summary().state == "ended"
        assert in_short(await told(runtime, execution_id)) == ["injected a {}"]


async def test_it_goes_to_the_store_once_it_is_kept(tmp_path: Path) -> None:
    """And is there after a restart."""
    async with (
        open_sqlite_store(tmp_path) as store,
        open_runtime(limits=LIMITS, keeper=Keeper(store)) as runtime,
    ):
        execution_id = await failed(runtime, '{"x":{"y":7}}')
        before = await records_of(runtime, execution_id)
    async with open_sqlite_store(tmp_path) as store, open_runtime(keeper=Keeper(store)) as runtime:
        await runtime.restore()
        assert runtime.recordings.recording(execution_id).summary().state == "failed"
        assert await records_of(runtime, execution_id) == before
