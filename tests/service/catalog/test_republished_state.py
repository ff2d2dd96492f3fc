"""State of a graph that is published anew while it runs: the new revision goes on with it, in simulated time."""

import json
from typing import Any

import msgspec
import pytest
import trio
import trio.lowlevel

from engine.runtime import Runtime
from proto.message import Injection
from service.ingress.flow_trace import FlowTrace
from service.ingress.output_list import OutputList
from tests.fakes.catalog import FakeCatalog
from tests.service.catalog.test_reconciliation import INTERVAL_SECONDS, beside, running

pytestmark = pytest.mark.usefixtures("autojump_clock")

NODES: dict[str, dict[str, Any]] = {
    "symbia.state.latest": {"keyField": "k"},
    "symbia.state.join": {"select": {"x": "a", "y": "b"}, "keyField": "k", "valueField": "v"},
    "symbia.state.window": {"size": 5, "field": "v"},
    "symbia.state.rollup": {"expected": ["a", "b"], "keyField": "k", "valueField": "v"},
}


def graph(revision: int, component: str, config: dict[str, Any], **fields: Any) -> dict[str, Any]:
    node = {"id": "keeper", "component": component, "config": config, **fields}
    return {
        "symbia": "1.0",
        "name": "keeping",
        "version": f"1.0.{revision}",
        "nodes": [node],
        "edges": [],
        "metadata": {"role": "pipeline"},
    }


async def told(runtime: Runtime, key: str, value: float) -> dict[str, Any]:
    """What comes out of the newest execution for one message, by port."""
    execution = runtime.execution(running(runtime)[-1])
    trace = FlowTrace(execution.open_account(), OutputList(execution.open_account()), 0)
    with execution.watch(trace):
        await execution.inject(
            [Injection("keeper", "in", msgspec.Raw(json.dumps({"k": key, "v": value}).encode()))]
        )
        await execution.wait_quiescent()
    return {place.partition(":")[2]: json.loads(bytes(output.value)) for place, output in trace.outputs.items()}


async def republish(catalog: FakeCatalog, resource: dict[str, Any], definition: dict[str, Any]) -> None:
    catalog.change(resource, metadata={"definition": definition})
    await trio.sleep(INTERVAL_SECONDS + 5)


AFTER: dict[str, dict[str, Any]] = {
    "symbia.state.latest": {"snapshot": {"a": {"k": "a", "v": 1}, "b": {"k": "b", "v": 2}}},
    "symbia.state.join": {"out": {"x": 1, "y": 2}},
    "symbia.state.window": {"out": {"count": 2, "sum": 3, "mean": 1.5, "min": 1, "max": 2, "last": 2}},
    "symbia.state.rollup": {"out": {"value": 3, "op": "sum", "coverage": 1, "present": 2, "missing": []}},
}


