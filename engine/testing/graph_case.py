"""One case of a whole graph: an execution of its own, from its first message to its end."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, ClassVar

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from engine.compile.parts import Part
from engine.contracts.handler import LogLine, Message
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.errors import ConflictError, InvalidInjectionError, InvalidParametersError, OverloadedError
from engine.handle import ExecutionHandle
from engine.runtime import Runtime
from engine.testing.case_file import (
    EXPECT,
    Case,
    InvalidCaseError,
    is_look,
    is_time_step,
    look_of_step,
    seconds_of_step,
)
from engine.testing.simulated_time import SimulatedTime, StuckError
from engine.testing.verdict import Seen, SeenError, SeenLine, compare_ports
from proto import codec
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState
from proto.message import Injection

TOLD_NAMES = 20
"""Names that are listed where one is not known."""

MOST_EMISSIONS = 100_000
"""Values that are kept of one case."""

STUCK = "the graph does not come to an end, though a day of simulated time has passed"


def own_outputs(part: Part, prefix: str = "") -> dict[str, list[str]]:
    """Return the output ports of a graph by name, each with the ports of components that it stands for."""
    ids = {node.id: index for index, node in enumerate(part.draft.definition.nodes)}
    found: dict[str, list[str]] = {}
    for port in part.draft.definition.ports.outputs:
        places = found.setdefault(port.name, [])
        for end in port.ends:
            child = part.children.get(ids.get(end.node, -1))
            if child is None:
                places.append(f"{prefix}{end.node}:{end.port}")
            else:
                places += own_outputs(child, f"{prefix}{end.node}/").get(end.port, [])
    return found


class GraphBench(ExecutionObserver):
    """A runtime with one graph, whose executions are looked at one after another.

    Args:
        runtime: runs it.
        graph: the graph.
        time: of the cases.
    """

    def __init__(self, runtime: Runtime, graph: LoadedGraph, time: SimulatedTime) -> None:
        self._runtime = runtime
        self._graph = graph
        self._time = time
        self._outputs = {f"{node.id}:{port}": node for node in graph.nodes for port in node.outputs}
        self._own_outputs = {} if graph.part is None else own_outputs(graph.part)
        self._seen = Seen()
        self._flow: _Flow | None = None
        self._watching = ExitStack()
        self._looked_at: dict[str, int] = {}
        runtime.observe(self)

    async def play(self, case: Case) -> Seen:
        """Let an execution live through a case; return what was seen of it.

        Raises:
            InvalidCaseError: the case is wrong: a parameter, a port, a duration.
        """
        seen = self._seen = Seen()
        self._looked_at = {}
        looks = [step[EXPECT] for step in case.send if is_look(step, ()) and isinstance(step[EXPECT], dict)]
        named = {port for expected in (case.expect, *looks) for port in expected}
        inner = self._inner(named)
        names = {
            place: name for name, places in self._own_outputs.items() for place in places if place not in named
        }
        self._flow = (_InnerFlow if inner else _Flow)(seen, inner, names)
        with self._watching:
            try:
                await self._live(case)
            except StuckError as error:
                raise InvalidCaseError([STUCK]) from error
            except InvalidParametersError as error:
                raise InvalidCaseError([problem.message for problem in error.problems]) from error
        return seen

    async def _live(self, case: Case) -> None:
        parameters = {name: msgspec.Raw(codec.encode(value)) for name, value in case.config.items()}
        options = ExecuteOptions(completion="manual", timeout_ms=0, parameters=parameters, durable=False)
        execution = await self._time.finish(lambda: self._runtime.execute(self._graph.id, options))
        handle = self._runtime.execution(execution.id)
        try:
            await self._go_through(case, handle)
            if case.flush is not False:
                await self._time.finish(handle.complete)
                await self._time.finish(handle.wait_finished)
        except ConflictError:
            pass  # it has ended in the midst of it, and its error says why
        finally:
            with suppress(ConflictError):
                await handle.stop()
        failure = handle.head().error
        if failure is not None and not self._seen.errors:
            self._seen.errors.append(SeenError("", failure.message, failure.node_id or ""))

    async def _go_through(self, case: Case, handle: ExecutionHandle) -> None:
        for index, step in enumerate(case.send):
            if is_time_step(step, ()):
                await self._time.advance(seconds_of_step(step, index))
            elif is_look(step, ()):
                await self._time.settle()
                self._look(look_of_step(step, index), index)
            else:
                for name, value in step.items():
                    await self._send(handle, name, value, index)
                    await self._time.settle()

    async def _send(self, handle: ExecutionHandle, name: str, value: Any, index: int) -> None:
        node, port = self._input(name, index)
        injection = Injection(node, port, msgspec.Raw(codec.encode(value)))
        try:
            await self._time.finish(lambda: handle.inject([injection]))
        except InvalidInjectionError as error:
            raise InvalidCaseError([f"send[{index}]: {error}"]) from error
        except OverloadedError as error:
            self._seen.complaints.append(f"send[{index}]: refused: {error}")

    def _input(self, name: str, index: int) -> tuple[str, str]:
        """Return the node and the port of a name: a port of the graph, ``node:port``, or a node.

        A node alone stands for its only input port, or for ``in``; no node stands for the graph itself.
        """
        if ("", name) in self._graph.inputs:
            return "", name
        node_id, colon, port = name.partition(":")
        if (node_id, port) in self._graph.inputs:
            return node_id, port
        node = self._graph.node(node_id)
        if node is None:
            own = [port for path, port in self._graph.inputs if not path]
            known = ", ".join([*own, *[each.id for each in self._graph.nodes]][:TOLD_NAMES])
            raise InvalidCaseError([f"send[{index}]: There is no node {node_id}; there are {known}"])
        if not colon:
            port = next(iter(node.input_of)) if len(node.input_of) == 1 else "in"
        if port not in node.input_of:
            known = ", ".join(node.input_of) or "none"
            raise InvalidCaseError([f"send[{index}]: Node {node_id} has no input port {port}; there are {known}"])
        return node_id, port

    def _inner(self, names: Iterable[str]) -> dict[tuple[str, str], tuple[str, str]]:
        """Return the ports among these that edges leave, each with the end of the first of its edges."""
        inner: dict[tuple[str, str], tuple[str, str]] = {}
        for name in [place for each in names for place in self._own_outputs.get(each, (each,))]:
            node = self._outputs.get(name)
            if node is None:
                known = ", ".join([*self._own_outputs, *self._outputs][:TOLD_NAMES])
                raise InvalidCaseError([f"expect: There is no output port {name}; there are {known}"])
            port = name.partition(":")[2]
            targets = node.routes[node.output_of[port]]
            if targets:
                target = self._graph.nodes[targets[0].node]
                inner[node.id, port] = (target.id, target.inputs[targets[0].port])
        return inner

    def _look(self, expected: Mapping[str, Any], index: int) -> None:
        emissions = self._seen.emissions
        since = {port: values[self._looked_at.get(port, 0) :] for port, values in emissions.items()}
        self._looked_at = {port: len(values) for port, values in emissions.items()}
        complaints = compare_ports(expected, {port: values for port, values in since.items() if values})
        self._seen.complaints += [f"send[{index}].expect: {complaint}" for complaint in complaints]

    # What is heard

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        """Look at the flow from the beginning, and at the state at the end."""
        handle = self._runtime.execution(execution.id)
        if self._flow is not None and execution.state is ExecutionState.INITIALIZING:
            self._watching.enter_context(handle.watch(self._flow))
            self._flow = None
        elif execution.completed_at is not None:
            self._seen.state = {
                node: {key: codec.decode(text, len(text)) for key, text in state.items()}
                for node, state in handle.state().items()
            }

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        """Take note of a line."""
        del execution_id
        self._seen.logs.append(SeenLine(line.level, line.message, node_id))


class _Flow(FlowObserver):
    """An observer of what leaves a graph."""

    hears_hops: ClassVar[bool] = False

    def __init__(
        self, seen: Seen, inner: Mapping[tuple[str, str], tuple[str, str]], names: Mapping[str, str]
    ) -> None:
        self._seen = seen
        self._inner = inner
        self._names = names
        self._count = 0

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        if self._inner.get((node_id, port)) == (target_node, target_port):
            self._take(node_id, port, message.value)

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        self._take(node_id, port, value)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        del port, lane
        error = codec.decode(value, len(value))
        self._seen.errors.append(SeenError(error["name"], error["message"], node_id))

    def _take(self, node_id: str, port: str, value: bytes) -> None:
        self._count += 1
        if self._count == MOST_EMISSIONS:
            self._seen.complaints.append(
                f"more than {MOST_EMISSIONS:,} values were emitted; the rest is not looked at"
            )
        if self._count < MOST_EMISSIONS:
            place = f"{node_id}:{port}"
            name = self._names.get(place, place)
            self._seen.emissions.setdefault(name, []).append(codec.decode(value, len(value)))


class _InnerFlow(_Flow):
    """An observer of some ports within a graph, too."""

    hears_hops: ClassVar[bool] = True
