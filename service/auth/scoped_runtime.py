"""The runtime as one caller may see and change it: the same door, with somebody standing at it.

Routes are given this in place of the runtime itself, so none of them can forget to ask. It is a ``Runtime`` in
type alone: nothing of one is set up in it, so a method that is not written here fails, and does not reach past it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.compile.loaded_graph import LoadedGraph
from engine.components.lookup import ComponentSource
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.errors import ExecutionNotFoundError, GraphNotFoundError
from engine.memory.ledger import Account
from engine.quota import UNOWNED
from engine.runtime import Runtime
from engine.totals import RuntimeStatistics
from proto.component import ComponentDefinition
from proto.execution import (
    ExecuteOptions,
    ExecutionSnapshot,
    ExecutionState,
    InjectionReceipt,
    ListedExecution,
    LogEntry,
)
from proto.message import Injection
from proto.problem import Problem
from proto.statistics import ExecutionStatistics, RuntimeTotals
from service.auth.caller import ORGANIZATION_REQUIRED, Caller
from service.problems import OrganizationRequiredError, ReadOnlyCallerError


class ScopedRuntime(Runtime):
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
        self._runtime = runtime
        self._caller = caller
        self._check_work = check_work

    # Watching

    def observe(self, observer: ExecutionObserver) -> None:
        """Refused to all callers: an observer hears of everybody's executions."""
        del observer
        raise ReadOnlyCallerError("Only the service itself may watch all executions")

    @contextmanager
    def watch(self, execution_id: str, observer: FlowObserver) -> Iterator[None]:
        self._see_execution(execution_id)
        with self._runtime.watch(execution_id, observer):
            yield

    def find_components_in(self, source: ComponentSource | None) -> None:
        """Refused to all callers: where components come from is the service's to say."""
        del source
        raise ReadOnlyCallerError("Only the service itself may say where components come from")

    # Components and graphs: whose they are is the caller's, whatever a route may give as the owner

    def components(self, *, owner: str = "") -> list[ComponentDefinition]:
        del owner
        return self._runtime.components(owner=self._namespace())

    def component(self, component_id: str, *, owner: str = "") -> ComponentDefinition:
        del owner
        return self._runtime.component(component_id, owner=self._namespace())

    async def register_component(self, document: Any, *, owner: str = "") -> ComponentDefinition:
        del owner
        return await self._runtime.register_component(document, owner=self._maker())

    def unregister_component(self, component_id: str, *, owner: str = "") -> None:
        del owner
        self._runtime.unregister_component(component_id, owner=self._maker())

    async def check_graph(self, document: Any, *, owner: str = "") -> tuple[Problem, ...]:
        del owner
        return await self._runtime.check_graph(document, owner=self._namespace())

    async def load_graph(self, document: Any, *, owner: str = "") -> LoadedGraph:
        del owner
        return await self._runtime.load_graph(document, owner=self._maker())

    async def load_graphs(self, documents: Sequence[Any], *, owner: str = "") -> list[LoadedGraph]:
        del owner
        return await self._runtime.load_graphs(documents, owner=self._maker())

    def graphs(self, *, owner: str | None = None) -> list[LoadedGraph]:
        caller = self._caller()
        if caller.sees_all:
            return self._runtime.graphs(owner=owner)
        if caller.org is None or owner not in (None, caller.org):
            return []
        return self._runtime.graphs(owner=caller.org)

    def graphs_named(self, name: str) -> list[LoadedGraph]:
        caller = self._caller()
        return [graph for graph in self._runtime.graphs_named(name) if caller.sees(graph.owner)]

    def graph(self, graph_id: str) -> LoadedGraph:
        graph = self._runtime.graph(graph_id)
        if not self._caller().sees(graph.owner):
            raise GraphNotFoundError(graph_id)
        return graph

    async def unload_graph(self, graph_id: str, *, drain: bool = False) -> None:
        self._change_graph(graph_id)
        await self._runtime.unload_graph(graph_id, drain=drain)

    # Executions

    async def execute(
        self,
        graph_id: str,
        options: ExecuteOptions | None = None,
        *,
        on_created: Callable[[str], None] | None = None,
    ) -> ExecutionSnapshot:
        self._change_graph(graph_id)
        self._check_work()  # with nothing awaited from here to the start: whoever drains sees it, or it is refused
        return await self._runtime.execute(graph_id, options, on_created=on_created)

    def executions(self, *, owner: str | None = None) -> list[ExecutionSnapshot]:
        caller = self._caller()
        if caller.sees_all:
            return self._runtime.executions(owner=owner)
        if caller.org is None or owner not in (None, caller.org):
            return []
        return self._runtime.executions(owner=caller.org)

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
        return [each for each in self._runtime.underway() if caller.sees(self._runtime.owner_of(each))]

    def owner_of(self, execution_id: str) -> str:
        return self._see_execution(execution_id)

    def execution(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return self._runtime.execution(execution_id)

    def newest_running(self, graph_id: str) -> str | None:
        self.graph(graph_id)
        return self._runtime.newest_running(graph_id)

    def execution_head(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return self._runtime.execution_head(execution_id)

    def statistics(self, execution_id: str) -> ExecutionStatistics:
        self._see_execution(execution_id)
        return self._runtime.statistics(execution_id)

    async def read_execution(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return await self._runtime.read_execution(execution_id)

    async def read_metrics(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return await self._runtime.read_metrics(execution_id)

    async def read_statistics(self, execution_id: str) -> ExecutionStatistics:
        self._see_execution(execution_id)
        return await self._runtime.read_statistics(execution_id)

    def logs(self, execution_id: str) -> list[LogEntry]:
        self._see_execution(execution_id)
        return self._runtime.logs(execution_id)

    async def inject(
        self, execution_id: str, messages: Sequence[Injection], *, final: bool = False, cause: str = ""
    ) -> InjectionReceipt:
        self._change_execution(execution_id)
        return await self._runtime.inject(execution_id, messages, final=final, cause=cause)

    def open_account(self, execution_id: str) -> Account:
        self._see_execution(execution_id)
        return self._runtime.open_account(execution_id)

    async def pause(self, execution_id: str) -> ExecutionSnapshot:
        self._change_execution(execution_id)
        return await self._runtime.pause(execution_id)

    async def resume(self, execution_id: str) -> ExecutionSnapshot:
        self._change_execution(execution_id)
        return await self._runtime.resume(execution_id)

    async def complete(self, execution_id: str) -> ExecutionSnapshot:
        self._change_execution(execution_id)
        return await self._runtime.complete(execution_id)

    async def stop(self, execution_id: str, *, drain: bool = False) -> ExecutionSnapshot:
        self._change_execution(execution_id)
        return await self._runtime.stop(execution_id, drain=drain)

    async def wait_finished(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return await self._runtime.wait_finished(execution_id)

    async def wait_quiescent(self, execution_id: str) -> ExecutionSnapshot:
        self._see_execution(execution_id)
        return await self._runtime.wait_quiescent(execution_id)

    async def forget_execution(self, execution_id: str) -> None:
        self._change_execution(execution_id)
        await self._runtime.forget_execution(execution_id)

    def totals(self, *, owner: str | None = None) -> RuntimeTotals:
        caller = self._caller()
        if caller.sees_all:
            return self._runtime.totals(owner=owner)
        if caller.org is None or owner not in (None, caller.org):
            return RuntimeTotals(loaded_graphs=0, active_executions=0, total_messages_processed=0)
        return self._runtime.totals(owner=caller.org)

    async def figures(self) -> RuntimeStatistics:
        """Only for whoever sees everything: the figures of one organisation are not kept apart."""
        if not self._caller().sees_all:
            raise ReadOnlyCallerError("The figures of all organizations are for those who may see all of them")
        return await self._runtime.figures()

    # Rules

    def _namespace(self) -> str:
        """Whose components the caller uses, besides the built-in ones."""
        return self._caller().org or UNOWNED

    def _maker(self) -> str:
        """The owner of what the caller makes."""
        caller = self._caller()
        if caller.org is None:
            raise OrganizationRequiredError(ORGANIZATION_REQUIRED)
        self._check_change(caller, caller.org)
        return caller.org

    def _change_graph(self, graph_id: str) -> None:
        self._check_change(self._caller(), self.graph(graph_id).owner)

    def _see_execution(self, execution_id: str) -> str:
        owner = self._runtime.owner_of(execution_id)
        if not self._caller().sees(owner):
            raise ExecutionNotFoundError(execution_id)
        return owner

    def _change_execution(self, execution_id: str) -> None:
        self._check_change(self._caller(), self._see_execution(execution_id))

    def _check_change(self, caller: Caller, owner: str) -> None:
        if not caller.changes(owner):
            raise ReadOnlyCallerError("Not authorized for this organization: you may look, and change nothing")
