"""One connected client, whatever it came over: what it asks for, and the task that tells it what happens.

Commands are obeyed one at a time, in their order. Answers to one client wait in a short queue of its own; events
of executions lie in feeds, of which it is one reader among others. One task sends both, answers first, as fast as
the client reads, so that a slow client holds up nobody: not the engine, and not the other clients.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
import structlog
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.execution.lifecycle import TERMINAL
from engine.runtime import Runtime
from proto.codec import MalformedJsonError, decode_raw_values, encode
from proto.events import ERROR, Command, EventsSkipped, ExecutionInjected, ExecutionSeen
from proto.execution import ExecuteOptions, ExecutionSnapshot
from service.auth.caller import Caller
from service.auth.scoped_runtime import ScopedRuntime
from service.live.breakpoint_commands import BreakpointCommander
from service.live.commands import (
    CommandReply,
    ErrorEvent,
    Inject,
    OfExecution,
    Record,
    RefusalReply,
    Reload,
    Start,
    Stop,
    read_payload,
)
from service.live.edge_commands import EdgeCommander
from service.live.encoding import Encoded
from service.live.execution_watch import lifecycle_event
from service.live.framing import Framing, chunk_in
from service.live.hub import Hub, Subscription
from service.live.limits import ID_CHARACTERS, PERSONAL_BYTES, PERSONAL_EVENTS, SENDING_BYTES, SUBSCRIPTIONS
from service.live.selection import Selection, Subscribe, select
from service.problems import StoppingError, SubscriptionLimitError, UnknownEventError, error_reply
from service.readiness import Readiness

log = structlog.get_logger("live")


class Transport(Protocol):
    """A client's connection."""

    @property
    def form(self) -> Framing:
        """The form of events on it."""

    async def send(self, parts: Sequence[Any]) -> None:
        """Send what its form has made, in order; return when there is room for more."""

    def cut(self) -> None:
        """End the connection at once, whatever the client is doing."""


class Reading(msgspec.Struct):
    """A client's subscription, and whether its events come in batches."""

    subscription: Subscription
    is_batch: bool


