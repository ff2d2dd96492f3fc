"""One component alone, without a graph: for its author's tests, and for anybody who wants to see what it does.

    async with open_workbench() as workbench:
        await workbench.register(definition)
        async with workbench.open("custom.math.square") as unit:
            reply = await unit.send("in", 12)
            assert reply.emissions == {"out": [144]}

The component runs as it would in a graph: built-in or sandboxed, with its defaults filled in, its ports validated
where it asks for it. Time is Trio's; under a mock clock, a delay takes none.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import trio

from engine.builtin.io_http_request import open_client
from engine.components import config as configuration
from engine.components.registry import Registry
from engine.components.sandboxed import SandboxedHandler, open_sandboxes
from engine.components.source import FetchSource, no_source
from engine.contracts.component import Component, input_names, is_lenient, outputs_of
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message, Outcome
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from engine.schemas.port_schemas import compile_schemas
from engine.schemas.validating_handler import ValidatingHandler
from engine.wall_clock import WallClock
from proto import codec
from proto.component import ExecutionLimits
from workers.pool import Pool, open_pool


class Reply(msgspec.Struct, frozen=True):
    """The effects of one invocation.

    Attributes:
        emissions: decoded values by output port, in order; ports without emissions are absent.
        logs: (level, message) of each line.
        error: the reason why it failed, or nothing; then there are no emissions.
    """

    emissions: Mapping[str, Sequence[Any]]
    logs: Sequence[tuple[str, str]] = ()
    error: HandlerError | None = None


class InitializationError(RuntimeError):
    """A component's ``initialize`` failed; ``reply`` says how."""

    def __init__(self, error: HandlerError, reply: Reply) -> None:
        super().__init__(f"initialize failed: {error.name}: {error.message}")
        self.reply = reply


_ANY_BYTES = 2**62
_TOO_MUCH = HandlerError("OutputLimitExceeded", "it has emitted and logged more than there is room for here")


class Unit:
    """One instance of a component on the workbench.

    Attributes:
        inputs: names of its input ports.
        outputs: names of its output ports.
        replies: the effects of its whole life so far, in order.
    """

    def __init__(
        self, handler: Handler, inputs: Sequence[str], outputs: Sequence[str], room_bytes: int = _ANY_BYTES
    ) -> None:
        self._handler = handler
        self._room_bytes = room_bytes
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.replies: list[Reply] = []

    async def initialize(self) -> Reply:
        """Call the handler's ``initialize``; called by :meth:`Workbench.open`."""
        return self._reply(await self._handler.initialize())

    async def send(self, port: str, value: Any) -> Reply:
        """Invoke the handler with one value, as built-in types or as JSON text (``bytes``).

        Raises:
            ValueError: the component has no such input port.
        """
        if port not in self.inputs:
            raise ValueError(f"No input port {port}; there are {', '.join(self.inputs) or 'none'}")
        text = value if isinstance(value, bytes) else codec.encode(value)
        (outcome,) = await self._handler.process([Message(self.inputs.index(port), text)])
        return self._reply(outcome)

    def due(self) -> float | None:
        """Return when what it holds back is due, in seconds of Trio's clock; None where nothing waits for time."""
        return self._handler.due()

    async def release(self) -> Reply:
        """Give out what is due by now."""
        return self._reply(await self._handler.vet(self._handler.release(trio.current_time())))

    async def wait_released(self) -> Reply:
        """Wait until what the handler holds back is due, and give it out; at once where nothing waits for time."""
        due = self.due()
        if due is None:
            return Reply({})
        await trio.sleep_until(due)
        return await self.release()

    async def flush(self) -> Reply:
        """Tell the handler that no further message will come; it says its last word."""
        return self._reply(await self._handler.conclude())

    def state(self) -> dict[str, Any]:
        """Return the instance's state between invocations, decoded."""
        return {key: codec.decode(text, len(text)) for key, text in self._handler.state().items()}

    def memory_bytes(self) -> int:
        """Return the linear memory of its guest now; 0 where it has none."""
        inner = self._handler.innermost()
        return inner.sandbox.statistics().memory_bytes if isinstance(inner, SandboxedHandler) else 0

    def cpu_seconds(self) -> float:
        """Return how long it has computed so far; 0 where nobody knows."""
        return self._handler.cpu_seconds() or 0.0

    async def cleanup(self) -> Reply:
        """Call the handler's ``cleanup``; called at the end of :meth:`Workbench.open`."""
        return self._reply(await self._handler.cleanup())

    def _reply(self, outcome: Outcome) -> Reply:
        emissions: dict[str, list[Any]] = {}
        error, logs = outcome.error, [(line.level, line.message) for line in outcome.logs]
        made = sum(len(text) for _, text in outcome.emissions) + sum(len(message) for _, message in logs)
        self._room_bytes -= made
        if self._room_bytes < 0:
            error, logs = _TOO_MUCH, []
        if error is None:
            for port, text in outcome.emissions:
                emissions.setdefault(self.outputs[port], []).append(codec.decode(text, len(text)))
        reply = Reply(emissions, logs, error)
        self.replies.append(reply)
        return reply


