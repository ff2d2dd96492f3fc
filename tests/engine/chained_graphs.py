"""Graphs of real guests, run with chaining and without, and all that can be seen of such a run."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
import trio
import trio.testing

from engine.builtin.core_expressions import FILTER, MAP, SPLIT
from engine.builtin.core_merge import MERGE
from engine.builtin.core_passthrough import PASSTHROUGH
from engine.builtin.io_plain import COLLECT, IO_PASSTHROUGH
from engine.compile.compiler import compile_graph
from engine.components.sandboxed import OWNER, ExpressionRunner, SandboxHost, SourceComponent, open_sandboxes
from engine.contracts.component import Component
from engine.contracts.observer import ExecutionObserver
from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.component import Code, ComponentDefinition, ExecutionLimits, Port, Ports
from proto.message import Injection
from tests.engine.executions import Listener, OutputTap, Tap
from tests.engine.handlers import Journal, components

FIRST = "initialize(ctx) { ctx.emit('out', 'first ' + ctx.nodeId); ctx.emit('side', 0); ctx.setState('born', 1) },"
WORD = "flush(ctx) { ctx.emit('out', 'last ' + ctx.nodeId); ctx.emit('side', -1); ctx.setState('born', 2) },"
LAST = "cleanup(ctx) { ctx.log('info', 'bye', ctx.getState('n')) },"


class Group(msgspec.Struct, frozen=True):
    """Values injected together, at the node with this index."""

    place: int
    values: list[Any]


def source(body: str, *, first: bool) -> str:
    """A component's source."""
    return f"return {{ {FIRST + WORD if first else ''} {LAST} async process(ctx, port, value) {{ {body} }} }}"


def written(component_id: str, text: str, limits: ExecutionLimits | None = None) -> ComponentDefinition:
    """A definition of a component in JavaScript."""
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"), Port("side")))
    code = Code("javascript", source=text, limits=limits)
    return ComponentDefinition(component_id, component_id, "1.0.0", ports, code)


def component(
    host: SandboxHost, component_id: str, text: str, limits: ExecutionLimits | None = None
) -> SourceComponent:
    """A component as its owner has registered it."""
    made = SourceComponent(written(component_id, text, limits), host)
    made.chain_domain = OWNER
    return made


@asynccontextmanager
async def open_parts(
    bodies: Mapping[str, str], limits: ExecutionLimits | None = None
) -> AsyncIterator[tuple[SandboxHost, dict[str, Component]]]:
    """A host, and the components of the graphs, but for the witnesses; ``js.name.first`` emits when it begins."""
    async with open_sandboxes(None) as host:
        made: dict[str, Component] = {
            each.definition.id: ExpressionRunner(each, host) for each in (MAP, FILTER, SPLIT)
        }
        made |= {each.definition.id: each for each in (PASSTHROUGH, MERGE, IO_PASSTHROUGH, COLLECT)}
        for name, body in bodies.items():
            for kind in ("", ".first"):
                made[f"js.{name}{kind}"] = component(
                    host, f"js.{name}{kind}", source(body, first=bool(kind)), limits
                )
        yield host, made


class Account(msgspec.Struct):
    """All that can be seen of a run."""

    state: str
    arrivals: dict[str, list[Any]]
    logs: dict[str, list[str]]
    failures: dict[str, list[str]]
    states: dict[str, dict[str, bytes]]
    counts: dict[str, tuple[int, int, int]]
    edges: list[tuple[int, int]]
    unprocessed: int
    hops: dict[str, list[Any]] = {}
    chains: int = 0


@asynccontextmanager
async def started(
    graph: dict[str, Any],
    parts: Mapping[str, Component],
    limits: EngineLimits,
    *,
    chaining: bool = True,
    observers: Sequence[ExecutionObserver] = (),
) -> AsyncIterator[Execution]:
    """An execution of the graph that has started; it must be ended within the block."""
    clock = WallClock(trio.current_time)
    execution = Execution(
        execution_id="alike",
        graph=await compile_graph(graph, parts, limits, clock.timestamp),
        limits=limits,
        completion="manual",
        timeout_ms=0,
        observers=observers,
        clock=clock,
        chaining=chaining,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(execution.run)
        await execution.started.wait()
        yield execution


async def run(
    graph: dict[str, Any],
    parts: dict[str, Component],
    groups: Sequence[Group],
    *,
    chaining: bool,
    watched: bool | Literal["outputs"],
    limits: EngineLimits | None = None,
    observers: Sequence[ExecutionObserver] = (),
) -> Account:
    """One execution of the graph, fed group by group, each when the one before it is done."""
    journal, listener, tap = Journal(), Listener(), OutputTap() if watched == "outputs" else Tap()
    limits = limits or EngineLimits()
    parts = {**parts, **components(journal)}
    async with started(graph, parts, limits, chaining=chaining, observers=[listener, *observers]) as execution:
        compiled = execution.graph
        if watched:
            execution.add_flow_observer(tap)
        await trio.testing.wait_all_tasks_blocked()  # what was emitted at the start has an edge of its own
        count = sum(each.id.startswith("n") and "-" not in each.id for each in compiled.nodes)
        for group in groups:
            if execution.state != "running":
                break
            place = f"n{group.place % count}"
            messages = [Injection(place, "in", msgspec.Raw(msgspec.json.encode(value))) for value in group.values]
            await execution.inject(await locate(compiled, messages, limits), final=False)
            await execution.wait_quiescent()
        with trio.move_on_after(0.01):
            await execution.finished.wait()
        if execution.state == "running":
            execution.complete()
        await execution.finished.wait()
    return account(execution, journal, listener, tap)


def account(execution: Execution, journal: Journal, listener: Listener, tap: Tap) -> Account:
    """What was seen."""
    nodes = execution.graph.nodes
    instances = execution.instances
    hops: dict[str, list[Any]] = {}
    for name, port, value in tap.invocations:
        hops.setdefault(f"{name}:{port}", []).append(value)
    for name, port, other, other_port, value in tap.hops:
        hops.setdefault(f"{name}:{port}>{other}:{other_port}", []).append(value)
    for name, port, value in tap.outputs:
        hops.setdefault(f"{name}:{port}>", []).append(value)
    assert tap.sequences == sorted(set(tap.sequences))
    logs: dict[str, list[str]] = {}
    for name, line in listener.lines:
        logs.setdefault(name, []).append(line)
    failures: dict[str, list[str]] = {}
    for name, message in listener.failures:
        failures.setdefault(name, []).append(message)
    return Account(
        state=str(execution.state),
        arrivals={each.id: [journal.values(each.id, "lane"), journal.values(each.id)] for each in nodes},
        logs=logs,
        failures=failures,
        states={each.node.id: dict(each._handlers[0].state()) for each in instances},
        counts={
            each.node.id: (each.counters.invocations, each.counters.emitted, each.counters.errors)
            for each in instances
        },
        edges=[(each.sent, each.taken) for each in execution.shared.edges[:-1]],
        unprocessed=execution.snapshot().unprocessed,
        hops=hops,
        chains=len(execution.graph.chains),
    )


def compare(one: Account, other: Account) -> None:
    """That two runs are alike. How far an execution came before it failed is nobody's promise."""
    assert one.state == other.state
    for field in msgspec.structs.fields(Account) if one.state == "completed" else ():
        assert getattr(one, field.name) == getattr(other, field.name), field.name
