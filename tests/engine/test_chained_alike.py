"""Chained and unchained, a graph does the same: every value at every port, every log line, state, count and error.

The graphs are drawn at random, of nodes that do all that a program can do to those around it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.builtin.expressions import FILTER, MAP, SPLIT
from engine.compilation import compile_graph
from engine.component import Component
from engine.execution import Execution
from engine.injection import locate
from engine.limits import EngineLimits
from engine.observer import ExecutionObserver
from engine.sandboxed import OWNER, ExpressionRunner, SandboxHost, SourceComponent, open_sandboxes
from engine.wallclock import WallClock
from proto.component import Code, ComponentDefinition, Port, Ports
from proto.message import Injection
from tests.engine.handlers import Journal, components
from tests.engine.stage import Listener, Tap, document, node

MAPS = (
    "value * 2",
    "({a: value, list: [value, value], deep: {x: [[value]]}})",
    "value.list[0]",
    "value.deep.x",
    "undefined",
    "NaN",
    "-0",
    "1 / value",
    "'text \\ud800 ' + value",
    "JSON.stringify(value)",
    "BigInt(1)",
    "(() => { throw {name: 'Odd', message: ['no', 'text']} })()",
    "JSON.rawJSON('12345678901234567890')",
    "({toJSON() { return value }})",
    "Array.from({length: 300}).reduce((inner) => [inner], value)",
    "(Object.prototype.count = (Object.prototype.count ?? 0) + 1, {}.count)",
    "Promise.resolve(value)",
    "new Promise(() => {})",
    "(Promise.reject(new Error('late')), value)",
    "(globalThis.seen = (globalThis.seen ?? 0) + 1)",
    "Symbol.for('shared').description",
)
TESTS = ("value", "value > 3", "typeof value === 'object'", "value.a.b.c", "true", "false")
BODIES = {
    "twice": "ctx.emit('out', value); ctx.emit('out', value);",
    "none": "",
    "many": "for (let i = 0; i < (value.length ?? 3); i++) ctx.emit('out', [i, value]);",
    "apart": "ctx.emit('side', value); ctx.emit('out', 'main'); ctx.emit('side', 'again');",
    "count": "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.setState('k' + n % 3, value);"
    " ctx.emit('out', n);",
    "talk": "ctx.log('info', 'got', value); console.warn('on', port); ctx.emit('out', value);"
    " ctx.log('debug', 'x');",
    "fail": "ctx.setState('tried', value); ctx.log('warn', 'failing');"
    " ctx.emit('out', 'lost'); ctx.emit('side', 1);"
    " if (JSON.stringify(value).length % 2) throw new TypeError('odd ' + JSON.stringify(value).length);",
    "error": "ctx.emit('error', {mine: value}); ctx.emit('out', value);",
    "late": "await null; queueMicrotask(() => ctx.emit('out', 'late'));"
    " ctx.emit('out', await Promise.all([value]));",
    "who": "ctx.emit('out', [ctx.nodeId, port, ctx.config, Object.keys(globalThis).length]);",
    "wrong": "ctx.emit('nowhere', value);",
    "caught": "try { ctx.emit('out', 1n) } catch (e) { ctx.emit('out', e.name) }",
}
FIRST = "initialize(ctx) { ctx.emit('out', 'first ' + ctx.nodeId); ctx.emit('side', 0); ctx.setState('born', 1) },"
LAST = "cleanup(ctx) { ctx.log('info', 'bye', ctx.getState('n')) },"

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abl"), inner, max_size=3),
    max_leaves=6,
)


class Piece(msgspec.Struct, frozen=True):
    """One node of a run: its component, its configuration, and the port that leads on."""

    component: str
    config: dict[str, Any]
    port: str
    on_error: str
    has_error_edge: bool


def _pieces() -> st.SearchStrategy[Piece]:
    on_error = st.sampled_from(("continue", "continue", "continue", "fail"))
    return st.one_of(
        st.builds(
            Piece,
            st.just("symbia.core.map"),
            st.sampled_from(MAPS).map(lambda text: {"expression": text}),
            st.just("out"),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.just("symbia.core.filter"),
            st.sampled_from(TESTS).map(lambda text: {"predicate": text}),
            st.sampled_from(("out", "rejected")),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.just("symbia.core.split"),
            st.sampled_from(TESTS).map(lambda text: {"condition": text}),
            st.sampled_from(("true", "false")),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.sampled_from([f"js.{name}{kind}" for name in BODIES for kind in ("", ".first")]),
            st.just({}),
            st.sampled_from(("out", "out", "side")),
            on_error,
            st.booleans(),
        ),
    )


class Group(msgspec.Struct, frozen=True):
    """Values injected together, at the node with this index."""

    place: int
    values: list[Any]


PLANS = st.tuples(
    st.lists(_pieces(), min_size=2, max_size=5),
    st.lists(
        st.builds(Group, st.integers(0, 4), st.lists(VALUES, min_size=1, max_size=4)), min_size=1, max_size=4
    ),
)


def graph_of(pieces: Sequence[Piece]) -> dict[str, Any]:
    """The run, with a witness at every port that leads out of it, but for ``side`` of every third node."""
    nodes: dict[str, Any] = {}
    edges = []
    for index, piece in enumerate(pieces):
        name = f"n{index}"
        nodes[name] = node(piece.component, config=piece.config, onError=piece.on_error)
        ports = {"symbia.core.map": ("out",), "symbia.core.filter": ("out", "rejected")}
        ports |= {"symbia.core.split": ("true", "false")}
        for port in ports.get(piece.component, ("out", "side")):
            if port == piece.port and index + 1 < len(pieces):
                edges.append(f"{name}:{port} > n{index + 1}:in")
            elif index % 3 != 2:
                nodes[f"{name}-{port}"] = "lane"
                edges.append(f"{name}:{port} > {name}-{port}:in")
        if piece.has_error_edge:
            nodes[f"{name}-error"] = "lane"
            edges.append(f"{name}:error > {name}-error:in")
    return document(nodes, edges)


def source(body: str, *, first: bool) -> str:
    """A component's source."""
    return f"return {{ {FIRST if first else ''} {LAST} async process(ctx, port, value) {{ {body} }} }}"


