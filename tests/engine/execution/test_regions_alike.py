"""Connected parts of a graph that run as one do what their nodes do alone, also where they branch and join.

As in ``test_chained_alike``, with one difference: nothing is promised about the order of values that came by
different ways. So behind a node where ways meet the values are compared and not their order, and no node counts.
"""

import re
from typing import Any, Literal

import msgspec
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.chained_graphs import Account, Group, compare, open_parts, run
from tests.engine.chained_pieces import BODIES, VALUES, Piece, drawn
from tests.engine.executions import document, node

COUNTING = ("globalThis.seen", "Object.prototype.count", "js.count")
"""Parts of nodes whose answer depends on what came before."""


class Place(msgspec.Struct, frozen=True):
    """A piece, the nodes before it that feed it, and what keeps it apart from these or is heard outside."""

    piece: Piece
    feeds: list[int]
    is_apart: bool
    is_heard: bool


PLACES = st.builds(
    Place,
    drawn(),
    st.lists(st.integers(0, 5), min_size=1, max_size=2),
    st.sampled_from((False, False, False, True)),
    st.booleans(),
)
PLANS = st.tuples(
    st.lists(PLACES, min_size=3, max_size=6),
    st.lists(
        st.builds(Group, st.integers(0, 5), st.lists(VALUES, min_size=1, max_size=4)), min_size=1, max_size=4
    ),
)


def graph_of(places: list[Place]) -> tuple[dict[str, Any], set[str]]:
    """The graph, and the nodes at which or before which ways meet."""
    nodes: dict[str, Any] = {}
    edges = []
    mixed: set[int] = set()
    for index, place in enumerate(places):
        feeds = {feed % index for feed in place.feeds} if index else set()
        piece = place.piece
        if len(feeds) > 1 or feeds & mixed:
            mixed.add(index)
            if any(part in f"{piece.component} {piece.config}" for part in COUNTING):
                piece = msgspec.structs.replace(piece, component="js.twice", config={}, port="out")
        fields: dict[str, Any] = {"inbox": {"capacity": 500}} if place.is_apart else {}
        name = f"n{index}"
        nodes[name] = node(piece.component, config=piece.config, onError=piece.on_error, **fields)
        edges += [f"n{feed}:{places[feed].piece.port} > {name}:in" for feed in sorted(feeds)]
        places[index] = msgspec.structs.replace(place, piece=piece)
    for index, place in enumerate(places):
        name = f"n{index}"
        for port in (*place.piece.ports, *(["error"] if place.piece.has_error_edge else [])):
            is_fed = any(edge.startswith(f"{name}:{port} ") for edge in edges)
            if place.is_heard or not (is_fed or index % 3 == 2):
                nodes[f"{name}-{port}"] = "lane"
                edges.append(f"{name}:{port} > {name}-{port}:in")
    return document(nodes, edges), {f"n{index}" for index in mixed}


def without_order(account: Account, mixed: set[str]) -> Account:
    """What was seen, in the order of its JSON text where ways meet."""

    def sorted_at(name: str, values: list[Any]) -> list[Any]:
        return sorted(values, key=repr) if re.split("[-:]", name)[0] in mixed else values

    return msgspec.structs.replace(
        account,
        arrivals={name: [sorted_at(name, each) for each in columns] for name, columns in account.arrivals.items()},
        logs={name: sorted_at(name, lines) for name, lines in account.logs.items()},
        failures={name: sorted_at(name, lines) for name, lines in account.failures.items()},
        hops={name: sorted_at(name, values) for name, values in account.hops.items()},
    )


@pytest.mark.parametrize("watched", [False, True, "outputs"])
@given(plan=PLANS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_region_does_what_its_nodes_do_alone(
    plan: tuple[list[Place], list[Group]], watched: bool | Literal["outputs"]
) -> None:
    """For any nodes that branch and join and any messages, all that can be seen is the same, chained or not.

    Or chained in parts, where a node keeps to itself.
    """
    places, groups = plan

    async def both() -> None:
        async with open_parts(BODIES) as (_, parts):
            graph, mixed = graph_of(list(places))
            alone = await run(graph, parts, groups, chaining=False, watched=watched)
            chained = await run(graph, parts, groups, chaining=True, watched=watched)
            compare(without_order(chained, mixed), without_order(alone, mixed))

    trio.run(both)
