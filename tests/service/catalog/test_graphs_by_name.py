"""Graphs of the catalog that others use by name: found, in the right version, by those who may see them."""

from typing import Any

import pytest
import trio

from tests.fakes.catalog import FakeCatalog
from tests.service.catalog.test_reconciliation import INTERVAL_SECONDS, PASS, beside
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

PRIVATE = {"visibility": "org"}


def part(version: str, **fields: Any) -> dict[str, Any]:
    """A graph that others use."""
    return {**single(PASS), "name": "part", "version": version, **fields}


def user(versions: str) -> dict[str, Any]:
    """A graph that uses it."""
    return {**single(f"graph:part@{versions}"), "name": "user"}


async def test_a_graph_is_found_in_the_catalog() -> None:
    """The newest version that is meant, of those that its owner may see; slips of others are passed over."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/one", part("1.0.0", orgId="org-b"), orgId="org-b")
    catalog.add_graph("graphs/two", part("1.5.0", nonsense=1), orgId="org-b")
    catalog.add_graph("graphs/three", part("1.9.0"), orgId="org-b", accessPolicy=PRIVATE)
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        loaded = await runtime.library.load_graph(user("^1"), owner="org-a")
        assert loaded.part is not None
        assert [child.version for child in loaded.part.children.values()] == ["1.5.0"]
        (problem,) = await runtime.library.check_graph(user("^2"), owner="org-a")
        assert (problem.code, problem.path) == ("node.unknown_graph", "nodes[0].component")
        assert problem.message == "No version of graph part is in ^2; there is 1.0.0, 1.5.0"


async def test_a_published_graph_waits_for_what_it_uses() -> None:
    """It is refused while there is no such graph, and loaded in the round after that has come."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/user", user("1"), orgId="org-a")
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        assert runtime.library.graphs() == []
        catalog.add_graph("graphs/part", part("1.0.0"), orgId="org-a")
        await trio.sleep(2 * INTERVAL_SECONDS)
        assert {graph.definition.name for graph in runtime.library.graphs()} == {"user", "part"}
