"""Several graphs are loaded together or not at all."""

import pytest
import trio

from engine.errors import InvalidGraphError, MemoryBoundError, QuotaError
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from tests.engine.executions import document, node
from tests.service.serving import SQUARE

PASS = document({"a": "symbia.core.passthrough"})
FILTER = document({"a": node("symbia.core.filter", config={"predicate": "value"})})
"""Takes a while to compile: the sandbox reads its predicate."""


async def test_graphs_are_loaded_in_their_order() -> None:
    """What comes back, and what is listed, has the order of the documents."""
    documents = [{**PASS, "name": name} for name in "abc"]
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graphs(documents, owner="somebody")
        assert [graph.definition.name for graph in loaded] == list("abc")
        assert runtime.library.graphs() == loaded
        assert {graph.owner for graph in loaded} == {"somebody"}
        assert await runtime.library.load_graphs([]) == []


async def test_one_wrong_graph_refuses_all() -> None:
    """Every problem is told with the graph that it is in, and nothing is stored."""
    async with open_runtime() as runtime:
        with pytest.raises(InvalidGraphError) as refused:
            await runtime.library.load_graphs([PASS, document({"a": "symbia.core.nothing"}), PASS, []])
        assert [problem.path for problem in refused.value.problems] == [
            "graphs[1].nodes[0].component",
            "graphs[3]",
        ]
        assert runtime.library.graphs() == []


@pytest.mark.parametrize(("present", "more", "fits"), [(0, 3, True), (1, 2, True), (1, 3, False), (3, 1, False)])
async def test_the_quota_is_of_all_together(present: int, more: int, fits: bool) -> None:
    """Where not all of them would fit, none is stored; another owner's graphs do not count."""
    async with open_runtime(limits=EngineLimits(owner_graphs=3)) as runtime:
        await runtime.library.load_graphs([PASS] * 3, owner="other")
        await runtime.library.load_graphs([PASS] * present)
        if fits:
            await runtime.library.load_graphs([PASS] * more)
        else:
            with pytest.raises(QuotaError):
                await runtime.library.load_graphs([PASS] * more)
        assert sum(graph.owner == "" for graph in runtime.library.graphs()) == (3 if fits else present)


async def test_two_who_come_at_once_do_not_exceed_the_quota() -> None:
    """The quota is asked again when the graphs have been compiled, so one of the two is refused as a whole."""
    refused = []

    async def load(runtime: Runtime) -> None:
        try:
            await runtime.library.load_graphs([FILTER] * 2)
        except QuotaError:
            refused.append(1)

    async with open_runtime(limits=EngineLimits(owner_graphs=3)) as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load, runtime)
            nursery.start_soon(load, runtime)
        assert (len(refused), len(runtime.library.graphs())) == (1, 2)


async def test_what_is_stored_is_charged_to_its_owner() -> None:
    """Graphs and components are on the ledger from their coming to their going."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph({**PASS, "metadata": {"text": "x" * 50_000}}, owner="somebody")
        assert runtime.ledger.held_by("somebody") == graph.size_bytes > 50_000
        await runtime.library.register_component(SQUARE, owner="somebody")
        assert runtime.ledger.held_by("somebody") > graph.size_bytes
        assert runtime.ledger.held_by("") == 0
        await runtime.library.unregister_component(SQUARE["id"], owner="somebody")
        await runtime.unload_graph(graph.id)
        assert runtime.ledger.held_bytes == 0


async def test_a_graph_beyond_its_owners_memory_is_refused() -> None:
    """Nothing of it is stored, and another owner is not concerned."""
    large = {**PASS, "metadata": {"text": "x" * 50_000}}
    async with open_runtime(limits=EngineLimits(owner_memory_bytes=100_000)) as runtime:
        await runtime.library.load_graph(large, owner="somebody")
        with pytest.raises(MemoryBoundError):
            await runtime.library.load_graph(large, owner="somebody")
        assert len(runtime.library.graphs(owner="somebody")) == 1
        await runtime.library.load_graph(large, owner="other")


async def test_graphs_are_found_by_owner_and_by_name() -> None:
    """The indices keep up with what is loaded and unloaded."""
    async with open_runtime() as runtime:
        first = await runtime.library.load_graph({**PASS, "name": "n"}, owner="a")
        second = await runtime.library.load_graph({**PASS, "name": "n"}, owner="b")
        assert runtime.library.graphs_named("n") == [first, second]
        assert runtime.library.graphs(owner="b") == [second]
        await runtime.unload_graph(first.id)
        assert runtime.library.graphs_named("n") == [second]
        assert runtime.library.graphs(owner="a") == []
