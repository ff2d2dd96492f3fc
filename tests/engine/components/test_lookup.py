"""Components that are found elsewhere when a graph names them, in a real runtime with the real sandbox."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from engine.components.lookup import LookupResult, Offer
from engine.errors import ComponentNotFoundError, InvalidGraphError
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.problem import Problem
from tests.engine.executions import document, node
from tests.engine.test_runtime import custom, message

TWICE = custom("return { process: (ctx, port, value) => ctx.emit('out', value * 2) }", "far.twice")
BROKEN = custom("return {", "far.broken")


class CatalogComponents:
    """A source that offers what it has, and takes note of what it was asked."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.offers = {item["id"]: Offer(item, "1") for item in documents}
        self.obstacles: dict[str, Problem] = {}
        self.problems: tuple[Problem, ...] = ()
        self.asked: list[tuple[list[str], list[str], str]] = []

    async def look_up(self, used: Sequence[str], missing: Sequence[str], owner: str) -> LookupResult:
        await trio.lowlevel.checkpoint()
        self.asked.append((list(used), list(missing), owner))
        offers = {name: self.offers[name] for name in missing if name in self.offers}
        return LookupResult(offers, self.obstacles, self.problems)


async def _refusal(runtime: Runtime, graph: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidGraphError) as caught:
        await runtime.library.load_graph(graph)
    assert await runtime.library.check_graph(graph) == caught.value.problems
    return [(problem.code, problem.path) for problem in caught.value.problems]


async def test_a_component_from_elsewhere_runs() -> None:
    """A graph that names one is loaded, runs it in the sandbox, and nothing was registered."""
    shelf = CatalogComponents(TWICE)
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        graph = await runtime.library.load_graph(document({"a": "far.twice", "b": "far.twice"}), owner="org-a")
        options = ExecuteOptions(inputs=(message("a:in", 21),))
        execution = await runtime.execute(graph.id, options)
        ended = await runtime.execution(execution.id).wait_finished()
        assert (ended.state, ended.metrics.messages_emitted) == ("completed", 1)
        assert shelf.asked == [(["far.twice"], ["far.twice"], "org-a")]
        with pytest.raises(ComponentNotFoundError):
            runtime.library.component("far.twice", owner="org-a")


async def test_what_is_here_goes_first() -> None:
    """Built-in and registered components are not missing, whatever the source would offer."""
    passthrough = custom("return {", "symbia.core.passthrough")
    shelf = CatalogComponents(passthrough, {**TWICE, "version": "9.9.9"})
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        await runtime.library.register_component(TWICE)
        graph = await runtime.library.load_graph(document({"a": "far.twice", "b": "symbia.core.passthrough"}))
        assert shelf.asked == [(["far.twice", "symbia.core.passthrough"], [], "")]
        assert [item.component.definition.version for item in graph.nodes] == ["1.0.0", "1.0.0"]


async def test_a_version_that_is_named_is_judged_as_its_component() -> None:
    """The source is asked for the id alone, and what speaks against that refuses the node that names a version."""
    shelf = CatalogComponents()
    pinned = document({"a": "far.twice@1.0.0", "b": "far.twice"})
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        await runtime.library.register_component(TWICE)
        await runtime.library.load_graph(pinned)
        assert shelf.asked == [(["far.twice"], [], "")]
        shelf.obstacles = {"far.twice": Problem("node.no_manifest", "", "No manifest")}
        assert [path for _, path in await _refusal(runtime, pinned)] == [
            "nodes[0].component",
            "nodes[1].component",
        ]


async def test_a_graph_that_comes_again_as_it_was_finds_its_components_anew() -> None:
    """It makes no new version, and its next execution uses what is offered now."""
    shelf = CatalogComponents(TWICE)
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        graph = await runtime.library.load_graph(document({"a": "far.twice"}))
        shelf.offers["far.twice"] = Offer({**TWICE, "version": "2.0.0"}, "2")
        again = await runtime.library.replace_graph(graph.id, document({"a": "far.twice"}))
        assert (again.outcome, again.graph.number) == ("unchanged", 1)
        assert runtime.library.graph(graph.id).nodes[0].component.definition.version == "2.0.0"


async def test_unusable_offers_refuse_the_graph_at_their_nodes() -> None:
    """Source that does not compile, a shape that is none, and another's id are told at the node."""
    shelf = CatalogComponents(BROKEN)
    shelf.offers |= {"far.shapeless": Offer(["x"], "1"), "far.liar": Offer(TWICE, "1")}
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        graph = document({"a": "far.broken", "b": "far.shapeless", "c": "far.liar"})
        unknown, unusable = "node.unknown_component", "node.unusable_component"
        assert sorted(await _refusal(runtime, graph)) == sorted(
            (code, f"nodes[{place}].component") for place in range(3) for code in (unknown, unusable)
        )


async def test_obstacles_and_problems_refuse_the_graph() -> None:
    """What the source has against a component, even a built-in one, or against all of it, is told."""
    shelf = CatalogComponents()
    shelf.obstacles = {"symbia.core.passthrough": Problem("node.no_manifest", "", "No manifest")}
    shelf.problems = (Problem("graph.no_manifests", "nodes", "Not now"),)
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        graph = document({"a": "symbia.core.logger", "b": "symbia.core.passthrough"})
        expected = [("node.no_manifest", "nodes[1].component"), ("graph.no_manifests", "nodes")]
        assert await _refusal(runtime, graph) == expected


async def test_an_offer_is_compiled_once_for_all_who_want_it() -> None:
    """Ten graphs at once share one component; a new revision is a new one."""
    shelf = CatalogComponents(TWICE)
    components: list[Any] = []
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)

        async def load() -> None:
            components.append((await runtime.library.load_graph(document({"a": "far.twice"}))).nodes[0].component)

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(load)
        assert len({id(component) for component in components}) == 1
        shelf.offers["far.twice"] = Offer(TWICE, "2")
        await load()
        assert len({id(component) for component in components}) == 2
        assert len(runtime.library._resolver._making) == 0


async def test_found_components_are_kept_within_bounds() -> None:
    """The one that was unused longest is forgotten; graphs that use it go on."""
    offers = [{**TWICE, "id": f"far.twice-{number}"} for number in range(3)]
    async with open_runtime(limits=EngineLimits(found_components=2)) as runtime:
        runtime.library.find_components_in(CatalogComponents(*offers))
        for item in offers:
            await runtime.library.load_graph(document({"a": item["id"]}))
        assert list(runtime.library._resolver._kept) == [("far.twice-1", "1"), ("far.twice-2", "1")]
        assert len(runtime.library.graphs()) == 3


@pytest.mark.parametrize("nodes", [None, 7, ["a", None, {"component": 7}], [{"component": "x" * 1000}], []])
async def test_documents_that_are_no_graphs_ask_nobody(nodes: Any) -> None:
    """A source is only asked for names that could be some."""
    shelf = CatalogComponents()
    async with open_runtime() as runtime:
        runtime.library.find_components_in(shelf)
        assert await runtime.library.check_graph({**document({"a": node("x")}), "nodes": nodes})
    assert shelf.asked == []
