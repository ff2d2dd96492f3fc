"""Components and graphs in the files of a service's folders: loaded, loaded again, told where wrong."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.runtime import Runtime, open_runtime
from proto.message import Injection
from service.folders.keeper import FileKeeper, FolderPlan


def graph(name: str, component: str = "symbia.core.passthrough", **fields: Any) -> dict[str, Any]:
    nodes = [{"id": "a", "component": component}]
    return {"symbia": "1.0", "name": name, "nodes": nodes, "edges": [], **fields}


class Folder:
    """A folder of graphs, one of components, and their keeper."""

    def __init__(self, path: Path, runtime: Runtime, nursery: trio.Nursery) -> None:
        self.graphs, self.library = path / "graphs", path / "library"
        self.graphs.mkdir()
        self.library.mkdir()
        self.runtime = runtime
        self.counts: list[int] = []
        plan = FolderPlan((self.library,), (self.graphs,), watches=True)
        self.keeper = FileKeeper(runtime, plan, nursery, self.counts.append, lambda: 0.5)

    def write(self, name: str, document: Any) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        (self.graphs / name).write_text(text)

    def write_component(self, name: str, source: str, component_id: str) -> None:
        fields = f"id: {component_id}\nname: N\nversion: 1.0.0\nports: {{inputs: [in], outputs: [out]}}"
        (self.library / f"{name}.js").write_text(f"/* symbia:\n{fields}\n*/\n{source}")

    async def look(self) -> dict[str, str]:
        await self.keeper.look()
        return {path.name: reason for path, reason in self.keeper.refused.items()}

    def loaded(self) -> dict[str, int]:
        return {each.definition.name: each.number for each in self.runtime.library.graphs()}


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Folder]:
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        yield Folder(path, runtime, nursery)
        nursery.cancel_scope.cancel()


async def test_graphs_are_loaded_and_those_of_a_role_are_run(tmp_path: Path) -> None:
    """Every graph of the folder is loaded; a pipeline or a service runs, others do not. Other files are left."""
    async with opened(tmp_path) as folder:
        folder.write("one.json", graph("one"))
        (folder.graphs / "deep").mkdir()
        folder.write(
            "deep/two.yaml",
            "symbia: '1.0'\nname: two\nmetadata: {role: service}\n"
            "nodes: [{id: a, component: symbia.core.passthrough}]\nedges: []\n",
        )
        folder.write("one.cases.yaml", "graph: one.json\ncases: []")
        folder.write("notes.json", [1, 2])
        assert await folder.look() == {}
        assert folder.loaded() == {"one": 1, "two": 1}
        await trio.testing.wait_all_tasks_blocked()
        (execution,) = folder.runtime.executions()
        assert execution.graph_id == folder.runtime.library.graphs_named("two")[0].id


async def test_one_broken_graph_stops_no_other(tmp_path: Path) -> None:
    """What is wrong is told with its file, counted, and loaded once it is right."""
    async with opened(tmp_path) as folder:
        folder.write("bad.json", graph("bad", "custom.nowhere"))
        folder.write("good.json", graph("good"))
        folder.write("torn.yaml", "nodes: [")
        refused = await folder.look()
        assert sorted(refused) == ["bad.json", "torn.yaml"]
        assert refused["bad.json"].startswith("line 1, column 69: Graph references components")
        assert (folder.loaded(), folder.counts) == ({"good": 1}, [2])
        folder.write("bad.json", graph("bad"))
        (folder.graphs / "torn.yaml").unlink()
        assert await folder.look() == {}
        assert (folder.loaded(), folder.counts) == ({"good": 1, "bad": 1}, [2, 0])


async def test_what_changes_is_a_new_version_or_stays_as_it_was(tmp_path: Path) -> None:
    """A changed file makes a new version under the same id; one that is refused leaves the version that was."""
    async with opened(tmp_path) as folder:
        folder.write("one.json", graph("one", metadata={"role": "service"}))
        await folder.look()
        (loaded,) = folder.runtime.library.graphs()
        await trio.testing.wait_all_tasks_blocked()
        folder.write("one.json", graph("one", "symbia.core.logger", metadata={"role": "service"}))
        assert await folder.look() == {}
        (changed,) = folder.runtime.library.graphs()
        assert (changed.id, changed.number) == (loaded.id, 2)
        (execution,) = folder.runtime.executions()
        assert execution.instances[0].component_id == "symbia.core.logger"  # what runs has gone over to it
        folder.write("one.json", graph("one", "custom.nowhere"))
        assert list(await folder.look()) == ["one.json"]
        assert folder.loaded() == {"one": 2}


async def test_a_graph_whose_file_vanishes_is_unloaded(tmp_path: Path) -> None:
    """Its executions drain; so does one whose file is a graph no more."""
    async with opened(tmp_path) as folder:
        folder.write("one.json", graph("one", metadata={"role": "service"}))
        folder.write("two.json", graph("two"))
        await folder.look()
        (folder.graphs / "one.json").unlink()
        folder.write("two.json", {"x": 1})
        assert await folder.look() == {}
        await trio.testing.wait_all_tasks_blocked()
        assert folder.loaded() == {}
        assert [each.state for each in folder.runtime.executions()] == ["completed"]


async def test_two_files_with_one_name_are_told(tmp_path: Path) -> None:
    """Of two graphs of one name the first counts, and the other file says where the first is."""
    async with opened(tmp_path) as folder:
        folder.write("a.json", graph("same"))
        folder.write("b.json", graph("same"))
        assert await folder.look() == {"b.json": f"{folder.graphs / 'a.json'} has a graph of the name same, too"}


async def test_graphs_use_those_beside_them_in_whatever_order(tmp_path: Path) -> None:
    """A graph whose file comes first may use one whose file comes last."""
    async with opened(tmp_path) as folder:
        ports = {"inputs": [{"name": "in", "bind": {"node": "a", "port": "in"}}], "outputs": []}
        folder.write("a.json", graph("outer", "graph:inner"))
        folder.write("z.json", graph("inner", ports=ports))
        assert await folder.look() == {}
        assert sorted(folder.loaded()) == ["inner", "outer"]


async def test_components_come_before_graphs_and_change_with_their_files(tmp_path: Path) -> None:
    """A component is registered from its file, replaced when that changes, and forgotten when it goes."""
    async with opened(tmp_path) as folder:
        folder.write_component("x", "export default (ctx, port, value) => ctx.emit('out', 1);", "custom.x")
        folder.write("one.json", graph("one", "custom.x"))
        assert await folder.look() == {}
        folder.write_component("x", "export default (ctx, port", "custom.x")
        refused = await folder.look()
        assert list(refused) == ["x.js"]
        assert "SyntaxError" in refused["x.js"]
        folder.write_component("x", "export default (ctx, port, value) => ctx.emit('out', 2);", "custom.x")
        assert await folder.look() == {}
        assert "2" in folder.runtime.library.component("custom.x").execution.source
        (folder.library / "x.js").unlink()
        assert "graph" in (await folder.look())["x.js"]
        (folder.graphs / "one.json").unlink()
        await folder.look()


async def test_what_runs_goes_over_to_a_changed_file(tmp_path: Path) -> None:
    """A component or a graph whose file changes is what the execution runs from then on, with its state."""
    counting = "return { process(ctx) { const n = (ctx.getState('n') || 0) + STEP; ctx.setState('n', n); } };"
    async with opened(tmp_path) as folder:
        folder.write_component("count", counting.replace("STEP", "1"), "own.count")
        folder.write("one.json", graph("one", "own.count", metadata={"role": "service"}))
        assert await folder.look() == {}
        await trio.testing.wait_all_tasks_blocked()
        execution = folder.runtime.execution(folder.runtime.underway()[0])

        async def count() -> bytes:
            await execution.inject([Injection("a", "in", msgspec.Raw(b"null"))])
            await execution.wait_quiescent()
            return execution.state()["a"]["n"]

        assert await count() == b"1"
        folder.write_component("count", counting.replace("STEP", "10"), "own.count")
        assert await folder.look() == {}
        assert await count() == b"11"
        following = graph("one", "own.count", metadata={"role": "service"})
        following["nodes"].append({"id": "b", "component": "symbia.core.passthrough"})
        folder.write("one.json", following)
        assert await folder.look() == {}
        assert [each.node_id for each in execution.snapshot().instances] == ["a", "b"]
        assert await count() == b"21"