class LiveSession:
    """A client. ``run`` is its sender; ``handle`` takes its events.

    Args:
        hub: where executions are watched.
        runtime: the real one.
        transport: the connection.
        caller: as whom the client acts; may be replaced when it is looked at again.
        readiness: whether the service takes work.
        metrics_enabled: whether counters are shown at all.
    """

    def __init__(
        self,
        hub: Hub,
        runtime: Runtime,
        transport: Transport,
        caller: Caller,
        readiness: Readiness,
        *,
        metrics_enabled: bool,
    ) -> None:
        self.caller = caller
        self.is_expelled = False
        self._is_told_to_leave = False
        self._hub = hub
        self._runtime = ScopedRuntime(runtime, lambda: self.caller)
        self._transport = transport
        self._readiness = readiness
        self._metrics_enabled = metrics_enabled
        self._readings: dict[str, Reading] = {}
        self._personal: deque[Encoded] = deque()
        self._personal_bytes = 0
        self._room = trio.Event()
        self._something = trio.Event()
        self._commands: dict[str, tuple[type, Callable[[Any], Awaitable[CommandReply]], bool]] = {
            Command.SUBSCRIBE: (Subscribe, self._subscribe, False),
            Command.UNSUBSCRIBE: (OfExecution, self._unsubscribe, False),
            Command.START: (Start, self._start, True),
            Command.PAUSE: (OfExecution, self._pause, True),
            Command.RESUME: (OfExecution, self._resume, True),
            Command.COMPLETE: (OfExecution, self._complete, False),
            Command.STOP: (Stop, self._stop, False),
            Command.INJECT: (Inject, self._inject, True),
            Command.BOTTLENECK: (OfExecution, self._bottleneck, False),
            Command.RECORD: (Record, self._record, False),
            **EdgeCommander(self._runtime).commands(),
            **BreakpointCommander(self._runtime).commands(),
            Command.RELOAD: (Reload, self._reload, True),
            Command.ROLLBACK: (OfExecution, self._roll_back, True),
        }

    # What the client says

    async def handle(self, name: str, data: bytes) -> CommandReply | RefusalReply:
        """Obey one event of the client, given as its payload's JSON text; what it is to be answered.

        A refusal is told by the event ``error`` as well, because a client need not ask for an answer.
        """
        while self._is_owed_much:  # it sends, and does not read
            self._room = trio.Event()
            await self._room.wait()
        try:
            return await self._obey(name, data)
        except Exception as error:  # noqa: BLE001 - every error is answered; the table says how
            return self._refuse(error, data)

    @property
    def _is_owed_much(self) -> bool:
        return len(self._personal) >= PERSONAL_EVENTS or self._personal_bytes >= PERSONAL_BYTES

    async def _obey(self, name: str, data: bytes) -> CommandReply:
        known = self._commands.get(name)
        if known is None:
            names = ", ".join(self._commands)
            raise UnknownEventError(f"There is no event {name[:100]!r} to send; there are {names}")
        shape, obey, is_work = known
        if self._is_told_to_leave or (is_work and not self._readiness.ready):
            raise StoppingError("The service is stopping and takes no more work")
        return await obey(read_payload(data, shape))

    def _refuse(self, error: Exception, data: bytes) -> RefusalReply:
        body = error_reply(error).body
        ids = _ids_in(data)
        accepted = getattr(error, "accepted", 0)
        self._tell(ERROR, ErrorEvent(body.error, body.code, problems=body.problems, **ids))
        return RefusalReply(error=body.error, code=body.code, problems=body.problems, accepted=accepted, **ids)

    async def _subscribe(self, wanted: Subscribe) -> CommandReply:
        execution = await self._runtime.execution(wanted.execution_id).read_metrics()
        # It may have gone on while its metrics were read; nothing is awaited from here on.
        now = self._runtime.execution(wanted.execution_id).head()
        execution = now if now.state in TERMINAL else msgspec.structs.replace(now, metrics=execution.metrics)
        if execution.state in TERMINAL:
            self._tell_state(execution)
            self._tell_end(execution)
        else:
            self._open(execution, wanted)
            self._tell_state(execution)
        return _state(execution)

    async def _unsubscribe(self, command: OfExecution) -> CommandReply:
        self._close(command.execution_id)
        return CommandReply(command.execution_id)

    async def _start(self, command: Start) -> CommandReply:
        wanted = _wanted(command)
        self._select(wanted, self._runtime.library.graph(command.graph_id))  # said before anything is started

        def watch(execution_id: str) -> None:
            self._open(self._runtime.execution(execution_id).head(), wanted)

        if len(self._readings) >= SUBSCRIPTIONS:
            raise _too_many()
        options = ExecuteOptions(
            command.completion,
            command.timeout_ms,
            command.inputs,
            command.parameters,
            command.durable,
            command.recording,
        )
        execution = await self._runtime.execute(command.graph_id, options, on_created=watch)
        return CommandReply(
            execution.id,
            graph_id=execution.graph_id,
            state=execution.state,
            started_at=execution.started_at,
            error=execution.error,
        )

    async def _pause(self, command: OfExecution) -> CommandReply:
        return _state(await self._runtime.execution(command.execution_id).pause())

    async def _bottleneck(self, command: OfExecution) -> CommandReply:
        report = await self._runtime.execution(command.execution_id).read_bottlenecks()
        return CommandReply(report.execution_id, state=report.state, bottleneck=report)

    async def _resume(self, command: OfExecution) -> CommandReply:
        return _state(await self._runtime.execution(command.execution_id).resume())

    async def _complete(self, command: OfExecution) -> CommandReply:
        return _state(await self._runtime.execution(command.execution_id).complete())

    async def _record(self, command: Record) -> CommandReply:
        execution = self._runtime.execution(command.execution_id)
        execution.record(command.level)
        return _state(execution.head())

    async def _stop(self, command: Stop) -> CommandReply:
        ended = await self._runtime.execution(command.execution_id).stop(drain=command.drain)
        return msgspec.structs.replace(_state(ended), unprocessed=ended.unprocessed)

    async def _inject(self, command: Inject) -> CommandReply:
        messages = command.injections()
        receipt = await self._runtime.execution(command.execution_id).inject(messages, final=command.final)
        single = messages[0] if command.messages is msgspec.UNSET else None
        if single is not None:
            injected = ExecutionInjected(command.execution_id, single.node_id, single.port)
            self._tell(injected.name, injected)
        return CommandReply(
            command.execution_id,
            node_id=single.node_id if single else None,
            port=single.port if single else None,
            accepted=receipt.accepted,
            queued=receipt.queued,
        )

    async def _reload(self, command: Reload) -> CommandReply:
        execution = self._runtime.execution(command.execution_id)
        if command.dry_run:
            return CommandReply(command.execution_id, plan=await execution.plan_reload(command.request()))
        return CommandReply(command.execution_id, reload=await execution.reload(command.request()))

    async def _roll_back(self, command: OfExecution) -> CommandReply:
        report = await self._runtime.execution(command.execution_id).roll_back()
        return CommandReply(command.execution_id, reload=report)

    # What it watches

    def _select(self, wanted: Subscribe, graph: LoadedGraph | None) -> Selection:
        return select(wanted, graph, max_value_bytes=self._hub.max_value_bytes)

    def _open(self, execution: ExecutionSnapshot, wanted: Subscribe) -> None:
        selection = self._select(wanted, self._runtime.execution(execution.id).graph)
        present = self._readings.get(execution.id)
        if present is not None and present.subscription.view.selection == selection:
            present.is_batch = wanted.batch  # it reads on where it is
            return
        if len(self._readings) >= SUBSCRIPTIONS and present is None:
            raise _too_many()
        subscription = self._hub.subscribe(execution, selection, self)
        self._close(execution.id)  # another selection takes the place of the first
        self._readings[execution.id] = Reading(subscription, wanted.batch)

    def _close(self, execution_id: str) -> None:
        reading = self._readings.pop(execution_id, None)
        if reading is not None:
            self._hub.unsubscribe(reading.subscription)

    def look_again(self, caller: Caller) -> None:
        """Let the client act as this caller from now on; what it may not see any more, it hears no more of."""
        self.caller = caller
        for execution_id in tuple(self._readings):
            try:
                self._runtime.execution(execution_id)
            except Exception as error:  # noqa: BLE001 - as in handle
                self._refuse(error, encode({"executionId": execution_id}))
                self._close(execution_id)

    # What it is told

    def _tell_state(self, execution: ExecutionSnapshot) -> None:
        seen = ExecutionSeen(
            execution.id,
            execution.graph_id,
            execution.state,
            metrics=execution.metrics if self._metrics_enabled else None,
            started_at=execution.started_at,
            completed_at=execution.completed_at,
            error=execution.error,
            unprocessed=execution.unprocessed,
        )
        self._tell(ExecutionSeen.name, seen)

    def _tell_end(self, execution: ExecutionSnapshot) -> None:
        event = lifecycle_event(execution, execution.state)
        if event is not None:
            self._tell(event.name, event)

    def _tell(self, name: str, payload: msgspec.Struct) -> None:
        data = encode(payload)
        self._personal.append((name, data))
        self._personal_bytes += len(data)
        self.wake()

    def wake(self) -> None:
        """Hear that there is something to send."""
        if not self._something.is_set():
            self._hub.wakeups.call(self._begin_sending)

    def _begin_sending(self) -> None:
        self._something.set()

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        log.info("live client cut off", reason=reason)
        self._transport.cut()

    def expel(self, message: str, code: str) -> None:
        """Tell the client why it may stay no longer, and nothing else any more; then let ``run`` end."""
        self.close()
        self._tell(ERROR, ErrorEvent(message, code))
        self.is_expelled = True
        self.leave()

    def leave(self) -> None:
        """Let ``run`` end as soon as all is sent that is there to be sent."""
        self._is_told_to_leave = True
        self.wake()

    async def run(self) -> None:
        """Send what there is to send, until cancelled, or until all is sent of a client that is told to leave."""
        while True:
            self._something = trio.Event()
            while await self._send_next():
                pass
            if self._is_told_to_leave:
                return
            await self._something.wait()

    async def _send_next(self) -> bool:
        """Send the next few events; False where there are none."""
        if self._personal:
            await self._send_personal()
            return True
        is_any = False
        for execution_id, reading in tuple(self._readings.items()):
            if self._readings.get(execution_id) is reading and await self._send_some(execution_id, reading):
                is_any = True
                if self._personal:
                    break
        return is_any

    async def _send_personal(self) -> None:
        events = list(self._personal)
        self._personal.clear()
        self._personal_bytes = 0
        self._room.set()
        self._hub.counters.sent += len(events)
        await self._transport.send([self._transport.form.of(events)])

    async def _send_some(self, execution_id: str, reading: Reading) -> bool:
        """Send the next chunks of one feed."""
        form = self._transport.form
        subscription = reading.subscription
        chunks = subscription.view.feed.read(subscription.reader, SENDING_BYTES)
        if not chunks:
            return False
        parts = []
        for chunk in chunks:
            if chunk.lost:
                skipped = EventsSkipped(execution_id, chunk.lost, "slow")
                parts.append(form.of([(skipped.name, encode(skipped))]))
                self._hub.counters.skipped += chunk.lost
            if chunk.events:
                parts.append(chunk_in(form, chunk, subscription.view.feed, is_batch=reading.is_batch))
                self._hub.counters.sent += len(chunk.events)
        if chunks[-1].is_last:
            self._close(execution_id)
        await self._transport.send(parts)
        return True

    def close(self) -> None:
        """Hear of nothing any more."""
        for execution_id in tuple(self._readings):
            self._close(execution_id)


