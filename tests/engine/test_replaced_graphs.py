"""A graph is replaced as a whole or not at all, and what runs keeps the version that it began with."""

from typing import Any

import msgspec
import pytest
import trio

from engine.errors import (
    GraphNotFoundError,
    InvalidGraphError,
    InvalidInjectionError,
    MemoryBoundError,
    NameAmbiguousError,
    PreconditionFailedError,
    VersionNotFoundError,
)
from engine.limits import EngineLimits
from engine.loaded_graphs import Placement
from engine.runtime import Runtime, open_runtime
from engine.versions import Condition
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import document, node

PASS = {**document({"a": "symbia.core.passthrough"}), "name": "orders"}
OTHER = {**document({"b": "symbia.core.passthrough"}), "name": "orders"}
FILTER = document({"a": node("symbia.core.filter", config={"predicate": "value"})})
"""Takes a while to compile: the sandbox reads its predicate."""

WRONG = document({"a": "symbia.core.nothing"})
MANUAL = ExecuteOptions(completion="manual")


async def test_a_new_version_has_the_same_id_and_the_next_number() -> None:
    """The list holds one graph, and its history both versions, with who made them."""
    async with open_runtime() as runtime:
        first = await runtime.library.load_graph(PASS, by="alice")
        placed = await runtime.library.replace_graph(first.id, OTHER, by="bob")
        assert (placed.outcome, placed.graph.id, placed.graph.number) == ("replaced", first.id, 2)
        assert runtime.library.graphs() == [placed.graph] == runtime.library.graphs_named("orders")
        history = runtime.library.graph_versions(first.id)
        assert [(each.number, each.made_by) for each in history] == [(1, "alice"), (2, "bob")]
        assert [each.content.definition.nodes[0].id for each in history] == ["a", "b"]


async def test_a_wrong_one_leaves_the_old_one_in_place() -> None:
    """Nothing of the graph, of its history or of its owner's account has changed."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        held = runtime.ledger.held_by("")
        with pytest.raises(InvalidGraphError):
            await runtime.library.replace_graph(graph.id, WRONG)
        assert runtime.library.graph(graph.id) is graph
        assert len(runtime.library.graph_versions(graph.id)) == 1
        assert runtime.ledger.held_by("") == held


async def test_the_same_content_makes_no_version() -> None:
    """Nor does the same content with other places of its fields; other values do."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        again = await runtime.library.replace_graph(graph.id, dict(reversed(PASS.items())))
        assert (again.outcome, again.graph.tag, again.graph.loaded_at) == ("unchanged", graph.tag, graph.loaded_at)
        other = await runtime.library.replace_graph(graph.id, {**PASS, "description": "x"})
        assert (other.outcome, other.graph.number) == ("replaced", 2)


async def test_what_runs_keeps_its_version() -> None:
    """Its snapshots say which; the next execution runs the new one."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        old = await runtime.execute(graph.id, MANUAL)
        await runtime.library.replace_graph(graph.id, OTHER)
        await runtime.execution(old.id).inject([Injection("a", "in", msgspec.Raw(b"1"))])
        new = await runtime.execute(graph.id, MANUAL)
        assert (old.graph_version, new.graph_version) == (1, 2)
        assert [each.node_id for each in runtime.execution(old.id).snapshot().instances] == ["a"]
        assert [each.node_id for each in runtime.execution(new.id).snapshot().instances] == ["b"]
        await runtime.execution(old.id).stop()
        assert runtime.execution(old.id).snapshot().graph_version == 1
        (listed, _), _ = await runtime.list_executions()
        assert listed.graph_version == 1


async def test_a_version_that_runs_is_kept_beyond_the_bound() -> None:
    """When it runs no more, it goes with the next version."""
    async with open_runtime(limits=EngineLimits(kept_versions=2)) as runtime:
        graph = await runtime.library.load_graph(PASS)
        execution = await runtime.execute(graph.id, MANUAL)
        for text in ("x", "y", "z"):
            await runtime.library.replace_graph(graph.id, {**PASS, "description": text})
        assert [each.number for each in runtime.library.graph_versions(graph.id)] == [1, 4]
        await runtime.execution(execution.id).stop()
        await runtime.library.replace_graph(graph.id, PASS)
        assert [each.number for each in runtime.library.graph_versions(graph.id)] == [4, 5]


async def test_going_back_makes_a_new_version_of_an_old_content() -> None:
    """The history stays; going back to what is there already changes nothing."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(FILTER)
        await runtime.library.replace_graph(graph.id, PASS)
        back = await runtime.library.roll_back_graph(graph.id, 1)
        assert (back.outcome, back.graph.number, back.graph.sha256) == ("replaced", 3, graph.sha256)
        assert (await runtime.library.roll_back_graph(graph.id, 1)).outcome == "unchanged"
        assert [each.number for each in runtime.library.graph_versions(graph.id)] == [1, 2, 3]
        with pytest.raises(VersionNotFoundError):
            await runtime.library.roll_back_graph(graph.id, 9)


