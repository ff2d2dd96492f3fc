"""The only door to executions: nothing outside touches an instance, an inbox or a guest."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import trio

from engine.builtin.io_http_request import open_client
from engine.compile.loaded_graph import LoadedGraph
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.components.source import FetchSource, no_source
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.contracts.reports import Sink
from engine.cooperative.slices import in_slices
from engine.errors import (
    ExecutionNotFoundError,
    IllegalTransitionError,
    MemoryBoundError,
    TooManyExecutionsError,
)
from engine.execution.execution import Execution
from engine.execution.injection import Located, locate
from engine.history import Finished
from engine.limits import EngineLimits
from engine.memory.lease import MESSAGE_BYTES
from engine.memory.ledger import Account
from engine.overview import Overview
from engine.wall_clock import WallClock
from proto.component import ExecutionLimits
from proto.execution import (
    ExecuteOptions,
    ExecutionSnapshot,
    InjectionReceipt,
)
from proto.message import Injection
from workers.bounds import PoolBounds
from workers.pool import Pool, open_pool

EXECUTION_BYTES = 32 * 1024
"""What an execution takes beside its nodes."""

NODE_BYTES = 11 * 1024
"""What each of its nodes takes, whatever it does: 8 kB were measured; the rest pays for the small messages that
may always wait before it, and for what it may have in hand."""


@asynccontextmanager
async def open_runtime(
    *,
    limits: EngineLimits | None = None,
    cache_folder: Path | None = None,
    open_http_client: Callable[[], httpx.AsyncClient] = open_client,
    fetch_source: FetchSource = no_source,
    sink: Sink | None = None,
    clock: WallClock | None = None,
    maximum_guest_limits: ExecutionLimits | None = None,
    chaining: bool = True,
    worker_bounds: PoolBounds | None = None,
    compiler_processes: int | None = None,
) -> AsyncIterator["Runtime"]:
    """A runtime; at the end of the block all its executions are stopped and cleaned up.

    Args:
        limits: its bounds; the defaults when absent.
        cache_folder: where compiled guests are kept; the user's cache folder when absent.
        open_http_client: makes the client that a node uses for outgoing HTTP.
        fetch_source: fetches the source of a component that names a URL in its place; none are taken when absent.
        sink: takes what graphs report as metrics and log lines; they are only counted when absent.
        clock: the time of day.
        maximum_guest_limits: what a component may ask for; the runtime's own maximum where absent.
        chaining: whether linear runs of nodes with foreign code run as one, where they may (docs/decisions/0070).
        worker_bounds: of the processes for work that cannot be sliced; the defaults when absent.
        compiler_processes: modules that are compiled at once; the default when absent.
    """
    limits = limits or EngineLimits()
    async with (
        open_pool(worker_bounds) as workers,
        open_sandboxes(cache_folder, maximum_guest_limits, limits, compiler_processes) as host,
        trio.open_nursery() as nursery,
    ):
        registry = Registry(host, limits, open_http_client, fetch_source, sink, workers)
        fault: Exception | None = None
        try:
            yield Runtime(nursery, registry, limits, clock or WallClock(), workers, chaining=chaining)
        except Exception as error:  # noqa: BLE001 - raised below, outside the nursery
            fault = error
        nursery.cancel_scope.cancel()
    if fault is not None:  # as it came: that there is a nursery here is nobody's business
        raise fault


class Runtime(Overview):
    """A library of graphs and components, and the executions that run them. Made by :func:`open_runtime`.

    Attributes:
        workers: processes for work that cannot be sliced, shared fairly between owners.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        registry: Registry,
        limits: EngineLimits,
        clock: WallClock,
        workers: Pool,
        *,
        chaining: bool = True,
    ) -> None:
        super().__init__(registry, limits, clock, workers)
        self._nursery = nursery
        self._chaining = chaining
        self._observers: list[ExecutionObserver] = []

    # Watching

    def observe(self, observer: ExecutionObserver) -> None:
        """Tell ``observer`` of state changes, log lines and failures of all executions from now on."""
        self._observers.append(observer)

    @contextmanager
    def watch(self, execution_id: str, observer: FlowObserver) -> Iterator[None]:
        """Tell ``observer`` of every hop of one execution, for the length of the block.

        Raises:
            ExecutionNotFoundError: no such execution is under way.
        """
        execution = self._executions.get(execution_id)
        if execution is None:
            raise ExecutionNotFoundError(execution_id)
        execution.add_flow_observer(observer)
        try:
            yield
        finally:
            execution.remove_flow_observer(observer)

    # Graphs

    async def unload_graph(self, graph_id: str, *, drain: bool = False) -> None:
        """Forget a graph, and stop its executions: at once, or after they have drained.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        self._forget_graph(graph_id)
        async with trio.open_nursery() as nursery:
            for execution in self._executions.values():
                if execution.graph.id == graph_id:
                    nursery.start_soon(partial(_stop_if_running, execution, drain=drain))

    # Executions

    async def execute(
        self,
        graph_id: str,
        options: ExecuteOptions | None = None,
        *,
        on_created: Callable[[str], None] | None = None,
    ) -> ExecutionSnapshot:
        """Start an execution; return when it runs, or when it has failed to initialise.

        Args:
            graph_id: what to run.
            options: how.
            on_created: called with the execution's id before anything happens in it, so that a watcher misses
                nothing; it takes note and never raises.

        Raises:
            GraphNotFoundError: there is no such graph.
            TooManyExecutionsError: as many are under way as may be.
            QuotaError: the graph's owner has as many under way as they may.
            InjectionRateError: the owner injects more bytes per second than they may.
            MemoryBoundError: there is no memory for it; nothing was started.
            InvalidInjectionError: ``options.inputs`` name no port; nothing was started.
        """
        options = options or ExecuteOptions()
        inputs = await locate(self.graph(graph_id), options.inputs or (), self.limits, key="inputs")
        graph = self.graph(graph_id)  # it may have been unloaded meanwhile
        underway = sum(execution.owner == graph.owner for execution in self._executions.values())
        self._quotas.check_executions(underway)
        limit = self.limits.max_concurrent_executions
        if len(self._executions) >= limit:
            raise TooManyExecutionsError(limit)
        account = self._open_account(graph, inputs)
        self._quotas.spend(graph.owner, (len(text) for _, _, text, _ in inputs))
        default_timeout_ms = 0.0 if graph.is_long_lived else self.limits.default_timeout_ms
        execution = Execution(
            execution_id=str(uuid4()),
            graph=graph,
            limits=self.limits,
            completion=options.completion or ("manual" if graph.is_long_lived else "auto"),
            timeout_ms=default_timeout_ms if options.timeout_ms is None else options.timeout_ms,
            observers=self._observers,
            clock=self._clock,
            chaining=self._chaining,
            workers=self.workers,
            account=account,
        )
        self._executions[execution.id] = execution
        if on_created is not None:
            on_created(execution.id)
        self._nursery.start_soon(self._run, execution, account)
        try:
            await execution.started.wait()
        except BaseException:
            execution.abandon()  # its id has reached nobody, so nobody could ever stop it
            raise
        if options.inputs is not None:
            execution.begin_with(inputs)
        return await in_slices(execution.read_snapshot())

    def _open_account(self, graph: LoadedGraph, inputs: Sequence[Located]) -> Account:
        """An account that is charged with a new execution and what it begins with.

        Raises:
            MemoryBoundError: there is no memory for it.
        """
        account = self.ledger.account(graph.owner)
        try:
            account.charge(EXECUTION_BYTES + NODE_BYTES * len(graph.nodes), "executions")
            account.charge(sum(len(text) + MESSAGE_BYTES for _, _, text, _ in inputs), "held")
        except MemoryBoundError:
            account.close()
            raise
        return account

    async def _run(self, execution: Execution, account: Account) -> None:
        try:
            await execution.run()
        finally:
            del self._executions[execution.id]
            self._totals.close(execution)
            self._history.add(
                Finished(
                    execution.owner,
                    execution.snapshot(),
                    execution.logs(),
                    execution.statistics(),
                    execution.shared.log_buffer.size_bytes,
                )
            )
            execution.empty()
            account.close()

    async def inject(
        self, execution_id: str, messages: Sequence[Injection], *, final: bool = False, cause: str = ""
    ) -> InjectionReceipt:
        """Push messages into an execution, in order; with ``final`` they are the last ones.

        ``cause`` is what flow observers are told of where they come from.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            InvalidInjectionError: a message names no port, or its value is too large; none was taken in.
            IllegalTransitionError: the execution takes no messages in its present state.
            InputsClosedError: it was told before that no more input is coming.
            OverloadedError: a bound was met; ``accepted`` says how many had been taken in.
        """
        execution = self._underway(execution_id, "inject into")
        if self.ledger.refusal(execution.owner, self.limits.value_bytes) is not None:  # seldom
            self.ledger.require(execution.owner, max([len(message.value) for message in messages], default=0))
        located = await locate(execution.graph, messages, self.limits)
        self._quotas.spend(execution.owner, (len(text) for _, _, text, _ in located))
        return await execution.inject(located, final=final, cause=cause)

    async def pause(self, execution_id: str) -> ExecutionSnapshot:
        """Hold an execution's messages; when this returns no handler is running.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it is not running.
        """
        execution = self._underway(execution_id, "pause")
        await execution.pause()
        return await in_slices(execution.read_snapshot())

    async def resume(self, execution_id: str) -> ExecutionSnapshot:
        """Let a paused execution go on, with what it holds first.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it is not paused.
        """
        execution = self._underway(execution_id, "resume")
        await execution.resume()
        return await in_slices(execution.read_snapshot())

    async def complete(self, execution_id: str) -> ExecutionSnapshot:
        """Tell an execution that no more input is coming; it ends when it has processed what it has.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it is neither running nor paused.
        """
        execution = self._underway(execution_id, "complete")
        execution.complete()
        return await in_slices(execution.read_snapshot())

    async def stop(self, execution_id: str, *, drain: bool = False) -> ExecutionSnapshot:
        """End an execution, at once or after it has drained; return when it has left nothing behind.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it has ended already.
        """
        execution = self._underway(execution_id, "stop")
        await execution.stop(drain=drain)
        return await in_slices(execution.read_snapshot())

    async def wait_finished(self, execution_id: str) -> ExecutionSnapshot:
        """Wait for the end of an execution, whatever it is.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        execution = self._known(execution_id)
        if isinstance(execution, Execution):
            await execution.finished.wait()
        return await in_slices(execution.read_snapshot())

    async def wait_quiescent(self, execution_id: str) -> ExecutionSnapshot:
        """Wait until nothing is in flight in an execution, or it has ended.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        execution = self._known(execution_id)
        await execution.wait_quiescent()
        return await in_slices(execution.read_snapshot())

    async def forget_execution(self, execution_id: str) -> None:
        """Stop an execution if it has not ended, and keep nothing of it.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        execution = self._known(execution_id)
        if isinstance(execution, Execution):
            await _stop_if_running(execution)
        self._history.forget(execution_id)

    def _underway(self, execution_id: str, command: str) -> Execution:
        execution = self._known(execution_id)
        if isinstance(execution, Finished):
            raise IllegalTransitionError(execution_id, command, execution.state)
        return execution


async def _stop_if_running(execution: Execution, *, drain: bool = False) -> None:
    try:
        await execution.stop(drain=drain)
    except IllegalTransitionError:
        return  # it ended by itself in the same moment
