"""A graph that is nested at random does what the same graph does flat (``make nested`` asks of 5,000 of them)."""

from random import Random
from typing import Any

import pytest

from tests.engine.compile.differential import Shelf, difference, draw_graph
from tests.nesting import SEPARATOR, nested, written_out

SEEDS = range(25)


def test_nested_and_flat_graphs_do_the_same() -> None:
    """Nodes, edges, order, lanes, emissions, errors and ends are those of the flat graph."""
    assert [(seed, found) for seed in SEEDS if (found := difference(seed))] == []


@pytest.mark.parametrize("seed", range(20))
def test_the_graphs_are_nested(seed: int) -> None:
    """What is compared has graphs inside it wherever the flat one has paths."""
    random = Random(seed)
    flat = draw_graph(random)
    document = nested(flat, random, written_out)

    def uses(graph: dict[str, Any]) -> int:
        return sum(1 + uses(node["graph"]) for node in graph["nodes"] if "graph" in node)

    groups = {
        node["id"].rsplit(SEPARATOR, depth)[0]
        for node in flat["nodes"]
        for depth in range(1, node["id"].count(SEPARATOR) + 1)
    }
    assert uses(document) == len(groups)


def test_parts_are_used_by_name() -> None:
    """About half of the graphs inside are found by their name."""
    shelf = Shelf(Random(1))
    used = [shelf.use({"nodes": [number]}) for number in range(25)]
    assert 10 < sum("component" in use for use in used) < 30
