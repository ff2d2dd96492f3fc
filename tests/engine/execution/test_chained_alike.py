"""Chained and unchained, a graph does the same: every value at every port, every log line, state, count and error.

The graphs are drawn at random, of nodes that do all that a program can do to those around it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.chained_graphs import Group, compare, open_parts, run
from tests.engine.executions import document, node

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


@pytest.mark.parametrize("watched", [False, True, "outputs"])
@given(plan=PLANS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_chain_does_what_its_nodes_do_alone(
    plan: tuple[list[Piece], list[Group]], watched: bool | Literal["outputs"]
) -> None:
    """For any run of nodes and any messages, everything that can be seen is the same with chaining and without."""
    pieces, groups = plan

    async def both() -> None:
        async with open_parts(BODIES) as (_, parts):
            graph = graph_of(pieces)
            alone = await run(graph, parts, groups, chaining=False, watched=watched)
            chained = await run(graph, parts, groups, chaining=True, watched=watched)
            assert chained.chains == 1
            compare(chained, alone)

    trio.run(both)
