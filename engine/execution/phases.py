"""The phases in which the instances of an execution take turns: taken up again, initialised, flushed."""

from collections.abc import Callable, Sequence

import trio

from engine.cooperative.slices import Breaks, Steps, in_slices
from engine.errors import CheckpointMismatchError
from engine.execution.edge_control import EdgeControl
from engine.execution.going_on import GoingOn
from engine.execution.in_flight import InFlight
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError

Build = Callable[[list[Instance], ExecutionShared], Steps[None]]
"""Makes the instances, and puts them into the list."""


async def take_up(
    going_on: GoingOn,
    build: Build,
    instances: list[Instance],
    shared: ExecutionShared,
    injector: Injector,
    edge_control: EdgeControl,
) -> ExecutionError | None:
    """Build what goes on from a checkpoint; return why it cannot, if so.

    As a whole, whatever happens meanwhile: what was accepted before is accounted for at any end.
    """
    with trio.CancelScope(shield=True):
        await in_slices(build(instances, shared))
        going_on.begin_groups(shared)
        try:
            await in_slices(going_on.restore_handlers(instances))
        except CheckpointMismatchError as error:
            return ExecutionError(str(error))
        await in_slices(going_on.begin_nodes(shared, instances, injector, edge_control))
    return None


async def initialize(order: Sequence[int], instances: Sequence[Instance]) -> ExecutionError | None:
    """Initialise all instances, in topological order, up to the first that fails; return how that failed."""
    breaks = Breaks()
    for index in order:
        instance = instances[index]
        error = await instance.initialize()
        await breaks.offer()
        if error is not None:
            text = f"Node {instance.node.id} failed to initialize: {error.name}: {error.message}"
            return ExecutionError(text, instance.node.id, error.stack or None)
    return None


async def flush(order: Sequence[int], instances: Sequence[Instance], in_flight: InFlight) -> None:
    """Let every instance give out what it holds, those that feed others first."""
    for index in order:
        if not instances[index].is_concluded:
            await instances[index].flush()
        await in_flight.wait_quiescent()
