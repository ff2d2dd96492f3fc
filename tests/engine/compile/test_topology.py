"""Topology by Kahn's algorithm, against simple definitions of what it should say."""

from hypothesis import given
from hypothesis import strategies as st

from engine.compile.topology import analyse
from tests.engine.graphs import pairs_between

NODES = [f"n{index}" for index in range(8)]


def test_levels_are_distances_from_the_inputs() -> None:
    """A node's level is the longest way to it from an input."""
    summary, cycles = analyse(["d", "b", "a", "c"], [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")])
    assert list(cycles) == []
    assert summary.levels == (("a",), ("b",), ("c",), ("d",))
    assert summary.sorted == ("a", "b", "c", "d")
    assert summary.input_nodes == ("a",)
    assert summary.output_nodes == ("d",)


def test_the_author_s_order_is_kept_among_equals() -> None:
    """Nodes without edges keep the order in which they were written, and are inputs and outputs at once."""
    summary, _ = analyse(["b", "a", "c"], [])
    assert summary.sorted == summary.input_nodes == summary.output_nodes == ("b", "a", "c")


def test_parallel_edges_count_once() -> None:
    """Two edges between the same nodes do not keep the target waiting for ever."""
    summary, cycles = analyse(["a", "b"], [("a", "b"), ("a", "b")])
    assert summary.sorted == ("a", "b")
    assert list(cycles) == []


def test_a_cycle_is_named_by_its_nodes() -> None:
    """A cycle is given as one of its rounds, without the nodes before and behind it."""
    pairs = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "out")]
    summary, cycles = analyse(["in", "a", "b", "c", "out"], pairs)
    assert list(cycles) == [("a", "b", "c")]
    assert summary.sorted == ("in",)


def test_a_node_that_feeds_itself_is_a_cycle() -> None:
    """An edge from a node to itself is the smallest cycle."""
    _, cycles = analyse(["a"], [("a", "a")])
    assert list(cycles) == [("a",)]


def test_two_cycles_are_both_named() -> None:
    """Cycles that do not touch are all reported."""
    _, cycles = analyse(["a", "b", "c", "d"], [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")])
    assert list(cycles) == [("a", "b"), ("c", "d")]


def test_a_long_chain_needs_no_recursion() -> None:
    """A cycle through five thousand nodes is found."""
    nodes = [str(index) for index in range(5000)]
    _, cycles = analyse(nodes, pairs_between(nodes, closed=True))
    assert [len(cycle) for cycle in cycles] == [5000]


@given(st.sets(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=20))
def test_the_order_is_right_or_there_is_a_cycle(pairs: set[tuple[str, str]]) -> None:
    """Either every node comes after all that feed it, or every reported cycle is a real round of edges."""
    summary, found = analyse(NODES, sorted(pairs))
    cycles = list(found)
    if cycles:
        assert len(summary.sorted) < len(NODES)
        for cycle in cycles:
            assert set(zip(cycle, (*cycle[1:], cycle[0]), strict=True)) <= pairs
    else:
        place = {node: index for index, node in enumerate(summary.sorted)}
        assert sorted(place) == sorted(NODES)
        assert all(place[source] < place[target] for source, target in pairs)
        level = {node: depth for depth, nodes in enumerate(summary.levels) for node in nodes}
        for node in NODES:
            feeding = [level[source] for source, target in pairs if target == node]
            assert level[node] == (max(feeding) + 1 if feeding else 0)
