"""Executions that are recorded in tests, and what was noted of them."""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from engine.journal.file import write_file
from engine.journal.history import Filter, read_page
from engine.journal.records import Reader, Record
from engine.runtime import Runtime
from proto.execution import ExecuteOptions
from proto.graph import Recording
from proto.message import Injection
from proto.recording import HistoryRecord


def values_to(node: str, *values: Any, port: str = "in") -> list[Injection]:
    """Return messages with these JSON texts, or numbers."""
    return [Injection(node, port, Raw(str(value).encode())) for value in values]


async def started(runtime: Runtime, graph: dict[str, Any], level: Recording | None, **options: Any) -> str:
    """Load a graph and start it; return the id of the execution."""
    loaded = await runtime.library.load_graph(graph)
    options = {"completion": "manual", "recording": level, **options}
    return (await runtime.execute(loaded.id, ExecuteOptions(**options))).id


async def ended(runtime: Runtime, execution_id: str) -> None:
    """Let an execution do what it has to do, and end."""
    await runtime.execution(execution_id).complete()
    await runtime.execution(execution_id).wait_finished()


async def records_of(runtime: Runtime, recording_id: str) -> list[Record]:
    """Return all that was noted."""
    recording = runtime.recordings.recording(recording_id)
    reader = Reader((await recording.head()).shape)
    return [record async for chunk in runtime.recordings.chunks(recording) for record in reader.read(chunk)]


async def told(runtime: Runtime, recording_id: str, **wanted: Any) -> list[HistoryRecord]:
    """Return what was noted, as people read it."""
    recording = runtime.recordings.recording(recording_id)
    page = await read_page(await recording.head(), runtime.recordings.chunks(recording), Filter(**wanted))
    return page.records


async def file_of(runtime: Runtime, recording_id: str) -> bytes:
    """Return a recording as a file."""
    recording = runtime.recordings.recording(recording_id)
    chunks = [chunk async for chunk in runtime.recordings.chunks(recording)]
    return b"".join(write_file(await recording.head(), chunks))


def in_short(records: Sequence[HistoryRecord]) -> list[str]:
    """Return records of values as ``kind node value``."""
    return [
        f"{each.kind} {each.node_id} {bytes(each.value).decode()}"
        for each in records
        if isinstance(each.value, Raw)
    ]