class Workbench:
    """A workbench, which opens units. Made by :func:`open_workbench`."""

    def __init__(self, registry: Registry, workers: Pool, clock: WallClock, room_bytes: int) -> None:
        self._registry = registry
        self._room_bytes = room_bytes
        self._workers = workers
        self._clock = clock

    def is_busy(self) -> bool:
        """Return whether anything is done for it outside of this process."""
        done = self._workers.statistics()
        return bool(done.running or done.waiting)

    async def register(self, document: Any) -> str:
        """Register a component given as a decoded JSON document; return its id.

        Raises:
            InvalidComponentError: carries every problem.
            ComponentExistsError: its id is taken.
        """
        return (await self._registry.register(document)).id

    def require(self, component_id: str) -> None:
        """Return if there is a component of this id.

        Raises:
            ComponentNotFoundError: there is none.
        """
        self._registry.definition(component_id)

    @asynccontextmanager
    async def open(self, component_id: str, config: Mapping[str, Any] | None = None) -> AsyncIterator[Unit]:
        """Open an initialised instance of a known component; cleaned up at the end of the block.

        Args:
            component_id: built in, or registered before.
            config: as a graph's node would give it.

        Raises:
            ComponentNotFoundError: there is none with this id.
            InvalidGraphError: the configuration is wrong; carries every problem.
            InitializationError: ``initialize`` failed.
        """
        self.require(component_id)
        component = self._registry.of("")[component_id]
        unit = self._make(component, await self._complete(component, config or {}))
        try:
            started = await unit.initialize()
            if started.error is not None:
                raise InitializationError(started.error, started)
            yield unit
        finally:
            await unit.cleanup()

    async def _complete(self, component: Component, config: Mapping[str, Any]) -> dict[str, Any]:
        fields = component.definition.config
        complete = configuration.complete(config, fields)
        wrong = [] if is_lenient(component, config) else configuration.check(config, fields)
        problems = wrong or list(await component.check(complete))
        if problems:
            raise InvalidGraphError(problems)
        return complete

    def _make(self, component: Component, config: Mapping[str, Any]) -> Unit:
        definition = component.definition
        inputs, outputs = input_names(definition), outputs_of(component, config)
        context = InstanceContext(
            execution_id="workbench",
            node_id=definition.id,
            instance_id=str(uuid4()),
            config=config,
            inputs=inputs,
            outputs=outputs,
            seed=0,
            on_slice_end=trio.lowlevel.checkpoint,
            timestamp=self._clock.timestamp,
        )
        handler = component.create(context)
        if definition.validate:
            schemas = compile_schemas(definition, outputs)
            handler = ValidatingHandler(handler, schemas, inputs, outputs, workers=self._workers)
        return Unit(handler, inputs, outputs, self._room_bytes)


@asynccontextmanager
async def open_workbench(
    *,
    limits: EngineLimits | None = None,
    cache_folder: Path | None = None,
    fetch_source: FetchSource = no_source,
    open_http_client: Callable[[], httpx.AsyncClient] = open_client,
    clock: WallClock | None = None,
    maximum_guest_limits: ExecutionLimits | None = None,
    room_bytes: int = _ANY_BYTES,
) -> AsyncIterator[Workbench]:
    """Open a workbench with all built-in components; everything on it is gone at the end of the block.

    Args:
        limits: the bounds; the defaults when absent.
        cache_folder: where compiled guests are kept; the user's cache folder when absent.
        fetch_source: fetches the source of a component that names a URL in its place; none are taken when absent.
        open_http_client: makes the client that a component uses for outgoing HTTP.
        clock: the time of day, as components see it.
        maximum_guest_limits: what a component may ask for; the runtime's own maximum where absent.
        room_bytes: what one unit may emit and log in all; beyond it each call of it is an error.
    """
    clock = clock or WallClock()
    limits = limits or EngineLimits()
    async with (
        open_pool() as workers,
        open_sandboxes(cache_folder, maximum_guest_limits, limits, now_ms=clock.milliseconds) as host,
    ):
        registry = Registry(host, limits, open_http_client, fetch_source, workers=workers)
        yield Workbench(registry, workers, clock, room_bytes)