@pytest.mark.parametrize("component", NODES)
async def test_state_goes_on_in_the_next_revision(component: str) -> None:
    """What was kept before the graph was published anew is there afterwards, whichever component keeps it."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/keeping", graph(1, component, NODES[component]))
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        (first,) = running(runtime)
        await told(runtime, "a", 1)
        await republish(catalog, resource, graph(2, component, NODES[component]))
        (second,) = running(runtime)
        assert second != first
        after = await told(runtime, "b", 2)
        assert {port: after[port] for port in AFTER[component]} == AFTER[component]


CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a longer window": (
        {"size": 9, "field": "v"},
        {"out": {"count": 4, "sum": 10, "mean": 2.5, "min": 1, "max": 4, "last": 4}},
    ),
    "a shorter window": (
        {"size": 2, "field": "v"},
        {"out": {"count": 2, "sum": 7, "mean": 3.5, "min": 3, "max": 4, "last": 4}},
    ),
}


@pytest.mark.parametrize("name", CHANGED)
async def test_a_window_of_another_size_takes_what_fits(name: str) -> None:
    """The last numbers go on, as many as there is room for."""
    config, after = CHANGED[name]
    catalog = FakeCatalog()
    component = "symbia.state.window"
    resource = catalog.add_graph("graphs/keeping", graph(1, component, NODES[component]))
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        for number in (1, 2, 3):
            await told(runtime, "a", number)
        await republish(catalog, resource, graph(2, component, config))
        assert await told(runtime, "a", 4) == after


@pytest.mark.parametrize("strict", [False, True])
async def test_a_field_that_means_another_key_is_not_known(strict: bool) -> None:
    """A join keeps the fields whose keys stayed; a rollup the keys that are still expected."""
    catalog = FakeCatalog()
    first = {**NODES["symbia.state.join"], "strict": strict}
    join = catalog.add_graph("graphs/keeping", graph(1, "symbia.state.join", first))
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        await told(runtime, "a", 1)
        await told(runtime, "b", 2)
        config = {**first, "select": {"x": "a", "y": "c"}}
        await republish(catalog, join, graph(2, "symbia.state.join", config))
        assert (await told(runtime, "a", 7))["pending"]["have"] == 1
        assert (await told(runtime, "c", 3))["out"] == {"x": 7, "y": 3}
        await republish(
            catalog, join, graph(3, "symbia.state.rollup", {**NODES["symbia.state.rollup"], "strict": strict})
        )
        assert (await told(runtime, "a", 1))["out"]["missing"] == ["b"]  # another component begins anew
        config = {**NODES["symbia.state.rollup"], "strict": strict, "expected": ["c", "a"]}
        await republish(catalog, join, graph(4, "symbia.state.rollup", config))
        assert (await told(runtime, "c", 5))["out"]["value"] == 6


async def test_what_the_old_revision_still_takes_is_not_lost() -> None:
    """Messages that wait in the old revision when the new one begins are in the state of both."""
    catalog = FakeCatalog()
    definition = graph(1, "symbia.state.window", {"size": 100, "field": "v"})
    definition["nodes"].append({"id": "slow", "component": "symbia.core.delay", "config": {"ms": 31_500}})
    definition["edges"] = [
        {"id": "e", "source": {"node": "slow", "port": "out"}, "target": {"node": "keeper", "port": "in"}}
    ]
    resource = catalog.add_graph("graphs/keeping", definition)
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        old = runtime.execution(running(runtime)[0])
        await trio.sleep(INTERVAL_SECONDS - 2)
        await old.inject([Injection("slow", "in", msgspec.Raw(b'{"v": 1}'))] * 50)
        await trio.sleep(3)
        catalog.change(resource, metadata={"definition": {**definition, "version": "1.0.2"}})
        await trio.sleep(INTERVAL_SECONDS + 5)
        assert (await told(runtime, "a", 1))["out"]["count"] == 51


async def test_one_that_runs_is_found_at_every_moment() -> None:
    """While a graph is replaced, the graph that its name means has a running execution, in whatever step."""
    catalog = FakeCatalog()
    component = "symbia.state.window"
    resource = catalog.add_graph("graphs/keeping", graph(1, component, NODES[component]))
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        missing: list[str] = []

        class Watch(trio.abc.Instrument):
            def after_task_step(self, task: trio.lowlevel.Task) -> None:
                found = runtime.library.graphs_named("keeping")
                if not found or runtime.newest_running(found[0].id) is None:
                    missing.append(task.name)

        watch = Watch()
        trio.lowlevel.add_instrument(watch)
        await republish(catalog, resource, graph(2, component, NODES[component]))
        trio.lowlevel.remove_instrument(watch)
        assert missing == []
        assert len(running(runtime)) == 1


async def test_another_organisation_takes_nothing_over() -> None:
    """A graph that changes hands begins anew."""
    catalog = FakeCatalog()
    component = "symbia.state.window"
    resource = catalog.add_graph("graphs/keeping", graph(1, component, NODES[component]), orgId="org-a")
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        await told(runtime, "a", 1)
        definition = graph(2, component, NODES[component])
        catalog.change(resource, metadata={"definition": definition}, orgId="org-b")
        await trio.sleep(INTERVAL_SECONDS + 5)
        assert (await told(runtime, "a", 1))["out"]["count"] == 1
