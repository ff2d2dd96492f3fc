"""Registered components outlive the process: their versions, their modules, and the graphs that follow them."""

import base64
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from engine.errors import NotKeptError
from engine.keeping.keeper import Keeper
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from store.sqlite import open_sqlite_store
from tests.engine.executions import document
from tests.engine.keeping.test_keeping import kept_runtime
from tests.engine.test_replaced_components import FOLLOWING, PINNED, emitted, written
from tests.wasm_host.sandboxes import module_text

MANUAL = ExecuteOptions(completion="manual")


def _module(version: str, **execution: Any) -> dict[str, Any]:
    content = base64.b64encode(bytes(wasmtime.wat2wasm(module_text()))).decode()
    return {
        "id": "own.wasm",
        "name": "Own",
        "version": version,
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "wasm", "module": content, **execution},
    }


async def test_a_component_is_there_with_its_versions_and_so_are_its_graphs(tmp_path: Path) -> None:
    """The graph that follows it runs the present one, the graph that is pinned the one that it names."""
    async with kept_runtime(tmp_path) as (runtime, _):
        await runtime.library.register_component(written("1.0.0", 1), owner="o", by="alice")
        pinned = await runtime.library.load_graph(PINNED, owner="o")
        following = await runtime.library.load_graph(FOLLOWING, owner="o")
        await runtime.library.replace_component("own.x", written("2.0.0", 2), owner="o", by="bob")
    async with kept_runtime(tmp_path) as (runtime, restored):
        assert (restored.components, restored.graphs, restored.failed) == (1, 2, ())
        versions = runtime.library.component_versions("own.x", owner="o")
        assert [(each.number, each.made_by, each.content.definition.version) for each in versions] == [
            (1, "alice", "1.0.0"),
            (2, "bob", "2.0.0"),
        ]
        for graph, value in ((pinned, 1), (following, 2)):
            execution = await runtime.execute(graph.id, MANUAL)
            assert await emitted(runtime, execution.id) == value
        assert (await runtime.library.roll_back_component("own.x", 1, owner="o")).version.number == 3


async def test_what_was_fetched_is_kept_and_not_fetched_again(tmp_path: Path) -> None:
    """A source is pinned for good: the URL may give something else by now, or nothing."""
    asked: list[str] = []

    async def fetch(url: str, limit_bytes: int) -> bytes:
        del limit_bytes
        asked.append(url)
        return b"return { process: (ctx) => ctx.emit('out', 7) }"

    execution = {"type": "javascript", "sourceUrl": "https://code.example/x.js"}
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store), fetch_source=fetch) as runtime:
            await runtime.library.register_component({**written("1.0.0", 0), "execution": execution})
            graph = await runtime.library.load_graph(FOLLOWING)
        async with open_runtime(keeper=Keeper(store)) as runtime:
            assert (await runtime.restore()).failed == ()
            assert runtime.library.component("own.x").execution.source_url == "https://code.example/x.js"
            started = await runtime.execute(graph.id, MANUAL)
            assert await emitted(runtime, started.id) == 7
    assert asked == ["https://code.example/x.js"]


