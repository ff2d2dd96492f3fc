"""One graph run in this process: messages in, what leaves the graph out, line by line, in bounded memory.

Nothing is gathered: input is read no faster than the graph takes it, and output is written as it leaves. A slow
reader of the output therefore slows the graph, and a slow graph slows the reading.
"""

import math
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import ExitStack, aclosing
from typing import Any, BinaryIO

import msgspec
import trio

from engine.contracts.handler import HandlerError, LogLine
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.errors import ComponentExistsError, ConflictError, InvalidError, InvalidInjectionError
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.codec import encode
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.message import Injection
from service.cli.inject_syntax import InjectionSyntaxError
from service.cli.stdin import Lines, LineTooLongError
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher

Parse = Callable[[bytes], Injection]
"""A function that makes a message of one line, or raises InjectionSyntaxError."""


class InputError(Exception):
    """A message that was given cannot be taken: its text, or its port. The execution has been stopped."""


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a run.

    Attributes:
        graph: the decoded graph definition.
        components: decoded definitions of components to register first.
        injections: messages to inject first.
        parse_line: how a line of standard input becomes a message; None when it is not read.
        timeout_ms: wall time that the execution may take; 0 for no limit.
    """

    graph: Any
    components: Sequence[Any] = ()
    injections: Sequence[Injection] = ()
    parse_line: Parse | None = None
    timeout_ms: float = 0


class RunNotes:
    """An observer of a run; the command shows it to people. Every method may be left as it is."""

    async def follow(self, runtime: Runtime, execution_id: str, lines: Lines | None) -> None:
        """Show how far the execution is; runs beside it, and is cancelled at its end."""

    def logged(self, node_id: str, line: LogLine) -> None:
        """Hear that a handler logged a line."""

    def invocation_failed(self, node_id: str, error: HandlerError) -> None:
        """Hear that an invocation ended in an error."""


class Result(msgspec.Struct, frozen=True):
    """The end of a run.

    Attributes:
        execution: its last state.
        signal_number: the signal that ended it; 0 for none.
        output_closed: whether it ended because nobody read the output any more, as after SIGPIPE.
    """

    execution: ExecutionSnapshot
    signal_number: int = 0
    output_closed: bool = False


class _Output(FlowObserver):
    """A writer of what reaches the outputs of the graph, as NDJSON: ``{"node", "port", "value"}``."""

    def __init__(self, nodes: Iterable[str], stream: BinaryIO) -> None:
        self._nodes = frozenset(nodes)
        self._stream = stream
        self._heads: dict[tuple[str, str], bytes] = {}
        self.closed = trio.Event()  # set when nobody reads the stream any more

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        if node_id not in self._nodes or self.closed.is_set():
            return
        head = self._heads.get((node_id, port))
        if head is None:
            head = encode({"node": node_id, "port": port})[:-1] + b',"value":'
            self._heads[node_id, port] = head
        try:
            self._stream.write(head + value + b"}\n")
            self._stream.flush()
        except OSError:
            self.closed.set()


class _Relay(ExecutionObserver):
    """A relay that attaches the output before the first value can leave, and passes the rest on to the notes."""

    def __init__(self, runtime: Runtime, output: _Output, notes: RunNotes, stack: ExitStack) -> None:
        self._runtime = runtime
        self._output = output
        self._notes = notes
        self._stack = stack
        self._watching = False

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        if not self._watching:
            self._watching = True
            self._stack.enter_context(self._runtime.execution(execution.id).watch(self._output))

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        del execution_id
        self._notes.logged(node_id, line)

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        del execution_id
        self._notes.invocation_failed(node_id, error)


async def run_plan(plan: RunPlan, output: BinaryIO, notes: RunNotes, *, input_descriptor: int = 0) -> Result:
    """Run a graph to its end.

    Raises:
        InvalidComponentError, InvalidGraphError, ComponentExistsError: before anything ran.
        InputError: a message could not be taken.
    """
    limits = EngineLimits(injection_wait_seconds=math.inf, default_timeout_ms=0)
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    async with open_runtime(limits=limits, fetch_source=fetcher) as runtime:
        try:
            return await _run(runtime, plan, output, notes, input_descriptor)
        except (InvalidError, ComponentExistsError, InputError) as error:
            refusal = error  # raised below, because the runtime's own tasks would make a group of it
    raise refusal


async def _run(
    runtime: Runtime, plan: RunPlan, output: BinaryIO, notes: RunNotes, input_descriptor: int
) -> Result:
    for component in plan.components:
        await runtime.library.register_component(component)
    graph = await runtime.library.load_graph(plan.graph)
    writer = _Output(graph.topology.output_nodes, output)
    with ExitStack() as stack:
        runtime.observe(_Relay(runtime, writer, notes, stack))
        options = ExecuteOptions(completion="manual", timeout_ms=plan.timeout_ms)
        execution = await runtime.execute(graph.id, options)
        run = _Run(runtime, execution.id, plan, notes)
        return await run.to_end(writer.closed, input_descriptor)


class _Run:
    """One execution from its first message to its end."""

    def __init__(self, runtime: Runtime, execution_id: str, plan: RunPlan, notes: RunNotes) -> None:
        self._runtime = runtime
        self._id = execution_id
        self._plan = plan
        self._notes = notes
        self._complaint: str | None = None
        self._signal = 0

    async def to_end(self, unread: trio.Event, input_descriptor: int) -> Result:
        """Feed the execution, and wait for its end, for a signal, or until nobody reads the output."""
        lines = Lines(input_descriptor) if self._plan.parse_line is not None else None
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_on_signal, signals)
                nursery.start_soon(self._stop_when, unread)
                nursery.start_soon(self._feed, lines)
                nursery.start_soon(self._notes.follow, self._runtime, self._id, lines)
                execution = await self._runtime.execution(self._id).wait_finished()
                nursery.cancel_scope.cancel()
        if self._complaint is not None:
            raise InputError(self._complaint)
        if unread.is_set():
            return Result(execution=execution, signal_number=signal.SIGPIPE, output_closed=True)
        return Result(execution=execution, signal_number=self._signal)

    async def _feed(self, lines: Lines | None) -> None:
        """Inject all there is, then tell the execution that no more comes."""
        try:
            if self._plan.injections:
                await self._runtime.execution(self._id).inject(self._plan.injections)
            if lines is not None and self._plan.parse_line is not None:
                await self._feed_lines(lines, self._plan.parse_line)
            await self._runtime.execution(self._id).complete()
        except (InvalidInjectionError, InjectionSyntaxError, LineTooLongError) as error:
            self._complaint = str(error)
            await self._stop()
        except ConflictError:
            return  # it has ended before all was injected; its state says why

    async def _feed_lines(self, lines: Lines, parse: Parse) -> None:
        async with aclosing(lines.groups()) as groups:
            async for group in groups:
                try:
                    messages = [_parsed(number, line, parse) for number, line in group]
                    await self._runtime.execution(self._id).inject(messages)
                except InvalidInjectionError as error:
                    first, last = group[0][0], group[-1][0]
                    raise InjectionSyntaxError(f"Lines {first} to {last} of standard input: {error}") from error

    async def _stop_on_signal(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            self._signal = number
            await self._stop()

    async def _stop_when(self, event: trio.Event) -> None:
        await event.wait()
        await self._stop()

    async def _stop(self) -> None:
        try:
            await self._runtime.execution(self._id).stop()
        except ConflictError:
            return  # it has ended by itself


def _parsed(number: int, line: bytes, parse: Parse) -> Injection:
    try:
        return parse(line)
    except InjectionSyntaxError as error:
        raise InjectionSyntaxError(f"Line {number} of standard input: {error}") from error
