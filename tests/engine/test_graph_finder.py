"""Graphs that others use by name, found among what is loaded."""

from typing import Any

import pytest

from engine.compile.parts import FoundGraphs
from engine.errors import InvalidGraphError
from engine.runtime import open_runtime
from tests.engine.executions import document

PASS = "symbia.core.passthrough"


def part(version: str, **nodes: str) -> dict[str, Any]:
    """A graph that others use; its nodes tell it apart."""
    return {**document(nodes or {"a": PASS}), "name": "part", "version": version}


def user(reference: str) -> dict[str, Any]:
    """A graph that uses one."""
    return {**document({"p": reference}), "name": "user"}


@pytest.mark.parametrize(
    ("reference", "version"),
    [("graph:part", "1.10.0"), ("graph:part@~1.2", "1.2.0"), ("graph:part@2.0.0-rc.1", "2.0.0-rc.1")],
)
async def test_the_newest_that_is_meant_is_used(reference: str, version: str) -> None:
    """Whatever the order in which they came."""
    async with open_runtime() as runtime:
        for each in ("1.2.0", "1.10.0", "1.9.0", "2.0.0-rc.1"):
            await runtime.library.load_graph(part(each))
        loaded = await runtime.library.load_graph(user(reference))
        assert loaded.part is not None
        assert [child.version for child in loaded.part.children.values()] == [version]


async def test_an_earlier_version_of_a_replaced_graph_is_still_found() -> None:
    """Its range goes on to mean it, as long as it is kept."""
    async with open_runtime() as runtime:
        first = await runtime.library.load_graph(part("1.0.0", old=PASS))
        await runtime.library.replace_graph(first.id, part("2.0.0", new=PASS))
        loaded = await runtime.library.load_graph(user("graph:part@^1"))
        assert [node.id for node in loaded.nodes] == ["p/old"]
        assert [node.id for node in (await runtime.library.load_graph(user("graph:part"))).nodes] == ["p/new"]


async def test_a_loaded_graph_keeps_what_it_was_loaded_with() -> None:
    """Also when that has gone; what uses the graph itself gets its insides from it."""
    async with open_runtime() as runtime:
        inner = await runtime.library.load_graph(part("1.0.0"))
        await runtime.library.load_graph(user("graph:part"))
        await runtime.library.forget_graph(inner.id)
        outer = await runtime.library.load_graph({**document({"u": "graph:user"}), "name": "outer"})
        assert [node.id for node in outer.nodes] == ["u/p/a"]
        with pytest.raises(InvalidGraphError, match="No graph part is loaded"):
            await runtime.library.load_graph(user("graph:part"))


async def test_graphs_of_others_are_not_found() -> None:
    """An owner uses their own; what is like a name of theirs is told."""
    async with open_runtime() as runtime:
        await runtime.library.load_graph(part("1.0.0"), owner="org-a")
        for owner, told in (("org-b", "No graph part is loaded"), ("org-a", "")):
            problems = await runtime.library.check_graph(user("graph:part"), owner=owner)
            assert [each.message for each in problems] == ([told] if told else [])
        (problem,) = await runtime.library.check_graph(user("graph:prat"), owner="org-a")
        assert problem.message == "No graph prat is loaded; did you mean part?"
        (problem,) = await runtime.library.check_graph(user("graph:part@2"), owner="org-a")
        assert problem.message == "No version of graph part is in 2; there is 1.0.0"


async def test_a_source_is_asked_for_what_is_not_loaded() -> None:
    """It offers documents, or says why it cannot; what is loaded goes first."""

    class Shelf:
        trouble = ""

        async def graphs_named(self, name: str, owner: str) -> FoundGraphs:
            assert (name, owner) == ("part", "")
            return FoundGraphs([part("1.0.0", far=PASS), {"name": "part", "version": "0.1"}, 5], self.trouble)

    async with open_runtime() as runtime:
        shelf = Shelf()
        runtime.library.find_graphs_in(shelf)
        assert [node.id for node in (await runtime.library.load_graph(user("graph:part@<=1.0.0"))).nodes] == [
            "p/far"
        ]
        shelf.trouble = "away"
        await runtime.library.load_graph(part("3.0.0", near=PASS))
        assert [node.id for node in (await runtime.library.load_graph(user("graph:part"))).nodes] == ["p/near"]
