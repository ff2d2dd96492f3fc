"""The cases of a file, run one after another on the real component or the real graph."""

import time as real_time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import msgspec

from engine.compile.parts import GraphSource
from engine.components.source import FetchSource, no_source
from engine.contracts.surroundings import SameForAll, Surroundings
from engine.errors import ComponentNotFoundError, EngineError, InvalidError
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from engine.testing.case_file import Case, CaseFile, InvalidCaseError, name_of, parse_case
from engine.testing.component_case import play_on_component
from engine.testing.graph_case import GraphBench
from engine.testing.http_stand_ins import StandIns
from engine.testing.simulated_time import SimulatedTime
from engine.testing.verdict import Seen, Verdict, compare, snapshot_of
from engine.testing.workbench import Workbench, open_workbench
from proto.component import ExecutionLimits
from proto.problem import Problem

Play = Callable[[Case], Awaitable[Seen]]


class UnusableSubjectError(Exception):
    """The component or the graph of a file cannot be used, so that none of its cases was run.

    Attributes:
        complaints: everything that is wrong.
        is_absent: whether there is none of this name.
    """

    def __init__(self, complaints: list[str], *, is_absent: bool = False) -> None:
        super().__init__("; ".join(complaints))
        self.complaints = tuple(complaints)
        self.is_absent = is_absent


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in which cases are run.

    Attributes:
        components: names of components and their definitions: registered first, but for what is tested.
        fetch_source: fetches the source of a component that names a URL in its place; none are taken when absent.
        network: makes the client for requests that no stand-in answers; such are refused when absent.
        chosen: whether a case of this name is to be run.
        beside: where the graphs are that a graph uses by name.
        maximum_guest_limits: what a component alone may ask for; the runtime's own maximum where absent.
        room_bytes: what a component alone may emit and log in all.
    """

    components: Sequence[tuple[str, Any]] = ()
    fetch_source: FetchSource = no_source
    network: Callable[[], httpx.AsyncBaseTransport] | None = None
    chosen: Callable[[str], bool] = lambda name: True  # noqa: ARG005
    beside: GraphSource | None = None
    maximum_guest_limits: ExecutionLimits | None = None
    room_bytes: int = 2**62


async def run_cases(
    file: CaseFile, time: SimulatedTime, hear: Callable[[Verdict], None], options: Options | None = None
) -> None:
    """Run every case, in order, and let ``hear`` know how each went.

    The clock of the program must be ``time.clock``; it goes while the component or the graph is made ready.

    Raises:
        UnusableSubjectError: the component or the graph cannot be used.
    """
    options = options or Options()
    network = options.network() if options.network is not None else None
    stand_ins = StandIns(network)
    time.go()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stand_ins.aclose)
        stack.callback(time.go)  # what is closed may take its time
        play = await _made_ready(file, time, options, stand_ins, stack)
        names: set[str] = set()
        for index, document in enumerate(file.cases):
            name = name_of(document, index)
            is_repeated = name in names
            names.add(name)
            if options.chosen(name):
                began = real_time.perf_counter()
                time.stop()
                try:
                    complaints, snapshot = await _judged(document, file, play, stand_ins, is_repeated=is_repeated)
                except InvalidCaseError as error:
                    complaints, snapshot = error.complaints, None
                finally:
                    time.go()
                hear(Verdict(name, complaints, index, real_time.perf_counter() - began, snapshot))


async def _judged(
    document: Any, file: CaseFile, play: Play, stand_ins: StandIns, *, is_repeated: bool
) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
    """Run one case; return what was not as expected, and what a snapshot would hold.

    Raises:
        InvalidCaseError: it is wrong in itself.
    """
    case = parse_case(document)
    if is_repeated:
        raise InvalidCaseError(["another case of this file has the same name"])
    stand_ins.begin((*case.http, *file.http))
    seen = await play(case)
    seen.sent = stand_ins.sent
    seen.unused = [place for place in range(len(case.http)) if place not in stand_ins.used]
    return tuple(compare(case, seen)), snapshot_of(seen) if case.snapshot else None


async def _made_ready(
    file: CaseFile, time: SimulatedTime, options: Options, stand_ins: StandIns, stack: AsyncExitStack
) -> Play:
    """Make the component or the graph ready; return what plays a case on it."""
    if (file.component != "") == (file.graph != ""):
        raise UnusableSubjectError(["a file of cases has a component or a graph, and not both"])
    broken: list[str] = []
    ready = _graph_ready if file.graph != "" else _component_ready
    try:
        return await ready(file, time, options, stand_ins, stack, broken)
    except InvalidError as error:
        raise UnusableSubjectError([*(line_of(problem) for problem in error.problems), *broken]) from error
    except EngineError as error:
        is_absent = isinstance(error, ComponentNotFoundError)
        raise UnusableSubjectError([str(error), *broken], is_absent=is_absent) from error


async def _component_ready(
    file: CaseFile,
    time: SimulatedTime,
    options: Options,
    stand_ins: StandIns,
    stack: AsyncExitStack,
    broken: list[str],
) -> Play:
    workbench: Workbench = await stack.enter_async_context(
        open_workbench(
            fetch_source=options.fetch_source,
            open_http_client=stand_ins.open_client,
            clock=time.wall,
            maximum_guest_limits=options.maximum_guest_limits,
            room_bytes=options.room_bytes,
        )
    )
    time.is_busy = lambda: workbench.is_busy() or stand_ins.under_way > 0
    await _register(file, options, workbench.register, broken)
    if isinstance(file.component, str):
        component_id = file.component
        workbench.require(component_id)
    else:
        component_id = await workbench.register(file.component)
    return lambda case: play_on_component(workbench, component_id, case, time)


async def _graph_ready(
    file: CaseFile,
    time: SimulatedTime,
    options: Options,
    stand_ins: StandIns,
    stack: AsyncExitStack,
    broken: list[str],
) -> Play:
    runtime = await stack.enter_async_context(
        open_runtime(
            limits=EngineLimits(default_timeout_ms=0, finished_executions=1),
            fetch_source=options.fetch_source,
            open_http_client=stand_ins.open_client,
            clock=time.wall,
            vault=SameForAll(Surroundings(file.env, file.secrets)),
        )
    )
    time.is_busy = lambda: _is_busy(runtime.workers.statistics()) or stand_ins.under_way > 0
    await _register(file, options, runtime.library.register_component, broken)
    runtime.library.find_graphs_in(options.beside)
    graph = await runtime.library.load_graph(file.graph)
    return GraphBench(runtime, graph, time).play


async def _register(
    file: CaseFile, options: Options, register: Callable[[Any], Awaitable[object]], broken: list[str]
) -> None:
    """Register the components of the options and of the file; the file's own take the place of others.

    What is wrong with others is noted: it matters only where the cases are about something that uses them.
    """
    own = [definition for definition in (file.component, *file.components) if isinstance(definition, dict)]
    taken = [definition.get("id") for definition in own]
    for name, definition in options.components:
        if isinstance(definition, dict) and definition.get("id") in taken:
            continue
        try:
            await register(definition)
        except InvalidError as error:
            broken += [f"{name}: {line_of(problem)}" for problem in error.problems]
        except EngineError as error:
            broken.append(f"{name}: {error}")
    for definition in file.components:
        await register(definition)


def _is_busy(statistics: Any) -> bool:
    return bool(statistics.running or statistics.waiting)


def line_of(problem: Problem) -> str:
    """Return a problem as one line: ``path: message [code]``."""
    place = f"{problem.path}: " if problem.path else ""
    return f"{place}{problem.message} [{problem.code}]"