async def test_a_module_is_kept_once_and_goes_with_the_last_version_that_has_it(tmp_path: Path) -> None:
    """Two versions with the same bytes share them; when the component is removed, nothing of it is left."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            await runtime.library.register_component(_module("1.0.0"))
            await runtime.library.replace_component("own.wasm", _module("1.1.0"))
            assert len([record async for record in store.read_all("module")]) == 1
        async with open_runtime(keeper=Keeper(store)) as runtime:
            assert (await runtime.restore()).components == 1
            assert len(runtime.library.component_versions("own.wasm")) == 2
            await runtime.library.load_graph(document({"a": "own.wasm@1.0.0"}))
            (graph,) = runtime.library.graphs()
            await runtime.unload_graph(graph.id)
            await runtime.library.unregister_component("own.wasm")
        left = [each.key for kind in ("component", "module", "graph") async for each in store.read_all(kind)]
    assert left == []


async def test_a_component_that_cannot_be_kept_is_not_registered(tmp_path: Path) -> None:
    """Neither as a new one nor in the place of the one that is there."""
    large = {**written("2.0.0", 2), "description": "x" * 200_000}
    async with kept_runtime(tmp_path, bound_bytes=150_000) as (runtime, _):
        await runtime.library.register_component(written("1.0.0", 1))
        held = runtime.ledger.held_by("")
        with pytest.raises(NotKeptError, match="the store is full"):
            await runtime.library.register_component({**large, "id": "own.other"})
        with pytest.raises(NotKeptError, match="the store is full"):
            await runtime.library.replace_component("own.x", large)
        assert [each.id for each in runtime.library.components() if each.id.startswith("own")] == ["own.x"]
        assert runtime.library.component("own.x").version == "1.0.0"
        assert runtime.ledger.held_by("") == held


async def test_a_component_that_cannot_be_made_any_more_is_named_and_tried_again(tmp_path: Path) -> None:
    """Its module is lost here; what uses it waits, too, and nothing is taken from the store."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            await runtime.library.register_component(_module("1.0.0"))
            await runtime.library.load_graph(document({"a": "own.wasm"}))
        (module,) = [record async for record in store.read_all("module")]
        async with open_runtime(keeper=Keeper(store)) as runtime:
            await store.write([type(module)(module.kind, module.owner, module.key, b"no module")])
            failed = (await runtime.restore()).failed
            assert (failed[0].kind, failed[0].id) == ("component", "own.wasm")
            assert ([each.kind for each in failed], runtime.library.restoring.left) == (["component", "graph"], 2)
            await store.write([module])
            again = await runtime.library.restoring.go_on()
            assert (again.components, again.graphs, again.failed) == (1, 1, ())


async def test_a_module_stays_as_long_as_another_component_has_it(tmp_path: Path) -> None:
    """An owner has the bytes once, whichever of their components have them."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            for name in ("own.wasm", "own.twin", "own.third"):
                await runtime.library.register_component({**_module("1.0.0"), "id": name})
            await runtime.library.unregister_component("own.third")
            await runtime.library.replace_component("own.twin", written("2.0.0", 2) | {"id": "own.twin"})
            await runtime.library.unregister_component("own.twin")
        async with open_runtime(keeper=Keeper(store)) as runtime:
            restored = await runtime.restore()
            assert (restored.components, restored.failed) == (1, ())
            await runtime.library.unregister_component("own.wasm")
        assert [record.key async for record in store.read_all("module")] == []


async def test_what_is_registered_goes_before_what_could_not_be_restored(tmp_path: Path) -> None:
    """The later one was answered for; the earlier one does not come back, neither then nor at the next start."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            await runtime.library.register_component(_module("1.0.0"))
            await runtime.library.replace_component("own.wasm", _module("2.0.0"))
        (module,) = [record async for record in store.read_all("module")]
        await store.write([type(module)(module.kind, module.owner, module.key, b"no module")])
        async with open_runtime(keeper=Keeper(store)) as runtime:
            assert len((await runtime.restore()).failed) == 1
            await runtime.library.register_component(written("3.0.0", 3) | {"id": "own.wasm"})
            await runtime.library.restoring.go_on()
            assert runtime.library.restoring.left == 0
        async with open_runtime(keeper=Keeper(store)) as runtime:
            assert (await runtime.restore()).failed == ()
            (version,) = runtime.library.component_versions("own.wasm")
            assert (version.number, version.content.definition.version) == (3, "3.0.0")
        assert [record.key async for record in store.read_all("module")] == []


async def test_versions_that_cannot_be_made_any_more_go_with_their_component(tmp_path: Path) -> None:
    """Otherwise the next start would bring back what was removed."""
    async with open_sqlite_store(tmp_path) as store:
        async with open_runtime(keeper=Keeper(store)) as runtime:
            await runtime.library.register_component(_module("1.0.0"))
            await runtime.library.replace_component("own.wasm", written("2.0.0", 2) | {"id": "own.wasm"})
        (module,) = [record async for record in store.read_all("module")]
        await store.write([type(module)(module.kind, module.owner, module.key, b"no module")])
        async with open_runtime(keeper=Keeper(store)) as runtime:
            assert (await runtime.restore()).components == 1
            await runtime.library.unregister_component("own.wasm")
        left = [each.key for kind in ("component", "module") async for each in store.read_all(kind)]
    assert left == []