def written(component_id: str, text: str) -> ComponentDefinition:
    """A definition of a component in JavaScript."""
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"), Port("side")))
    return ComponentDefinition(component_id, component_id, "1.0.0", ports, Code("javascript", source=text))


@asynccontextmanager
async def open_parts() -> AsyncIterator[tuple[SandboxHost, dict[str, Component]]]:
    """A host, and the components of the graphs, but for the witnesses."""
    async with open_sandboxes(None) as host:
        made: dict[str, Component] = {
            each.definition.id: ExpressionRunner(each, host) for each in (MAP, FILTER, SPLIT)
        }
        for name, body in BODIES.items():
            for kind in ("", ".first"):
                component = SourceComponent(written(f"js.{name}{kind}", source(body, first=bool(kind))), host)
                component.chain_domain = OWNER
                made[component.definition.id] = component
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


async def run(
    graph: dict[str, Any],
    parts: dict[str, Component],
    groups: Sequence[Group],
    *,
    chaining: bool,
    watched: bool,
    limits: EngineLimits | None = None,
    observers: Sequence[ExecutionObserver] = (),
) -> Account:
    """One execution of the graph, fed group by group, each when the one before it is done."""
    journal, listener, tap = Journal(), Listener(), Tap()
    limits = limits or EngineLimits()
    clock = WallClock(trio.current_time)
    compiled = await compile_graph(graph, {**parts, **components(journal)}, limits, clock.timestamp)
    execution = Execution(
        execution_id="alike",
        graph=compiled,
        limits=limits,
        completion="manual",
        timeout_ms=0,
        observers=[listener, *observers],
        clock=clock,
        chaining=chaining,
    )
    if watched:
        execution.add_flow_observer(tap)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(execution.run)
        await execution.started.wait()
        await trio.testing.wait_all_tasks_blocked()  # what was emitted at the start has an edge of its own
        count = sum(each.id.startswith("n") and "-" not in each.id for each in compiled.nodes)
        for group in groups:
            if execution.state != "running":
                break
            place = f"n{group.place % count}"
            messages = [Injection(place, "in", msgspec.Raw(msgspec.json.encode(value))) for value in group.values]
            await execution.inject(locate(compiled, messages, limits), final=False)
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
        edges=[(each.sent, each.taken) for each in execution.circuit.edges[:-1]],
        unprocessed=execution.snapshot().unprocessed,
        hops=hops,
        chains=len(execution.graph.chains),
    )


def compare(one: Account, other: Account) -> None:
    """That two runs are alike. How far an execution came before it failed is nobody's promise."""
    assert one.state == other.state
    for field in msgspec.structs.fields(Account) if one.state == "completed" else ():
        assert getattr(one, field.name) == getattr(other, field.name), field.name


@pytest.mark.parametrize("watched", [False, True])
@given(plan=PLANS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_chain_does_what_its_nodes_do_alone(plan: tuple[list[Piece], list[Group]], watched: bool) -> None:
    """For any run of nodes and any messages, everything that can be seen is the same with chaining and without."""
    pieces, groups = plan

    async def both() -> None:
        async with open_parts() as (_, parts):
            graph = graph_of(pieces)
            alone = await run(graph, parts, groups, chaining=False, watched=watched)
            chained = await run(graph, parts, groups, chaining=True, watched=watched)
            assert chained.chains == 1
            compare(chained, alone)

    trio.run(both)
