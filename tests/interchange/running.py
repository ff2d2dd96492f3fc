"""Imported flows, run: what their debug and http response nodes were given, by the ids that they had there."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec
import trio

from engine.contracts.handler import HandlerError
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.runtime import open_runtime
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.message import Injection
from service.interchange.imported import Imported

RANDOM = ("_msgid", "_event")
"""Fields of messages that are new each time."""

FIRST_MS, LAST_MS = 1_600_000_000_000, 2_200_000_000_000
"""Numbers between these are moments, in milliseconds since 1970."""

INSTANT = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")

Shown = dict[str, list[Any]]


class Recorder(FlowObserver):
    """Notes what leaves a graph."""

    hears_hops = False

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        self.shown: defaultdict[str, list[Any]] = defaultdict(list)

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        if port == "out":
            self.shown[self._ids.get(node_id, node_id)].append(msgspec.json.decode(value))


class _Watcher(ExecutionObserver):
    """Attaches the recorder before the first value can leave, and notes errors that nobody takes."""

    def __init__(self, runtime: Any, recorder: Recorder, stack: Any) -> None:
        self._runtime, self._recorder, self._stack = runtime, recorder, stack
        self.errors: list[str] = []
        self._watching = False

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        if not self._watching:
            self._watching = True
            self._stack.enter_context(self._runtime.execution(execution.id).watch(self._recorder))

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        del execution_id
        self.errors.append(f"{node_id}: {error.name}: {error.message}")


async def run_imported(
    imported: Imported,
    steps: Sequence[Mapping[str, Any]],
    settle_seconds: float = 0,
    clock: WallClock | None = None,
) -> tuple[Shown, list[str]]:
    """Run the first graph of an import.

    Args:
        imported: the import.
        steps: ``{"node"}`` presses an inject node, by its id in Node-RED; with ``value`` this is injected into it.
        clock: the time of day.
        settle_seconds: the wait between the last step and the end, for what beats by itself.

    Returns:
        What each debug node was given, and the errors that there were.
    """
    graph = imported.graphs[0]
    ids = {
        node["id"]: node["metadata"]["nodered"]["id"]
        for node in graph.document["nodes"]
        if "nodered" in node.get("metadata", {})
    }
    names = {red: name for name, red in reversed(ids.items())}
    recorder = Recorder(ids)
    with ExitStack() as stack:
        async with open_runtime(clock=clock) as runtime:
            for name in graph.components:
                await runtime.library.register_component(imported.components[name])
            loaded = await runtime.library.load_graph(graph.document)
            watcher = _Watcher(runtime, recorder, stack)
            runtime.observe(watcher)
            execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
            handle = runtime.execution(execution.id)
            for step in steps:
                value = msgspec.json.encode(step.get("value"))
                node = names.get(step["node"], step["node"])
                await handle.inject([Injection(node_id=node, port="in", value=msgspec.Raw(value))])
                if "pauseMs" in step or settle_seconds:
                    await trio.sleep(step.get("pauseMs", 20) / 1000)
                else:
                    await handle.wait_quiescent()
            if settle_seconds:
                await trio.sleep(settle_seconds)
                await handle.stop()
            else:
                await handle.complete()
                await handle.wait_finished()
    return dict(recorder.shown), watcher.errors


def comparable(value: Any) -> Any:
    """Return a value without what is new each time: the ids of messages and of sequences."""
    if isinstance(value, dict):
        rest = {key: comparable(each) for key, each in value.items() if key not in RANDOM}
        if isinstance(rest.get("error"), dict):
            rest["error"].pop("stack", None)
        if isinstance(value.get("parts"), dict):
            rest["parts"] = {key: each for key, each in rest["parts"].items() if key != "id"}
        return rest
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, float | int) and FIRST_MS < value < LAST_MS:
        return "now"
    return "now" if isinstance(value, str) and INSTANT.fullmatch(value) else value
