"""One graph run in this process: messages in, what leaves the graph out, line by line, in bounded memory.

Nothing is gathered: input is read no faster than the graph takes it, and output is written as it leaves. A slow
reader of the output therefore slows the graph, and a slow graph slows the reading.
"""

import math
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from typing import Any, BinaryIO

import msgspec
import trio

from engine.compile.parts import GraphSource
from engine.contracts.handler import HandlerError, LogLine
from engine.contracts.observer import ExecutionObserver
from engine.contracts.surroundings import Vault
from engine.errors import (
    ConflictError,
    EngineError,
    InboxFullError,
    InvalidError,
    InvalidInjectionError,
    MemoryBoundError,
)
from engine.journal.file import write_file
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.edge import DropReason
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.graph import Recording
from proto.message import Injection
from service.cli.inject_syntax import InjectionSyntaxError
from service.cli.message_options import Parse
from service.cli.output import OutputLines
from service.cli.stdin import Lines, LineTooLongError
from service.cli.told import refusal_lines
from service.cli.until_signal import SIGNALS
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher

RECORDING_BYTES = 512 * 1024 * 1024
"""Bytes of a recording; it is in memory until the execution has ended."""

FULL_SECONDS = 0.005
"""The wait of a message before it is offered again to a node that refuses while it is full."""


class InputError(Exception):
    """A message that was given cannot be taken: its text, or its port. The execution has been stopped."""


class RefusedDocumentError(Exception):
    """A graph or a component that cannot be taken; ``lines`` say of which file, and everything that is wrong."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a run.

    Attributes:
        graph: what the graph is called, and its decoded definition.
        beside: where the graphs are that it uses by name.
        components: the same of components to register first.
        injections: messages to inject first.
        parse_line: how a line of standard input becomes a message; None when it is not read.
        timeout_ms: wall time that the execution may take; 0 for no limit.
        parameters: values for the graph's parameters, JSON text.
        vault: the variables and secrets that the graph may name.
        recording: what is noted of the execution.
        keep_recording: takes the parts of the recording's file, once it has ended.
    """

    graph: tuple[str, Any]
    beside: GraphSource | None = None
    components: Sequence[tuple[str, Any]] = ()
    injections: Sequence[Injection] = ()
    parse_line: Parse | None = None
    timeout_ms: float = 0
    parameters: Mapping[str, msgspec.Raw] = {}
    vault: Vault | None = None
    recording: Recording = "off"
    keep_recording: Callable[[Iterator[bytes]], None] = lambda _: None


class RunNotes:
    """An observer of a run; the command shows it to people. Every method may be left as it is."""

    async def follow(self, runtime: Runtime, execution_id: str, lines: Lines | None) -> None:
        """Show how far the execution is; runs beside it, and is cancelled at its end."""

    def logged(self, node_id: str, line: LogLine) -> None:
        """Hear that a handler logged a line."""

    def invocation_failed(self, node_id: str, error: HandlerError) -> None:
        """Hear that an invocation ended in an error."""

    def dropped(self, node_id: str, count: int) -> None:
        """Hear that a policy, of a node's inbox or of an edge that leads to it, has taken out messages."""

    def goes_on(self, source_ids: Sequence[str]) -> None:
        """Hear that all input has been taken, and that these nodes go on by themselves until a signal comes."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run.

    Attributes:
        execution: its last state.
        signal_number: the signal that ended it; 0 for none.
        output_failure: why the output could not be written any more, where that ended it.
        input_complaint: what of standard input could not be taken; all before it has been processed.
    """

    execution: ExecutionSnapshot
    signal_number: int = 0
    output_failure: OSError | None = None
    input_complaint: str = ""


class _Relay(ExecutionObserver):
    """A relay that attaches the output before the first value can leave, and passes the rest on to the notes."""

    def __init__(self, runtime: Runtime, output: OutputLines, notes: RunNotes, stack: ExitStack) -> None:
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

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        del execution_id, reason
        self._notes.dropped(node_id, count)


async def run_plan(plan: RunPlan, output: BinaryIO, notes: RunNotes, *, input_descriptor: int = 0) -> Result:
    """Run a graph to its end.

    Raises:
        RefusedDocumentError: before anything ran.
        InputError: a message could not be taken.
    """
    limits = EngineLimits(
        injection_wait_seconds=math.inf,
        default_timeout_ms=0,
        recording_bytes=RECORDING_BYTES,
        owner_recording_bytes=RECORDING_BYTES,
        memory_bytes=0 if plan.recording != "off" else EngineLimits().memory_bytes,
        owner_memory_bytes=0 if plan.recording != "off" else EngineLimits().owner_memory_bytes,
    )
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    async with open_runtime(limits=limits, fetch_source=fetcher, vault=plan.vault) as runtime:
        try:
            return await _run(runtime, plan, output, notes, input_descriptor)
        except (RefusedDocumentError, InputError) as error:
            refusal = error  # raised below, because the runtime's own tasks would make a group of it
    try:
        raise refusal
    finally:
        del refusal


