"""The runtime as one caller may see and change it: the same door, with somebody standing at it.

Routes are given this in place of the runtime itself, so none of them can forget to ask. It wraps the runtime and
has the methods of ``engine.views`` alone, so nothing reaches past it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from engine.checkpoint.checkpoint import Checkpoint
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.component import Component
from engine.contracts.observer import FlowObserver
from engine.edge_handle import EdgeHandle
from engine.errors import ExecutionNotFoundError, GraphNotFoundError
from engine.handle import ExecutionHandle
from engine.library import Library
from engine.loaded_graphs import Placement, WrittenGraph
from engine.memory.ledger import Account
from engine.own_components import ComponentPlacement
from engine.quota import UNOWNED
from engine.runtime import Runtime
from engine.versions import UNCONDITIONAL, Condition, Version
from proto.bottleneck import BottleneckReport
from proto.breakpoint import BreakpointRequest, BreakpointSnapshot
from proto.component import ComponentDefinition
from proto.edge import EdgeSnapshot, WaitingMessage
from proto.execution import (
    ExecuteOptions,
    ExecutionSnapshot,
    ExecutionState,
    InjectionReceipt,
    ListedExecution,
    LogEntry,
    Output,
    OutputCounts,
)
from proto.graph import GraphVerdict, Recording
from proto.message import Injection
from proto.problem import Problem
from proto.reload import ReloadedExecution, ReloadPlan, ReloadReport, ReloadRequest
from proto.statistics import ExecutionStatistics, NodeLatency, RuntimeTotals
from service.auth.caller import ORGANIZATION_REQUIRED, Caller
from service.problems import OrganizationRequiredError, ReadOnlyCallerError


class ScopedLibrary:
    """A library behind the rules of ``service.auth.caller``: what is used and made is the caller's organisation's.

    Args:
        library: the real one.
        caller: tells who calls, at the moment of the call.
    """

    def __init__(self, library: Library, caller: Callable[[], Caller]) -> None:
        self._library = library
        self._caller = caller

    def components(self) -> list[ComponentDefinition]:
        return self._library.components(owner=self._namespace())

    def component(self, component_id: str) -> ComponentDefinition:
        return self._library.component(component_id, owner=self._namespace())

    async def register_component(self, document: Any) -> ComponentDefinition:
        return await self._library.register_component(document, owner=maker_of(self._caller()), by=self._by())

    async def replace_component(
        self, component_id: str, document: Any, *, condition: Condition = UNCONDITIONAL
    ) -> ComponentPlacement:
        owner, by = maker_of(self._caller()), self._by()
        return await self._library.replace_component(
            component_id, document, owner=owner, by=by, condition=condition
        )

    async def roll_back_component(
        self, component_id: str, number: int, *, condition: Condition = UNCONDITIONAL
    ) -> ComponentPlacement:
        owner, by = maker_of(self._caller()), self._by()
        return await self._library.roll_back_component(
            component_id, number, owner=owner, by=by, condition=condition
        )

    def component_versions(self, component_id: str) -> list[Version[Component]]:
        return self._library.component_versions(component_id, owner=self._namespace())

    async def unregister_component(self, component_id: str, *, condition: Condition = UNCONDITIONAL) -> None:
        owner = maker_of(self._caller())
        await self._library.unregister_component(component_id, owner=owner, condition=condition)

    async def check_graph(self, document: Any) -> tuple[Problem, ...]:
        return await self._library.check_graph(document, owner=self._namespace())

    async def judge_graph(self, document: Any) -> GraphVerdict:
        return await self._library.judge_graph(document, owner=self._namespace())

    async def load_graph(self, document: Any) -> LoadedGraph:
        return await self._library.load_graph(document, owner=maker_of(self._caller()), by=self._by())

    async def place_graph(
        self, document: Any, *, replace: bool = False, condition: Condition = UNCONDITIONAL
    ) -> Placement:
        owner, by = maker_of(self._caller()), self._by()
        return await self._library.place_graph(document, owner=owner, by=by, replace=replace, condition=condition)

    async def replace_graph(
        self, graph_id: str, document: Any, *, condition: Condition = UNCONDITIONAL
    ) -> Placement:
        check_change(self._caller(), self.graph(graph_id).owner)
        return await self._library.replace_graph(graph_id, document, by=self._by(), condition=condition)

    async def roll_back_graph(
        self, graph_id: str, number: int, *, condition: Condition = UNCONDITIONAL
    ) -> Placement:
        check_change(self._caller(), self.graph(graph_id).owner)
        return await self._library.roll_back_graph(graph_id, number, by=self._by(), condition=condition)

    async def load_graphs(self, documents: Sequence[Any]) -> list[LoadedGraph]:
        return await self._library.load_graphs(documents, owner=maker_of(self._caller()), by=self._by())

    def graphs(self, *, owner: str | None = None) -> list[LoadedGraph]:
        caller = self._caller()
        if caller.sees_all:
            return self._library.graphs(owner=owner)
        if caller.org is None or owner not in (None, caller.org):
            return []
        return self._library.graphs(owner=caller.org)

    def graphs_named(self, name: str) -> list[LoadedGraph]:
        caller = self._caller()
        return [graph for graph in self._library.graphs_named(name) if caller.sees(graph.owner)]

    def graph(self, graph_id: str) -> LoadedGraph:
        graph = self._library.graph(graph_id)
        if not self._caller().sees(graph.owner):
            raise GraphNotFoundError(graph_id)
        return graph

    def graph_versions(self, graph_id: str) -> list[Version[WrittenGraph]]:
        return self._library.graph_versions(self.graph(graph_id).id)

    def graph_version(self, graph_id: str, number: int | None = None) -> Version[WrittenGraph]:
        return self._library.graph_version(self.graph(graph_id).id, number)

    def _by(self) -> str:
        """Return who calls, for the history of what they change."""
        principal = self._caller().principal
        return "" if principal is None else principal.id

    def _namespace(self) -> str:
        """Return whose components the caller uses, besides the built-in ones."""
        return self._caller().org or UNOWNED


def maker_of(caller: Caller) -> str:
    """Return the owner of what a caller makes."""
    if caller.org is None:
        raise OrganizationRequiredError(ORGANIZATION_REQUIRED)
    check_change(caller, caller.org)
    return caller.org


class ScopedExecution:
    """An execution that the caller sees; commands are refused where the caller may only look.

    Args:
        execution: the real one.
        caller: tells who calls, at the moment of the call.
    """

    __slots__ = ("_caller", "_execution")

    def __init__(self, execution: ExecutionHandle, caller: Callable[[], Caller]) -> None:
        self._execution = execution
        self._caller = caller

    @property
    def owner(self) -> str:
        return self._execution.owner

    @property
    def graph(self) -> LoadedGraph | None:
        return self._execution.graph

    # Reading

    def head(self) -> ExecutionSnapshot:
        return self._execution.head()

    async def read_snapshot(self) -> ExecutionSnapshot:
        return await self._execution.read_snapshot()

    async def read_metrics(self) -> ExecutionSnapshot:
        return await self._execution.read_metrics()

    async def read_statistics(self) -> ExecutionStatistics:
        return await self._execution.read_statistics()

    def logs(self) -> list[LogEntry]:
        return self._execution.logs()

    @property
    def logged(self) -> int:
        return self._execution.logged

    async def read_bottlenecks(self) -> BottleneckReport:
        return await self._execution.read_bottlenecks()

    def node_latency(self, node_id: str) -> NodeLatency:
        return self._execution.node_latency(node_id)

    async def read_edges(self) -> list[EdgeSnapshot]:
        return await self._execution.read_edges()

    async def read_edge(self, edge: str) -> EdgeSnapshot:
        return await self._execution.read_edge(edge)

    async def read_waiting(
        self, edge: str, most_bytes: int, offset: int = 0, limit: int | None = None
    ) -> tuple[list[WaitingMessage], int]:
        return await self._execution.read_waiting(edge, most_bytes, offset, limit)

    async def read_waiting_message(self, edge: str, sequence: str) -> WaitingMessage:
        return await self._execution.read_waiting_message(edge, sequence)

    @property
    def output_count(self) -> int:
        return self._execution.output_count

    def output_counts(self, place: str | None = None) -> OutputCounts:
        return self._execution.output_counts(place)

    def outputs(self, place: str | None = None, after: int = 0) -> Iterator[Output]:
        return self._execution.outputs(place, after)

    def breakpoints(self) -> list[BreakpointSnapshot]:
        return self._execution.breakpoints()

    def breakpoint(self, breakpoint_id: str) -> BreakpointSnapshot:
        return self._execution.breakpoint(breakpoint_id)

    def open_account(self) -> Account:
        return self._execution.open_account()

    def watch(self, observer: FlowObserver) -> AbstractContextManager[None]:
        return self._execution.watch(observer)

    async def wait_finished(self) -> ExecutionSnapshot:
        return await self._execution.wait_finished()

    async def wait_quiescent(self) -> ExecutionSnapshot:
        return await self._execution.wait_quiescent()

    # Commands

    async def inject(
        self, messages: Sequence[Injection], *, final: bool = False, cause: str = ""
    ) -> InjectionReceipt:
        return await self._changing().inject(messages, final=final, cause=cause)

    def edge(self, edge: str) -> EdgeHandle:
        return self._changing().edge(edge)

    def edges_of(self, node_id: str) -> EdgeHandle:
        return self._changing().edges_of(node_id)

    async def pause(self) -> ExecutionSnapshot:
        return await self._changing().pause()

    async def resume(self) -> ExecutionSnapshot:
        return await self._changing().resume()

    async def complete(self) -> ExecutionSnapshot:
        return await self._changing().complete()

    async def stop(self, *, drain: bool = False) -> ExecutionSnapshot:
        return await self._changing().stop(drain=drain)

    async def set_breakpoint(self, wanted: BreakpointRequest) -> BreakpointSnapshot:
        return await self._changing().set_breakpoint(wanted)

    async def remove_breakpoint(self, breakpoint_id: str) -> None:
        await self._changing().remove_breakpoint(breakpoint_id)

    async def release(
        self,
        breakpoint_id: str,
        verb: str,
        *,
        hold: int | None = None,
        value: bytes | None = None,
        port: str | None = None,
    ) -> BreakpointSnapshot:
        return await self._changing().release(breakpoint_id, verb, hold=hold, value=value, port=port)

    async def plan_reload(self, request: ReloadRequest) -> ReloadPlan:
        return await self._changing().plan_reload(request)

    async def reload(self, request: ReloadRequest) -> ReloadReport:
        return await self._changing().reload(request)

    async def roll_back(self) -> ReloadReport:
        return await self._changing().roll_back()

    def reloads(self) -> list[ReloadReport]:
        return self._execution.reloads()

    async def forget(self) -> None:
        await self._changing().forget()

    def record(self, level: Recording) -> None:
        self._changing().record(level)

    def _changing(self) -> ExecutionHandle:
        """Return the real execution, for a caller who may change it."""
        check_change(self._caller(), self._execution.owner)
        return self._execution


class ScopedRuntime:
    """A runtime behind the rules of ``service.auth.caller``. Methods do what those of ``Runtime`` do, and besides:

    Whatever has an id is not found where the caller may not see it. What they may see and not change raises
    ReadOnlyCallerError. To make something they must act for an organisation: OrganizationRequiredError otherwise.

    Args:
        runtime: the real one.
        caller: tells who calls, at the moment of the call.
        check_work: raises where nothing new may be begun, because the service is stopping.
    """

    def __init__(
        self, runtime: Runtime, caller: Callable[[], Caller], check_work: Callable[[], None] = lambda: None
    ) -> None:
        self.limits = runtime.limits
        self.library = ScopedLibrary(runtime.library, caller)
        self._runtime = runtime
        self._caller = caller
        self._check_work = check_work

    async def unload_graph(
        self, graph_id: str, *, drain: bool = False, condition: Condition = UNCONDITIONAL
    ) -> None:
        self._check_graph_change(graph_id)
        await self._runtime.unload_graph(graph_id, drain=drain, condition=condition)

    async def execute(
        self,
        graph_id: str,
        options: ExecuteOptions | None = None,
        *,
        on_created: Callable[[str], None] | None = None,
    ) -> ExecutionSnapshot:
        self._check_graph_change(graph_id)
        self._check_work()  # with nothing awaited from here to the start: whoever drains sees it, or it is refused
        return await self._runtime.execute(graph_id, options, on_created=on_created)

    async def fork(
        self,
        checkpoint: Checkpoint,
        graph_id: str,
        version: int | None,
        components: Sequence[Any],
        options: ExecuteOptions,
    ) -> ExecutionSnapshot:
        self._check_graph_change(graph_id)
        self._check_work()
        return await self._runtime.fork(checkpoint, graph_id, version, components, options)

    async def list_executions(
        self,
        *,
        owner: str | None = None,
        state: ExecutionState | None = None,
        graph_id: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[list[ListedExecution], int]:
        caller = self._caller()
        if not caller.sees_all:
            if caller.org is None or owner not in (None, caller.org):
                return [], 0
            owner = caller.org
        return await self._runtime.list_executions(
            owner=owner, state=state, graph_id=graph_id, offset=offset, limit=limit
        )

    def underway(self) -> list[str]:
        caller = self._caller()
        return [each for each in self._runtime.underway() if caller.sees(self._runtime.execution(each).owner)]

    def execution(self, execution_id: str) -> ScopedExecution:
        execution = self._runtime.execution(execution_id)
        if not self._caller().sees(execution.owner):
            raise ExecutionNotFoundError(execution_id)
        return ScopedExecution(execution, self._caller)

    def newest_running(self, graph_id: str) -> str | None:
        self.library.graph(graph_id)
        return self._runtime.newest_running(graph_id)

    async def reload_graph(self, graph_id: str) -> list[ReloadedExecution]:
        self._check_graph_change(graph_id)
        return await self._runtime.reload_graph(graph_id)

    async def reload_component(self, component_id: str) -> list[ReloadedExecution]:
        return await self._runtime.reload_component(component_id, owner=maker_of(self._caller()))

    def totals(self, *, owner: str | None = None) -> RuntimeTotals:
        caller = self._caller()
        if caller.sees_all:
            return self._runtime.totals(owner=owner)
        if caller.org is None or owner not in (None, caller.org):
            return RuntimeTotals(loaded_graphs=0, active_executions=0, total_messages_processed=0)
        return self._runtime.totals(owner=caller.org)

    def _check_graph_change(self, graph_id: str) -> None:
        check_change(self._caller(), self.library.graph(graph_id).owner)


def check_change(caller: Caller, owner: str) -> None:
    """Refuse a caller who may not change what belongs to an owner.

    Raises:
        ReadOnlyCallerError: they may only look at it.
    """
    if not caller.changes(owner):
        raise ReadOnlyCallerError("Not authorized for this organization: you may look, and change nothing")