async def test_of_two_who_expect_the_same_version_one_wins() -> None:
    """However slowly both are compiled: the other is told that there is another version by now."""
    refused: list[str | None] = []
    placed: list[Placement] = []

    async def replace(runtime: Runtime, graph_id: str, tag: str, text: str) -> None:
        try:
            condition = Condition(frozenset({tag}))
            document = {**FILTER, "description": text}
            placed.append(await runtime.library.replace_graph(graph_id, document, condition=condition))
        except PreconditionFailedError as error:
            refused.append(error.tag)

    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        async with trio.open_nursery() as nursery:
            for text in ("one", "two", "three"):
                nursery.start_soon(replace, runtime, graph.id, graph.tag, text)
        assert [each.graph.number for each in placed] == [2]
        assert refused == [placed[0].graph.tag] * 2


async def test_who_replaces_first_is_served_first() -> None:
    """A large graph that takes long to compile is not put over a later one."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        async with trio.open_nursery() as nursery:
            for text in ("slow", "quick"):
                written = {**(FILTER if text == "slow" else PASS), "description": text}
                nursery.start_soon(runtime.library.replace_graph, graph.id, written)
                await trio.lowlevel.checkpoint()
        assert runtime.library.graph(graph.id).definition.description == "quick"
        assert runtime.library.graph(graph.id).number == 3


async def test_a_graph_that_goes_while_its_successor_is_compiled_stays_gone() -> None:
    """The new version is refused, and nothing is left of it."""
    gone = []

    async def replace(runtime: Runtime, graph_id: str) -> None:
        try:
            await runtime.library.replace_graph(graph_id, FILTER)
        except GraphNotFoundError:
            gone.append(graph_id)

    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(replace, runtime, graph.id)
            await trio.lowlevel.checkpoint()
            await runtime.unload_graph(graph.id)
        assert (gone, runtime.library.graphs(), runtime.ledger.held_by("")) == ([graph.id], [], 0)


async def test_a_graph_is_found_by_its_new_name_alone() -> None:
    """Its place among others of one name is that of its coming."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        await runtime.library.replace_graph(graph.id, {**OTHER, "name": "sales"})
        assert runtime.library.graphs_named("orders") == []
        assert [each.id for each in runtime.library.graphs_named("sales")] == [graph.id]
        await runtime.unload_graph(graph.id)
        assert runtime.library.graphs_named("sales") == []


async def test_a_second_graph_of_a_name_says_so_and_may_replace_the_first() -> None:
    """Without ``replace`` there are two; with it a new version of the one, and none where two have the name."""
    async with open_runtime() as runtime:
        first = await runtime.library.place_graph(PASS, replace=True)
        replaced = await runtime.library.place_graph(OTHER, replace=True)
        assert (first.outcome, replaced.outcome, replaced.graph.id) == ("created", "replaced", first.graph.id)
        second = await runtime.library.place_graph(OTHER)
        assert (second.outcome, second.namesakes) == ("created", (first.graph.id,))
        with pytest.raises(NameAmbiguousError):
            await runtime.library.place_graph(OTHER, replace=True)
        foreign = await runtime.library.place_graph(OTHER, owner="another", replace=True)
        assert (foreign.outcome, foreign.namesakes) == ("created", ())


async def test_two_who_replace_a_name_that_is_not_there_make_one_graph() -> None:
    """Who comes second finds what the first has made, also where that took long to compile."""
    async with open_runtime() as runtime:
        async with trio.open_nursery() as nursery:
            for written in (FILTER, {**PASS, "name": FILTER["name"], "description": "second"}):
                nursery.start_soon(_replace_by_name, runtime, written)
                await trio.lowlevel.checkpoint()
        (graph,) = runtime.library.graphs()
        assert (graph.number, graph.definition.description) == (2, "second")


async def _replace_by_name(runtime: Runtime, written: dict[str, Any]) -> None:
    await runtime.library.place_graph(written, replace=True)


async def test_inputs_are_of_the_version_that_runs() -> None:
    """A graph that is replaced while the inputs of its execution are looked up: they are looked up again."""
    begun: list[str] = []
    many = tuple(Injection("a", "in", msgspec.Raw(b"1")) for _ in range(20_000))

    async def execute(runtime: Runtime, graph_id: str) -> None:
        with pytest.raises(InvalidInjectionError):
            await runtime.execute(graph_id, ExecuteOptions(inputs=many))
        begun.append("refused")

    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(execute, runtime, graph.id)
            await trio.lowlevel.checkpoint()
            await runtime.library.replace_graph(graph.id, OTHER)
            assert begun == []
        assert (begun, runtime.underway()) == (["refused"], [])


async def test_versions_count_to_what_their_owner_may_hold() -> None:
    """A new version that finds no memory leaves the old one in place; old ones go first."""
    async with open_runtime(limits=EngineLimits(owner_memory_bytes=260_000)) as runtime:
        graph = await runtime.library.load_graph({**PASS, "metadata": {"text": "x" * 80_000}})
        large = await runtime.library.replace_graph(graph.id, {**PASS, "metadata": {"text": "y" * 80_000}})
        assert runtime.ledger.held_by("") == graph.size_bytes + large.graph.size_bytes
        await runtime.library.replace_graph(graph.id, {**PASS, "metadata": {"text": "z" * 80_000}})
        assert [each.number for each in runtime.library.graph_versions(graph.id)] == [2, 3]
        with pytest.raises(MemoryBoundError):
            await runtime.library.replace_graph(graph.id, {**PASS, "metadata": {"text": "w" * 250_000}})
        assert runtime.library.graph(graph.id).number == 3
