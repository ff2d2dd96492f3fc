"""The changes of many executions at once: all of a graph, or all that use a component."""

from collections.abc import Callable

from engine.errors import EngineError
from engine.handle import ExecutionHandle
from engine.running.executions import Executions
from proto.reload import ReloadedExecution, ReloadRequest

OpenHandle = Callable[[str], ExecutionHandle]
"""Looks up an execution by its id; raises ExecutionNotFoundError where there is none."""


async def reload_graph(executions: Executions, open_handle: OpenHandle, graph_id: str) -> list[ReloadedExecution]:
    """Let all executions of a graph go over to its present version; return what has become of each."""
    latest = ReloadRequest(graph="latest")
    living = [each.id for each in executions.living() if each.graph_id == graph_id]
    return [await _reload(open_handle, execution_id, latest) for execution_id in living]


async def reload_component(
    executions: Executions, open_handle: OpenHandle, component_id: str, owner: str
) -> list[ReloadedExecution]:
    """Let all executions of an owner that use a component go over to its present version; as above."""
    present = ReloadRequest(components={component_id: None})
    living = [
        each.id
        for each in executions.living()
        if each.owner == owner and any(node.component.definition.id == component_id for node in each.graph.nodes)
    ]
    return [await _reload(open_handle, execution_id, present) for execution_id in living]


async def _reload(open_handle: OpenHandle, execution_id: str, request: ReloadRequest) -> ReloadedExecution:
    try:
        report = await open_handle(execution_id).reload(request)
    except EngineError as error:  # it may have ended meanwhile
        return ReloadedExecution(execution_id, "refused", str(error))
    return ReloadedExecution(execution_id, report.state, report.reason)
