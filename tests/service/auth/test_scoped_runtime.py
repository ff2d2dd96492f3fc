"""Each method of the view that a caller is given, for each kind of caller: who is served, and who is refused.

``ROWS`` says it of each method; one that is not in it fails the first test.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from engine.contracts.handler import Message
from engine.contracts.observer import FlowObserver
from engine.errors import ConflictError, EdgeNotFoundError, NotFoundError, NothingHeldError
from proto.breakpoint import BreakpointRequest
from proto.execution import ExecutionState
from proto.reload import ReloadRequest
from service.auth.caller import UNRESTRICTED
from service.auth.scoped_runtime import ScopedExecution, ScopedLibrary, ScopedRuntime
from service.problems import OrganizationRequiredError, ReadOnlyCallerError, StoppingError
from tests.engine.executions import document
from tests.service.auth.scoped_world import (
    CALLERS,
    HIDDEN,
    MANUAL,
    MESSAGE,
    NO_ORGANIZATION,
    PASS,
    READ_ONLY,
    Given,
    World,
    changed,
    listed,
    made,
    open_world,
    seen,
)
from tests.service.serving import SQUARE

OWN = document({"only": "custom.own"})
NO_EDGE = "the graph has no edge"
REFUSALS: dict[type[Exception], str] = {
    NotFoundError: HIDDEN,
    ReadOnlyCallerError: READ_ONLY,
    OrganizationRequiredError: NO_ORGANIZATION,
}

Act = Callable[[World], Awaitable[Any]]
ROWS: dict[tuple[type, str], tuple[Given, Act]] = {}


def row(scoped: type, method: str, given: Given) -> Callable[[Act], Act]:
    """Declare what callers are given by a call of a method."""

    def declared(act: Act) -> Act:
        ROWS[scoped, method] = (given, act)
        return act

    return declared


@row(ScopedExecution, "owner", seen("org-a"))
async def _owner(world: World) -> object:
    return world.execution.owner


@row(ScopedExecution, "graph", seen(1))
async def _running_graph(world: World) -> object:
    graph = world.execution.graph
    return graph is not None and graph.number


@row(ScopedExecution, "head", seen((True, "running")))
async def _head(world: World) -> object:
    head = world.execution.head()
    return head.id == world.execution_id, head.state


@row(ScopedExecution, "read_snapshot", seen((1, 1)))
async def _snapshot(world: World) -> object:
    await world.work()
    snapshot = await world.execution.read_snapshot()
    return len(snapshot.instances), snapshot.metrics.messages_processed


@row(ScopedExecution, "read_metrics", seen((0, 1)))
async def _metrics(world: World) -> object:
    await world.work()
    snapshot = await world.execution.read_metrics()
    return len(snapshot.instances), snapshot.metrics.messages_processed


@row(ScopedExecution, "read_statistics", seen(["only"]))
async def _statistics(world: World) -> object:
    return [node.node_id for node in (await world.execution.read_statistics()).nodes]


@row(ScopedExecution, "read_bottlenecks", seen(["only"]))
async def _bottlenecks(world: World) -> object:
    return [node.node_id for node in (await world.execution.read_bottlenecks()).nodes]


@row(ScopedExecution, "node_latency", seen(1))
async def _node_latency(world: World) -> object:
    await world.work()
    return world.execution.node_latency("only").total


@row(ScopedExecution, "output_count", seen(1))
async def _output_count(world: World) -> object:
    await world.work()
    return world.execution.output_count


@row(ScopedExecution, "output_counts", seen(1))
async def _output_counts(world: World) -> object:
    await world.work()
    return world.execution.output_counts().total


@row(ScopedExecution, "outputs", seen([]))
async def _outputs(world: World) -> object:
    return list(world.execution.outputs())


@row(ScopedExecution, "read_edges", seen([]))
async def _edges(world: World) -> object:
    return await world.execution.read_edges()


@row(ScopedExecution, "read_edge", seen(NO_EDGE))
async def _edge(world: World) -> object:
    execution = world.execution
    try:
        return await execution.read_edge("0")
    except EdgeNotFoundError:
        return NO_EDGE


@row(ScopedExecution, "read_waiting", seen(NO_EDGE))
async def _waiting(world: World) -> object:
    execution = world.execution
    try:
        return await execution.read_waiting("0", 10)
    except EdgeNotFoundError:
        return NO_EDGE


@row(ScopedExecution, "read_waiting_message", seen(NO_EDGE))
async def _waiting_message(world: World) -> object:
    execution = world.execution
    try:
        return await execution.read_waiting_message("0", "1")
    except EdgeNotFoundError:
        return NO_EDGE


@row(ScopedExecution, "edge", changed(NO_EDGE))
async def _commanded_edge(world: World) -> object:
    execution = world.execution
    try:
        return execution.edge("0")
    except EdgeNotFoundError:
        return NO_EDGE


@row(ScopedExecution, "edges_of", changed(["input:only"]))
async def _commanded_edges(world: World) -> object:
    receipt = await world.execution.edges_of("only").resume()
    return [each.edge for each in receipt.edges]


@row(ScopedExecution, "logs", seen([]))
async def _logs(world: World) -> object:
    return world.execution.logs()


@row(ScopedExecution, "logged", seen(0))
async def _logged(world: World) -> object:
    return world.execution.logged


@row(ScopedExecution, "open_account", seen("org-a"))
async def _account(world: World) -> object:
    account = world.execution.open_account()
    account.close()
    return account.owner


@row(ScopedExecution, "watch", seen(["only:out"]))
async def _watch(world: World) -> object:
    heard: list[str] = []

    class Ear(FlowObserver):
        def emitted(self, node_id: str, port: str, value: bytes) -> None:
            del value
            heard.append(f"{node_id}:{port}")

    with world.execution.watch(Ear()):
        await world.work()
    await world.work()
    return heard


@row(ScopedExecution, "wait_finished", seen("cancelled"))
async def _finished(world: World) -> object:
    execution = world.execution
    await world.real.stop()
    return (await execution.wait_finished()).state


@row(ScopedExecution, "wait_quiescent", seen(1))
async def _quiescent(world: World) -> object:
    await world.real.inject([MESSAGE])
    return (await world.execution.wait_quiescent()).metrics.messages_processed


@row(ScopedExecution, "inject", changed((1, "completed", "cause")))
async def _inject(world: World) -> object:
    causes: list[str] = []

    class Ear(FlowObserver):
        def injected(self, messages: Sequence[Message], cause: str) -> None:
            del messages
            causes.append(cause)

    with world.real.watch(Ear()):
        receipt = await world.execution.inject([MESSAGE], final=True, cause="cause")
        return receipt.accepted, (await world.real.wait_finished()).state, *causes


@row(ScopedExecution, "pause", changed(("paused", "paused")))
async def _pause(world: World) -> object:
    return (await world.execution.pause()).state, world.real.head().state


@row(ScopedExecution, "resume", changed(("running", "running")))
async def _resume(world: World) -> object:
    await world.real.pause()
    return (await world.execution.resume()).state, world.real.head().state


@row(ScopedExecution, "complete", changed("completed"))
async def _complete(world: World) -> object:
    await world.execution.complete()
    return (await world.real.wait_finished()).state


@row(ScopedExecution, "stop", changed(("completed", 1)))
async def _stop(world: World) -> object:
    execution = world.execution
    await world.real.pause()
    await world.real.inject([MESSAGE])
    stopped = await execution.stop(drain=True)
    return stopped.state, stopped.metrics.messages_processed


@row(ScopedExecution, "forget", changed(1))
async def _forget(world: World) -> object:
    await world.execution.forget()
    return len(world.runtime.executions())


COMPONENTS = {owner: [owner] for owner in ("org-a", "org-b")}


STOP = BreakpointRequest(node="only")
SAME = ReloadRequest(configs={"only": {}})


@row(ScopedExecution, "breakpoints", seen(["only"]))
async def _breakpoints(world: World) -> object:
    await world.real.set_breakpoint(STOP)
    return [each.node for each in world.execution.breakpoints()]


@row(ScopedExecution, "breakpoint", seen("only"))
async def _breakpoint(world: World) -> object:
    made_by_another = await world.real.set_breakpoint(STOP)
    return world.execution.breakpoint(made_by_another.id).node


@row(ScopedExecution, "set_breakpoint", changed("only"))
async def _set_breakpoint(world: World) -> object:
    return (await world.execution.set_breakpoint(STOP)).node


@row(ScopedExecution, "remove_breakpoint", changed([]))
async def _remove_breakpoint(world: World) -> object:
    made_by_another = await world.real.set_breakpoint(STOP)
    await world.execution.remove_breakpoint(made_by_another.id)
    return world.real.breakpoints()


@row(ScopedExecution, "release", changed("nothing is held"))
async def _release(world: World) -> object:
    made_by_another = await world.real.set_breakpoint(STOP)
    try:
        return await world.execution.release(made_by_another.id, "continue")
    except NothingHeldError:
        return "nothing is held"


@row(ScopedExecution, "plan_reload", changed(2))
async def _plan_reload(world: World) -> object:
    return (await world.execution.plan_reload(SAME)).revision


@row(ScopedExecution, "reload", changed(2))
async def _reload(world: World) -> object:
    return (await world.execution.reload(SAME)).revision


@row(ScopedExecution, "roll_back", changed("nothing to go back to"))
async def _roll_back(world: World) -> object:
    try:
        return await world.execution.roll_back()
    except ConflictError:
        return "nothing to go back to"


@row(ScopedExecution, "reloads", seen([]))
async def _reloads(world: World) -> object:
    return world.execution.reloads()


@row(ScopedExecution, "record", changed(["inputs"]))
async def _record(world: World) -> object:
    world.execution.record("inputs")
    return [each.summary().level for each in world.runtime.recordings.of(None)]


@row(ScopedLibrary, "components", {name: COMPONENTS.get(caller.org or "", []) for name, caller in CALLERS.items()})
async def _components(world: World) -> object:
    return [each.name for each in world.library.components() if each.id == "custom.own"]


@row(ScopedLibrary, "component", {name: caller.org or HIDDEN for name, caller in CALLERS.items()})
async def _component(world: World) -> object:
    return world.library.component("custom.own").name


@row(ScopedLibrary, "register_component", made(lambda owner: [owner]))
async def _register(world: World) -> object:
    await world.library.register_component({**SQUARE, "id": "custom.new"})
    return [
        owner
        for owner in ("", "org-a", "org-b")
        if "custom.new" in {each.id for each in world.runtime.library.components(owner=owner)}
    ]


@row(
    ScopedLibrary,
    "unregister_component",
    {**made(lambda owner: "org-b" if owner == "org-a" else "org-a"), "unrestricted": HIDDEN},
)
async def _unregister(world: World) -> object:
    await world.library.unregister_component("custom.own")
    (left,) = [
        owner
        for owner in ("org-a", "org-b")
        if "custom.own" in {each.id for each in world.runtime.library.components(owner=owner)}
    ]
    return left


@row(
    ScopedLibrary,
    "check_graph",
    {name: [] if caller.org else ["node.unknown_component"] for name, caller in CALLERS.items()},
)
async def _check(world: World) -> object:
    return [problem.code for problem in await world.library.check_graph(OWN)]


@row(
    ScopedLibrary,
    "judge_graph",
    {name: [] if caller.org else ["node.unknown_component"] for name, caller in CALLERS.items()},
)
async def _judge(world: World) -> object:
    return [problem.code for problem in (await world.library.judge_graph(OWN)).errors]


@row(ScopedLibrary, "load_graph", made(lambda owner: (owner, 3)))
async def _load(world: World) -> object:
    return (await world.library.load_graph(PASS)).owner, len(world.runtime.library.graphs())


@row(ScopedLibrary, "replace_component", made(lambda owner: ("created", [owner])))
async def _replace_component(world: World) -> object:
    placement = await world.library.replace_component("custom.new", {**SQUARE, "id": "custom.new"})
    owners = [
        owner
        for owner in ("", "org-a", "org-b")
        if "custom.new" in {each.id for each in world.runtime.library.components(owner=owner)}
    ]
    return placement.outcome, owners


_OWN_MAKERS = {**made(lambda _: "unchanged"), "unrestricted": HIDDEN}


@row(ScopedLibrary, "roll_back_component", _OWN_MAKERS)
async def _roll_back_component(world: World) -> object:
    return (await world.library.roll_back_component("custom.own", 1)).outcome


@row(
    ScopedLibrary,
    "component_versions",
    {name: [caller.org] if caller.org else HIDDEN for name, caller in CALLERS.items()},
)
async def _component_versions(world: World) -> object:
    return [each.content.definition.name for each in world.library.component_versions("custom.own")]


@row(ScopedLibrary, "place_graph", made(lambda owner: (owner, "created", 3)))
async def _place(world: World) -> object:
    placement = await world.library.place_graph({**PASS, "name": "another"}, replace=True)
    return placement.graph.owner, placement.outcome, len(world.runtime.library.graphs())


@row(ScopedLibrary, "replace_graph", changed(("org-a", 2)))
async def _replace(world: World) -> object:
    placement = await world.library.replace_graph(world.graph_id, {**PASS, "description": "new"})
    return placement.graph.owner, placement.graph.number


@row(ScopedLibrary, "roll_back_graph", changed("unchanged"))
async def _roll_back_graph(world: World) -> object:
    return (await world.library.roll_back_graph(world.graph_id, 1)).outcome


@row(ScopedLibrary, "graph_versions", seen([1]))
async def _versions(world: World) -> object:
    return [version.number for version in world.library.graph_versions(world.graph_id)]


@row(ScopedLibrary, "graph_version", seen("pass"))
async def _version(world: World) -> object:
    return world.library.graph_version(world.graph_id, 1).content.definition.name


@row(ScopedLibrary, "load_graphs", made(lambda owner: (owner, owner, 4)))
async def _load_all(world: World) -> object:
    first, second = await world.library.load_graphs([PASS, PASS])
    return first.owner, second.owner, len(world.runtime.library.graphs())


A, B = ["org-a"], ["org-b"]


@row(
    ScopedLibrary,
    "graphs",
    listed(of_a=(A, A, []), of_b=(B, [], B), of_all=([*A, *B], A, B), of_nobody=([], [], [])),
)
async def _graphs(world: World) -> object:
    return tuple(
        [graph.owner for graph in world.library.graphs(owner=owner)] for owner in (None, "org-a", "org-b")
    )


@row(ScopedLibrary, "graphs_named", listed(of_a=A, of_b=B, of_all=[*A, *B], of_nobody=[]))
async def _named(world: World) -> object:
    return [graph.owner for graph in world.library.graphs_named("pass")]


@row(ScopedLibrary, "graph", seen("org-a"))
async def _graph(world: World) -> object:
    return world.library.graph(world.graph_id).owner


@row(ScopedRuntime, "unload_graph", changed(("completed", 1, 1)))
async def _unload(world: World) -> object:
    await world.real.pause()
    await world.real.inject([MESSAGE])
    await world.scoped.unload_graph(world.graph_id, drain=True)
    ended = world.real.snapshot()
    return ended.state, ended.metrics.messages_processed, len(world.runtime.library.graphs())


@row(ScopedRuntime, "execute", changed(("org-a", True, "running")))
async def _execute(world: World) -> object:
    created: list[str] = []
    started = await world.scoped.execute(world.graph_id, MANUAL, on_created=created.append)
    return world.runtime.execution(started.id).owner, created == [started.id], started.state


@row(ScopedRuntime, "fork", changed(("org-a", "running")))
async def _fork(world: World) -> object:
    checkpoint = await world.runtime.checkpoint(world.execution_id)
    started = await world.scoped.fork(checkpoint, world.graph_id, None, (), MANUAL)
    return world.runtime.execution(started.id).owner, started.state


@row(
    ScopedRuntime,
    "list_executions",
    listed(of_a=((1, 1), (1, 1), (0, 0)), of_b=((1, 1), (0, 0), (1, 1)), of_all=((2, 2), (1, 1), (1, 1)),
           of_nobody=((0, 0), (0, 0), (0, 0))),
)  # fmt: skip
async def _executions(world: World) -> object:
    pages = [await world.scoped.list_executions(owner=owner) for owner in (None, "org-a", "org-b")]
    return tuple((len(page), total) for page, total in pages)


@row(ScopedRuntime, "underway", listed(of_a=A, of_b=B, of_all=[*A, *B], of_nobody=[]))
async def _underway(world: World) -> object:
    return [world.runtime.execution(each).owner for each in world.scoped.underway()]


@row(ScopedRuntime, "execution", seen("org-a"))
async def _execution(world: World) -> object:
    return world.scoped.execution(world.execution_id).owner


@row(ScopedRuntime, "newest_running", seen(True))
async def _newest(world: World) -> object:
    return world.scoped.newest_running(world.graph_id) == world.execution_id


@row(ScopedRuntime, "reload_graph", changed([True]))
async def _reload_graph(world: World) -> object:
    reloaded = await world.scoped.reload_graph(world.graph_id)
    return [each.execution_id == world.execution_id for each in reloaded]


@row(ScopedRuntime, "reload_component", made(lambda _: []))
async def _reload_component(world: World) -> object:
    return await world.scoped.reload_component("custom.unused")


@row(
    ScopedRuntime,
    "totals",
    listed(of_a=((1, 1, 1), (1, 1, 1), (0, 0, 0)), of_b=((1, 1, 0), (0, 0, 0), (1, 1, 0)),
           of_all=((2, 2, 1), (1, 1, 1), (1, 1, 0)), of_nobody=((0, 0, 0), (0, 0, 0), (0, 0, 0))),
)  # fmt: skip
async def _totals(world: World) -> object:
    await world.work()
    totals = [world.scoped.totals(owner=owner) for owner in (None, "org-a", "org-b")]
    return tuple((each.loaded_graphs, each.active_executions, each.total_messages_processed) for each in totals)


@pytest.mark.parametrize("scoped", [ScopedRuntime, ScopedLibrary, ScopedExecution])
def test_every_method_of_the_view_has_its_row(scoped: type) -> None:
    """A new method cannot be given to callers before somebody has said who may call it."""
    methods = {name for name in vars(scoped) if not name.startswith("_")}
    assert methods == {name for kind, name in ROWS if kind is scoped}


@pytest.mark.parametrize(
    ("scoped", "method"), ROWS, ids=lambda each: each if isinstance(each, str) else each.__name__
)
async def test_every_caller_is_given_what_is_theirs(scoped: type, method: str) -> None:
    """Everyone is given what their right to it says, and a refused call has changed nothing."""
    expected, act = ROWS[scoped, method]
    given: Given = {}
    for name, caller in CALLERS.items():
        async with open_world(caller) as world:
            try:
                given[name] = await act(world)
            except tuple(REFUSALS) as refusal:
                given[name] = next(word for kind, word in REFUSALS.items() if isinstance(refusal, kind))
                assert len(world.runtime.library.graphs()) == len(world.runtime.underway()) == 2
    assert given == expected


async def test_a_right_that_was_lost_is_lost_at_the_next_call() -> None:
    """Who calls is asked at each call, not when a view was opened."""
    async with open_world(UNRESTRICTED) as world:
        callers = [CALLERS["member"]]
        execution = ScopedRuntime(world.runtime, lambda: callers[-1]).execution(world.execution_id)
        await execution.pause()
        callers.append(CALLERS["onlooker"])
        with pytest.raises(ReadOnlyCallerError):
            await execution.resume()


async def test_nothing_is_started_in_a_service_that_is_stopping() -> None:
    """What refuses new work is asked after the caller's right, and before anything is begun."""

    def stopping() -> None:
        raise StoppingError("stopping")

    for name, refusal in (("member", StoppingError), ("onlooker", ReadOnlyCallerError)):
        async with open_world(UNRESTRICTED) as world:
            scoped = ScopedRuntime(world.runtime, lambda caller=CALLERS[name]: caller, stopping)  # type: ignore[misc]
            with pytest.raises(refusal):
                await scoped.execute(world.graph_id)
            assert len(world.runtime.underway()) == 2


async def test_a_page_of_executions_is_the_page_that_was_asked_for() -> None:
    """State, graph, offset and limit reach the runtime."""
    async with open_world(CALLERS["member"]) as world:
        second = (await world.runtime.execute(world.graph_id, MANUAL)).id
        await world.real.pause()
        for wanted, ids in (
            ({"state": ExecutionState.PAUSED}, [world.execution_id]),
            ({"graph_id": "never-was"}, []),
            ({"offset": 1}, [second]),
            ({"limit": 1}, [world.execution_id]),
        ):
            page, _ = await world.scoped.list_executions(**wanted)
            assert [each.id for each in page] == ids