async def _run(
    runtime: Runtime, plan: RunPlan, output: BinaryIO, notes: RunNotes, input_descriptor: int
) -> Result:
    for name, component in plan.components:
        with _refusals_of(name):
            await runtime.library.register_component(component)
    runtime.library.find_graphs_in(plan.beside)
    name, definition = plan.graph
    with _refusals_of(name):
        graph = await runtime.library.load_graph(definition)
    writer = OutputLines(output)
    with ExitStack() as stack:
        runtime.observe(_Relay(runtime, writer, notes, stack))
        parameters = dict(plan.parameters)
        options = ExecuteOptions(
            completion="auto" if graph.ends_with_sources and plan.parse_line is None else "manual",
            timeout_ms=plan.timeout_ms,
            parameters=parameters,
            durable=False,
            recording=plan.recording,
        )
        with _refusals_of(name):
            execution = await runtime.execute(graph.id, options)
        run = _Run(runtime, execution.id, plan, notes, graph.source_ids)
        result = await run.to_end(writer, input_descriptor)
    if plan.recording != "off":
        await _keep_recording(runtime, execution.id, plan)
    return result


async def _keep_recording(runtime: Runtime, execution_id: str, plan: RunPlan) -> None:
    recording = runtime.recordings.recording(execution_id)
    chunks = [chunk async for chunk in runtime.recordings.chunks(recording)]
    plan.keep_recording(write_file(await recording.head(), chunks))


@contextmanager
def _refusals_of(name: str) -> Iterator[None]:
    """Put the name of a document, and the place in it, before everything that is wrong with it."""
    try:
        yield
    except InvalidError as error:
        raise RefusedDocumentError(refusal_lines(name, error.problems)) from error
    except EngineError as error:
        raise RefusedDocumentError([f"{name}: {error}"]) from error


class _Run:
    """One execution from its first message to its end."""

    def __init__(
        self, runtime: Runtime, execution_id: str, plan: RunPlan, notes: RunNotes, source_ids: Sequence[str]
    ) -> None:
        self._runtime = runtime
        self._id = execution_id
        self._plan = plan
        self._notes = notes
        self._source_ids = source_ids
        self._refusal: InputError | None = None
        self._complaint = ""
        self._signal = 0

    async def to_end(self, writer: OutputLines, input_descriptor: int) -> Result:
        """Feed the execution, and wait for its end, for a signal, or until the output cannot be written."""
        lines = Lines(input_descriptor) if self._plan.parse_line is not None else None
        with trio.open_signal_receiver(*SIGNALS) as signals:
            for number in SIGNALS:
                handle = signal.getsignal(number)
                if callable(handle):
                    signal.signal(number, writer.interrupting(handle))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_on_signal, signals)
                nursery.start_soon(self._stop_when, writer.ended)
                nursery.start_soon(self._feed, lines)
                nursery.start_soon(self._notes.follow, self._runtime, self._id, lines)
                execution = await self._runtime.execution(self._id).wait_finished()
                nursery.cancel_scope.cancel()
        if self._refusal is not None:
            raise self._refusal
        return Result(
            execution=execution,
            signal_number=self._signal,
            output_failure=writer.failure,
            input_complaint=self._complaint,
        )

    async def _feed(self, lines: Lines | None) -> None:
        """Inject all there is; then tell the execution that no more comes, unless it has sources of its own."""
        try:
            if self._plan.injections:
                await self._inject(self._plan.injections)
            if lines is not None and self._plan.parse_line is not None:
                await self._feed_lines(lines, self._plan.parse_line)
            if self._source_ids and not self._complaint:
                self._notes.goes_on(self._source_ids)
            else:
                await self._runtime.execution(self._id).complete()
        except (InvalidInjectionError, MemoryBoundError) as error:
            self._refusal = InputError(str(error))
            await self._stop()
        except ConflictError:
            return  # it has ended before all was injected; its state says why

    async def _feed_lines(self, lines: Lines, parse: Parse) -> None:
        """Inject lines up to the end, or up to the first one that cannot be taken, which is complained of."""
        async with aclosing(lines.groups()) as groups:
            try:
                async for group in groups:
                    await self._feed_group(group, parse)
                    if self._complaint:
                        return
            except LineTooLongError as error:
                self._complaint = f"{error}; nothing from there on was read"

    async def _feed_group(self, group: Sequence[tuple[int, bytes]], parse: Parse) -> None:
        messages = []
        try:
            for _, line in group:
                messages.append(parse(line))
        except InjectionSyntaxError as error:
            self._complain(group[len(messages)][0], error)
        try:
            await self._inject(messages)
        except InvalidInjectionError as error:
            self._complain(group[error.first][0], error)
            await self._inject(messages[: error.first])
        except MemoryBoundError as error:
            self._complain(group[error.accepted][0], error)

    def _complain(self, number: int, error: Exception) -> None:
        self._complaint = f"Line {number} of standard input: {error}; nothing from there on was read"

    async def _inject(self, messages: Sequence[Injection]) -> None:
        """Inject messages in order; try again for as long as a node refuses them because it is full.

        Raises:
            InvalidInjectionError: none was taken in.
            MemoryBoundError: ``accepted`` says how many were.
            ConflictError: the execution has ended.
        """
        accepted = 0
        while accepted < len(messages):
            try:
                receipt = await self._runtime.execution(self._id).inject(messages[accepted:])
            except InboxFullError as error:
                accepted += error.accepted
                await trio.sleep(FULL_SECONDS)
            except MemoryBoundError as error:
                error.accepted += accepted
                raise
            else:
                accepted += receipt.accepted

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
