"""Chained and unchained, a graph does the same: every value at every port, every log line, state, count and error.

The graphs are drawn at random, of nodes that do all that a program can do to those around it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.chained_graphs import Group, compare, open_parts, run
from tests.engine.chained_pieces import BODIES, VALUES, Piece, drawn
from tests.engine.executions import document, node

PLANS = st.tuples(
    st.lists(drawn(), min_size=2, max_size=5),
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
        for port in piece.ports:
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
            assert chained.chains == (not all(piece.hands_on for piece in pieces))
            compare(chained, alone)

    trio.run(both)
