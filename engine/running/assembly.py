"""The making of an execution of which nothing runs yet: its messages, its values, its memory, its parts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.weight import weight_of
from engine.compile.execution_values import fill_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.template import FilledGraph
from engine.contracts.observer import ExecutionObserver
from engine.cooperative.slices import in_slices
from engine.durability.durable_execution import DurableExecution
from engine.durability.durable_executions import DurableExecutions
from engine.errors import MemoryBoundError
from engine.execution.build import StandIn, no_stand_in
from engine.execution.checkpoint_checks import check
from engine.execution.execution import Execution
from engine.execution.heritage import Heritage
from engine.execution.injection import Located, locate
from engine.keeping.keeper import Keeper
from engine.keeping.records import KeptBeginning
from engine.library import Library
from engine.limits import EngineLimits
from engine.memory.lease import MESSAGE_BYTES
from engine.memory.ledger import Account
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions
from workers.pool import Pool

EXECUTION_BYTES = 32 * 1024
"""Bytes charged for an execution beside its nodes."""

NODE_BYTES = 11 * 1024
"""Bytes charged for each of its nodes, whatever it does: 8 kB were measured; the rest pays for
the small messages that may always wait before it, and for what it may have in hand."""


class Rerun(NamedTuple):
    """An earlier execution that is to come again.

    Attributes:
        seed: where its randomness comes from; a random one when absent.
        stand_in: makes the handlers of nodes whose components are not to work.
        prepare: is given the execution, before there is any instance of it.
    """

    seed: int | None = None
    stand_in: StandIn = no_stand_in
    prepare: Callable[[Execution], None] = lambda _: None


FIRST_RUN = Rerun()


class Assembly:
    """The parts of which executions are made.

    Args:
        limits: the runtime's bounds.
        library: has their owners' values and memory.
        keeper: writes what durable ones accept.
        durable: the durable executions, each of which has a log.
        clock: the time of day.
        workers: processes for work that cannot be sliced.
        observers: of all executions; whoever comes later is in the same list.
        chaining: whether nodes that may run as one do.

    Attributes:
        chaining: as above.
        clock: as above.
    """

    def __init__(
        self,
        limits: EngineLimits,
        library: Library,
        keeper: Keeper,
        durable: DurableExecutions,
        clock: WallClock,
        workers: Pool,
        observers: Sequence[ExecutionObserver],
        *,
        chaining: bool,
    ) -> None:
        self.chaining = chaining
        self._limits = limits
        self._library = library
        self._keeper = keeper
        self._durable = durable
        self.clock = clock
        self._workers = workers
        self._observers = observers

    def way(self, graph: LoadedGraph, options: ExecuteOptions) -> KeptBeginning:
        """Return the ways in which an execution runs: those asked for, and those that its graph has otherwise."""
        default_timeout_ms = 0.0 if graph.is_long_lived else self._limits.default_timeout_ms
        return KeptBeginning(
            options.completion or ("manual" if graph.is_long_lived and not graph.ends_with_sources else "auto"),
            default_timeout_ms if options.timeout_ms is None else options.timeout_ms,
            options.parameters,
        )

    async def beginning(self, graph: LoadedGraph, options: ExecuteOptions) -> tuple[list[Located], FilledGraph]:
        """Return what an execution begins with: messages, and what is filled into its graph.

        Raises:
            InvalidInjectionError: a message names no port.
            InvalidParametersError: a parameter is missing, or does not fit.
        """
        inputs = await locate(graph, options.inputs or (), self._limits, key="inputs")
        surroundings = self._library.vault.of(graph.owner)
        return inputs, await fill_graph(graph, options.parameters, surroundings, self._limits)

    async def beginning_again(self, graph: LoadedGraph, way: KeptBeginning) -> FilledGraph:
        """Return what is filled into the graph of an execution of an earlier process.

        Raises:
            InvalidParametersError: a parameter does not fit any more.
        """
        surroundings = self._library.vault.of(graph.owner)
        return await fill_graph(graph, way.parameters, surroundings, self._limits)

    def open_account(self, graph: LoadedGraph, inputs: Sequence[Located], filled_bytes: int) -> Account:
        """Open an account that is charged with a new execution and what it begins with.

        ``filled_bytes`` are those that were filled into configurations.

        Raises:
            MemoryBoundError: there is no memory for it.
        """
        account = self._library.ledger.account(graph.owner)
        try:
            account.charge(EXECUTION_BYTES + NODE_BYTES * len(graph.nodes) + filled_bytes, "executions")
            account.charge(sum(len(message.value) + MESSAGE_BYTES for _, message in inputs), "held")
        except MemoryBoundError:
            account.close()
            raise
        return account

    def made(
        self,
        execution_id: str,
        graph: LoadedGraph,
        way: KeptBeginning,
        values: FilledGraph,
        account: Account,
        heritage: Heritage | None = None,
        *,
        is_durable: bool,
        last_entry: int = 0,
        rerun: Rerun = FIRST_RUN,
        begins_from: Checkpoint | None = None,
    ) -> Execution:
        """Make an execution, of which nothing runs yet; it can go on from there, as ``refuse_unfit`` says."""
        parts: dict[str, Any] = {
            "execution_id": execution_id,
            "graph": graph,
            "limits": self._limits,
            "completion": way.completion,
            "timeout_ms": way.timeout_ms,
            "observers": self._observers,
            "clock": self.clock,
            "chaining": self.chaining,
            "workers": self._workers,
            "account": account,
            "heritage": heritage,
            "values": values,
            "seed": rerun.seed,
            "stand_in": rerun.stand_in,
            "begins_from": begins_from,
            "parameters": way.parameters,
        }
        if not is_durable:
            return Execution(**parts)
        log = self._durable.open_log(graph.owner, execution_id, last_entry)
        return DurableExecution(log=log, keeper=self._keeper, counters=self._durable.counters, **parts)


async def refuse_unfit(checkpoint: Checkpoint, graph: LoadedGraph, account: Account) -> None:
    """Refuse a checkpoint that a graph cannot go on from, or where there is no memory for what waits in it.

    Raises:
        CheckpointMismatchError: the graph cannot.
        MemoryBoundError: there is none.
    """
    await in_slices(check(checkpoint, graph))
    refusal = account.refusal(await in_slices(weight_of(checkpoint)))
    if refusal is not None:
        try:
            raise refusal
        finally:
            del refusal