def _state(execution: ExecutionSnapshot) -> CommandReply:
    return CommandReply(execution.id, graph_id=execution.graph_id, state=execution.state)


def _wanted(command: Start) -> Subscribe:
    return Subscribe(
        "",
        nodes=command.nodes,
        edges=command.edges,
        events=command.events,
        max_per_second=command.max_per_second,
        max_value_bytes=command.max_value_bytes,
        batch=command.batch,
    )


def _too_many() -> SubscriptionLimitError:
    return SubscriptionLimitError(f"A client may watch {SUBSCRIPTIONS} executions at once; unsubscribe from one")


def _ids_in(data: bytes) -> dict[str, str]:
    """Return the ids that a refused payload names, as far as it can be read."""
    try:
        found = decode_raw_values(data, _Ids)
        named = {"execution_id": bytes(found.execution_id), "graph_id": bytes(found.graph_id)}
        texts = {name: text for name, text in named.items() if text[:1] == b'"' and len(text) <= 6 * ID_CHARACTERS}
        ids = {name: decode_raw_values(text, str) for name, text in texts.items()}
    except (msgspec.ValidationError, MalformedJsonError):
        return {}
    return {name: value for name, value in ids.items() if len(value) <= ID_CHARACTERS}


class _Ids(msgspec.Struct, rename="camel"):
    execution_id: msgspec.Raw = msgspec.Raw()
    graph_id: msgspec.Raw = msgspec.Raw()
