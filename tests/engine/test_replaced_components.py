"""A component is replaced as a whole, with the graphs that follow it, or not at all."""

from typing import Any

import msgspec
import pytest
import trio

from engine.contracts.observer import FlowObserver
from engine.errors import (
    ComponentBreaksGraphsError,
    ComponentBuiltInError,
    ComponentInUseError,
    ComponentNotFoundError,
    InvalidComponentError,
    InvalidGraphError,
    PreconditionFailedError,
)
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from engine.versions import Condition
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import document, node
from tests.service.serving import SQUARE

MANUAL = ExecuteOptions(completion="manual")


def written(version: str, emitted: int, port: str = "out") -> dict[str, Any]:
    """A component that emits a number, whatever it gets."""
    source = f"return {{ process: (ctx) => ctx.emit('{port}', {emitted}) }}"
    ports = {"inputs": ["in"], "outputs": [port]}
    execution = {"type": "javascript", "source": source}
    return {**SQUARE, "id": "own.x", "version": version, "ports": ports, "execution": execution}


FOLLOWING = document({"a": "own.x", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
PINNED = document({"a": "own.x@1.0.0", "b": "symbia.core.passthrough"}, ["a:out > b:in"])


class Heard(FlowObserver):
    """What leaves a graph."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del node_id, port
        self.values.append(value)


async def emitted(runtime: Runtime, execution_id: str) -> int:
    """What an execution makes of a message."""
    heard = Heard()
    execution = runtime.execution(execution_id)
    with execution.watch(heard):
        await execution.inject([Injection("a", "in", msgspec.Raw(b"0"))])
        await execution.wait_quiescent()
    (value,) = heard.values
    return int(value)


async def test_graphs_follow_a_component_and_what_runs_keeps_its_own() -> None:
    """The next execution uses the new version; a graph that names a version keeps to it."""
    async with open_runtime() as runtime:
        library = runtime.library
        await library.register_component(written("1.0.0", 1), by="alice")
        following, pinned = [await library.load_graph(each) for each in (FOLLOWING, PINNED)]
        old = await runtime.execute(following.id, MANUAL)
        placed = await library.replace_component("own.x", written("2.0.0", 2), by="bob")
        assert (placed.outcome, placed.version.number) == ("replaced", 2)
        new, kept = [await runtime.execute(each.id, MANUAL) for each in (following, pinned)]
        assert [await emitted(runtime, each.id) for each in (old, new, kept)] == [1, 2, 1]
        assert (new.graph_version, library.graph(following.id).tag) == (1, following.tag)
        history = library.component_versions("own.x")
        assert [(each.number, each.made_by) for each in history] == [(1, "alice"), (2, "bob")]
        back = await library.roll_back_component("own.x", 1)
        assert (back.outcome, back.version.number) == ("replaced", 3)
        again = await runtime.execute(following.id, MANUAL)
        assert await emitted(runtime, again.id) == 1


async def test_a_version_that_a_graph_could_not_use_is_refused() -> None:
    """The graph is named with its problem, and everything is as it was; one that names a version is not asked."""
    async with open_runtime() as runtime:
        library = runtime.library
        await library.register_component(written("1.0.0", 1))
        graph = await library.load_graph(FOLLOWING)
        await library.load_graph(PINNED)
        with pytest.raises(ComponentBreaksGraphsError) as refused:
            await library.replace_component("own.x", written("2.0.0", 2, port="other"))
        assert [each.path for each in refused.value.problems] == [f"graphs[{graph.id}].edges[0].source.port"]
        assert library.graph(graph.id) is graph
        assert [each.number for each in library.component_versions("own.x")] == [1]
        await runtime.unload_graph(graph.id)
        assert (await library.replace_component("own.x", written("2.0.0", 2, port="other"))).version.number == 2


async def test_a_wrong_version_leaves_the_old_one() -> None:
    """Code that cannot be read, another id, a built-in one: nothing has changed."""
    async with open_runtime() as runtime:
        library = runtime.library
        await library.register_component(written("1.0.0", 1))
        broken = {**written("2.0.0", 2), "execution": {"type": "javascript", "source": "return {"}}
        for wrong in (broken, {**written("2.0.0", 2), "id": "own.y"}, {}):
            with pytest.raises(InvalidComponentError):
                await library.replace_component("own.x", wrong)
        with pytest.raises(ComponentBuiltInError):
            await library.replace_component("symbia.core.map", {**SQUARE, "id": "symbia.core.map"})
        with pytest.raises(ComponentNotFoundError):
            await library.roll_back_component("own.y", 1)
        same = await library.replace_component("own.x", written("1.0.0", 1))
        assert (same.outcome, same.version.number) == ("unchanged", 1)


async def test_the_first_version_is_made_as_by_a_registration() -> None:
    """Where none is there; on condition only where none is there."""
    none_yet = Condition(none_of=frozenset({"*"}))
    async with open_runtime() as runtime:
        library = runtime.library
        made = await library.replace_component("own.x", written("1.0.0", 1), condition=none_yet)
        assert (made.outcome, made.version.number) == ("created", 1)
        with pytest.raises(PreconditionFailedError):
            await library.replace_component("own.x", written("2.0.0", 2), condition=none_yet)


async def test_of_two_who_expect_the_same_version_one_wins() -> None:
    """The other is told that there is another by now."""
    outcomes: list[str] = []

    async def replace(runtime: Runtime, tag: str, number: int) -> None:
        try:
            condition = Condition(frozenset({tag}))
            await runtime.library.replace_component("own.x", written("2.0.0", number), condition=condition)
            outcomes.append("replaced")
        except PreconditionFailedError:
            outcomes.append("refused")

    async with open_runtime() as runtime:
        await runtime.library.register_component(written("1.0.0", 1))
        (first,) = runtime.library.component_versions("own.x")
        async with trio.open_nursery() as nursery:
            for number in (2, 3):
                nursery.start_soon(replace, runtime, first.tag, number)
        assert sorted(outcomes) == ["refused", "replaced"]


async def test_a_graph_that_comes_while_a_component_is_replaced_has_the_new_one() -> None:
    """However the two lie in time: one that takes long to compile began with the old one."""
    slow = {f"f{number}": node("symbia.core.filter", config={"predicate": "value"}) for number in range(40)}
    graph = document({"a": "own.x", **slow})
    async with open_runtime() as runtime:
        library = runtime.library
        await library.register_component(written("1.0.0", 1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(library.load_graph, graph)
            nursery.start_soon(library.load_graphs, [FOLLOWING, graph])
            await trio.lowlevel.checkpoint()
            await library.replace_component("own.x", written("2.0.0", 2))
            assert library.graphs() == []
        used = {each.component for graph in library.graphs() for each in graph.nodes if each.id == "a"}
        assert used == {library.component_versions("own.x")[-1].content}


async def test_a_version_that_is_named_or_runs_is_kept() -> None:
    """Others go where there are too many; a name of none that is kept refuses the graph."""
    async with open_runtime(limits=EngineLimits(kept_versions=2)) as runtime:
        library = runtime.library
        await library.register_component(written("1.0.0", 1))
        pinned = await library.load_graph(PINNED)
        for number in (2, 3, 4):
            await library.replace_component("own.x", written(f"{number}.0.0", number))
        assert [each.number for each in library.component_versions("own.x")] == [1, 4]
        for name in ("own.x@2.0.0", "own.x@", "own.x@latest", "@1.0.0"):
            with pytest.raises(InvalidGraphError):
                await library.load_graph(document({"a": name}))
        await library.load_graph(document({"a": "symbia.core.map@1.0.0"}) | {"nodes": [_map()]})
        with pytest.raises(ComponentInUseError):
            await library.unregister_component("own.x")
        await runtime.unload_graph(pinned.id)
        await library.unregister_component("own.x")
        assert runtime.ledger.held_by("") == sum(graph.size_bytes for graph in library.graphs())


def _map() -> dict[str, Any]:
    return {"id": "a", "component": "symbia.core.map@1.0.0", "config": {"expression": "value"}}


async def test_another_owner_has_their_own() -> None:
    """Neither their component nor their graphs are touched."""
    async with open_runtime() as runtime:
        library = runtime.library
        for owner in ("org-a", "org-b"):
            await library.register_component(written("1.0.0", 1), owner=owner)
            await library.load_graph(FOLLOWING, owner=owner)
        (untouched,) = library.graphs(owner="org-b")
        await library.replace_component("own.x", written("2.0.0", 2), owner="org-a")
        assert library.graphs(owner="org-b") == [untouched]
        assert library.component("own.x", owner="org-b").version == "1.0.0"
