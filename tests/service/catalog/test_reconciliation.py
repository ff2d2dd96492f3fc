"""WakeupBatcher with a catalog over simulated time: failures, flapping, replacement, restarts, rate limits."""

import gc
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecutionState
from proto.message import Injection
from service.catalog.client import open_catalog_client
from service.catalog.component_source import MISSED_SECONDS, CatalogComponents
from service.catalog.opening import open_catalog
from service.settings.catalog import CatalogSettings
from service.siblings.backoff import LONGEST_SECONDS
from service.siblings.status import Siblings, SiblingStatus
from tests.fakes.catalog import Behaviour, FakeCatalog
from tests.service.catalog.test_service import until
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

PASS = "symbia.core.passthrough"
PIPELINE = {**single(PASS), "name": "Pipe", "metadata": {"role": "pipeline"}}
FRAGILE = {**single("symbia.core.map", config={"expression": "null.x"}, onError="fail"), "name": "Fragile"}
INTERVAL_SECONDS = 30.0


@asynccontextmanager
async def beside(catalog: FakeCatalog, **settings: Any) -> AsyncIterator[tuple[Runtime, SiblingStatus]]:
    """A runtime that reconciles with a catalog in simulated time; chance is nothing, so waits are the shortest."""
    chosen = CatalogSettings(url=catalog.url)
    siblings = Siblings()
    async with (
        open_runtime(limits=EngineLimits(stop_seconds=1)) as runtime,
        open_catalog(
            runtime,
            msgspec.structs.replace(chosen, **settings),
            siblings,
            chance=lambda: 0.0,
            transport=catalog.transport,
        ),
    ):
        await trio.testing.wait_all_tasks_blocked()
        yield runtime, siblings.status("catalog")


def running(runtime: Runtime) -> list[str]:
    """Ids of the executions that run."""
    return [item.id for item in runtime.executions() if item.state is ExecutionState.RUNNING]


async def test_twelve_minutes_of_flapping() -> None:
    """No growth in memory or tasks, no hot loop, no harm to what runs, and recovery within one backoff."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/pipe", PIPELINE)
    behaviours: tuple[Behaviour, ...] = (
        "well",
        "hangs up",
        "well",
        "silent",
        "garbage",
        "well",
        "status 500",
        "status 429",
        "wrong items",
        "status 401",
    )
    chance = random.Random(7)  # the same in every run
    async with beside(catalog) as (runtime, status):
        await trio.sleep(1)
        (execution,) = running(runtime)
        asked = 0
        kept: list[tuple[int, int]] = []

        async def flap(seconds: float) -> None:
            nonlocal asked
            ends = trio.current_time() + seconds
            while trio.current_time() < ends:
                catalog.behaviour = chance.choice(behaviours)
                await trio.sleep(chance.uniform(0.5, 15))
                with pytest.raises(InvalidGraphError):
                    await runtime.library.load_graph(single(f"custom.unknown-{asked}"))
                asked += len(catalog.requests)
                catalog.requests.clear()

        tracemalloc.start()
        for minutes in (4, 8):  # in the first four all manifests are written, and caches filled
            await flap(minutes * 60)
            gc.collect()
            tasks = trio.lowlevel.current_statistics().tasks_living
            kept.append((tracemalloc.get_traced_memory()[0], tasks))
        tracemalloc.stop()
        (early_bytes, early_tasks), (late_bytes, late_tasks) = kept
        assert abs(late_tasks - early_tasks) <= 1  # one may be talking to the catalog at this moment
        assert late_bytes - early_bytes < 200_000
        assert asked < 720  # in twelve minutes less than one a second, graphs that name nothing real included
        assert status.report().failures > 20
        assert running(runtime) == [execution]
        catalog.behaviour, began = "well", trio.current_time()
        await until(lambda: status.is_up)
        assert trio.current_time() - began <= LONGEST_SECONDS + 0.02


async def test_a_catalog_that_comes_late_is_found() -> None:
    """Sick at the start, it is tried ever more rarely, and what it has is loaded when it is there."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/pipe", PIPELINE)
    catalog.behaviour = "status 500"
    async with beside(catalog, reconcile_interval_ms=0) as (runtime, status):
        await trio.sleep(100)
        assert (len(catalog.requests), status.report().state, runtime.library.graphs()) == (11, "down", [])
        catalog.behaviour = "well"
        await trio.sleep(LONGEST_SECONDS)
        assert (status.report().state, len(running(runtime))) == ("up", 1)
        rounds = catalog.asked("GET", "/api/resources")
        await trio.sleep(1000)
        assert catalog.asked("GET", "/api/resources") == rounds  # once at the start is what was asked for


async def test_rounds_never_overlap_and_follow_the_interval() -> None:
    """One after the other; in a round each list is read once."""
    catalog = FakeCatalog()
    async with beside(catalog) as (_, status):
        await trio.sleep(10 * INTERVAL_SECONDS - 1)
        assert catalog.asked("GET", "/api/resources") == 10 * 2
        assert status.report().failures == 0


@pytest.mark.parametrize("writes", ["status 500", "refused"])
async def test_publications_that_fail_stop_nothing(writes: Any) -> None:
    """What the catalog does not want is counted, and graphs are loaded all the same."""
    catalog = FakeCatalog()
    catalog.window.limit = 1_000
    catalog.add_graph("graphs/pipe", PIPELINE)
    if writes == "refused":
        catalog.refused_keys = {"components/symbia.core.map"}
    else:
        catalog.writes = writes
    async with beside(catalog, manifest_enforcement="off") as (runtime, status):
        await trio.sleep(200)
        counts = status.report().counts
        assert counts["manifestsRefused"] == (1 if writes == "refused" else len(runtime.library.components()))
        assert (counts["graphsLoaded"], status.is_up) == (1, True)


async def test_an_execution_that_fails_is_started_again_with_patience() -> None:
    """Each failure in a row is waited for twice as long; one after a steady while is a first one again."""
    catalog = FakeCatalog()
    catalog.add("graphs/fragile", "graph", {"definition": FRAGILE, "role": "service"})
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        began = []
        for _ in range(4):
            (execution,) = running(runtime)
            await runtime.execution(execution).inject([Injection("only", "in", msgspec.Raw(b"1"))])
            await runtime.execution(execution).wait_finished()
            failed = trio.current_time()
            await until(lambda: running(runtime))
            began.append(trio.current_time() - failed)
        assert began == pytest.approx([0.5, 1, 2, 4], abs=0.02)
        await trio.sleep(120)
        (execution,) = running(runtime)
        await runtime.execution(execution).inject([Injection("only", "in", msgspec.Raw(b"1"))])
        await runtime.execution(execution).wait_finished()
        await trio.sleep(0.6)
        assert len(running(runtime)) == 1


async def test_what_people_stop_or_unload_rests() -> None:
    """Neither a stopped execution nor an unloaded graph comes back, until the graph is published anew."""
    catalog = FakeCatalog()
    stopped, unloaded = catalog.add_graph("graphs/a", PIPELINE), catalog.add_graph("graphs/b", PIPELINE)
    async with beside(catalog) as (runtime, status):
        await trio.sleep(1)
        first, second = running(runtime)
        await runtime.execution(first).stop()
        await runtime.unload_graph(runtime.execution(second).snapshot().graph_id)
        await trio.sleep(5 * INTERVAL_SECONDS)
        assert (running(runtime), len(runtime.library.graphs())) == ([], 1)
        assert status.report().counts["graphsLoaded"] == 1
        catalog.change(stopped)
        catalog.change(unloaded)
        await trio.sleep(INTERVAL_SECONDS)
        assert (len(running(runtime)), len(runtime.library.graphs())) == (2, 2)


async def test_a_broken_revision_leaves_the_old_one_running() -> None:
    """It is refused and told; when it is repaired it replaces the old one, and the count is right again."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/pipe", PIPELINE, orgId="org-a")
    async with beside(catalog) as (runtime, status):
        await trio.sleep(1)
        before = running(runtime)
        catalog.change(resource, metadata={"definition": {**PIPELINE, "edges": [{"source": 1}]}})
        await trio.sleep(INTERVAL_SECONDS)
        assert (running(runtime), status.report().counts["graphsRefused"]) == (before, 1)
        catalog.change(resource, metadata="garbage")
        await trio.sleep(INTERVAL_SECONDS)
        assert running(runtime) == before
        catalog.change(resource, metadata={"graph": PIPELINE})
        await trio.sleep(INTERVAL_SECONDS)
        assert (len(running(runtime)), status.report().counts["graphsRefused"]) == (1, 0)
        assert running(runtime) != before


async def test_a_published_graph_with_an_unknown_field_runs_without_it() -> None:
    """Nobody here can mend it, and the platform's own runtime ignores it; over HTTP it is refused."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/pipe", {**PIPELINE, "colour": "blue"})
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        assert len(running(runtime)) == 1
        with pytest.raises(InvalidGraphError, match="A graph has no field colour"):
            await runtime.library.load_graph({**PIPELINE, "colour": "blue"})


async def test_a_graph_that_changes_hands_does_not_stay_with_its_old_owner() -> None:
    """Also where the new revision cannot be loaded."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/pipe", PIPELINE, orgId="org-a")
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        catalog.change(resource, metadata={}, orgId="org-b")
        await trio.sleep(INTERVAL_SECONDS)
        assert (runtime.library.graphs(), running(runtime)) == ([], [])


async def test_a_refused_graph_is_tried_again_when_what_it_lacked_may_have_come() -> None:
    """What lacks a component, in each round."""
    catalog = FakeCatalog()
    lacking = {**single("custom.late"), "metadata": {"role": "pipeline"}}
    catalog.add_graph("graphs/late", lacking)
    async with beside(catalog) as (runtime, status):
        await trio.sleep(100)
        assert status.report().counts["graphsRefused"] == 1
        catalog.add_component("custom.late", {"type": "javascript", "source": "return {process() {}}"})
        await trio.sleep(INTERVAL_SECONDS)
        assert (len(running(runtime)), status.report().counts["graphsRefused"]) == (1, 0)


@pytest.mark.parametrize("rounds_before", [1, 40])
async def test_a_file_that_is_uploaded_late_is_seen_within_a_round(rounds_before: int) -> None:
    """However long a graph has lacked it, and though its resource is the same as before."""
    catalog = FakeCatalog()
    component = catalog.add_component("custom.late")
    catalog.add_graph("graphs/late", {**single("custom.late"), "metadata": {"role": "pipeline"}})
    async with beside(catalog) as (runtime, _):
        await trio.sleep(rounds_before * INTERVAL_SECONDS)
        assert running(runtime) == []
        catalog.add_artifact(component, "executor.js", b"return {process() {}}")
        await trio.sleep(INTERVAL_SECONDS + 0.1)
        assert len(running(runtime)) == 1


async def test_half_a_list_takes_nothing_away() -> None:
    """Where entries cannot be read, what is missing is not known to be gone; where all is read, it is."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/pipe", PIPELINE)
    catalog.add_graph("graphs/other", PIPELINE)
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        resource["key"] = {"not": "a key"}
        await trio.sleep(INTERVAL_SECONDS)
        assert len(running(runtime)) == 2
        del catalog.resources[resource["id"]]
        await trio.sleep(INTERVAL_SECONDS)
        assert len(running(runtime)) == 1


@pytest.mark.parametrize(
    ("switches", "graphs", "runs", "written"),
    [
        ({"hydrate_graphs": False}, 0, 0, {"component"}),
        ({"auto_execute": False}, 1, 0, {"component", "integration"}),
        ({"register_ingress": False}, 1, 1, {"component"}),
        ({"register_manifests": False, "manifest_enforcement": "off"}, 1, 1, {"integration"}),
        ({"reconcile_interval_ms": 0}, 1, 1, {"component", "integration"}),
    ],
)
async def test_each_part_can_be_switched_off(
    switches: dict[str, Any], graphs: int, runs: int, written: set[str]
) -> None:
    """The platform's variables do what they say, and nothing else."""
    catalog = FakeCatalog()
    graph = {**PIPELINE, "metadata": {"role": "pipeline", "ingress": {"node": "only"}}}
    catalog.add_graph("graphs/pipe", graph)
    async with beside(catalog, **switches) as (runtime, _):
        await trio.sleep(2 * INTERVAL_SECONDS)
        assert (len(runtime.library.graphs()), len(running(runtime))) == (graphs, runs)
        kinds = {item["type"] for item in catalog.resources.values()} - {"graph"}
        assert kinds == written


async def test_the_end_leaves_nothing_behind() -> None:
    """Whatever the catalog does at that moment, the block ends at once, and its tasks with it."""
    for behaviour in ("well", "silent", "status 500"):
        catalog = FakeCatalog()
        catalog.add_graph("graphs/pipe", PIPELINE)
        before = trio.lowlevel.current_statistics().tasks_living
        began = trio.current_time()
        async with open_runtime() as runtime:
            catalog.behaviour = behaviour
            settings = CatalogSettings(url=catalog.url)
            async with open_catalog(runtime, settings, Siblings(), transport=catalog.transport):
                await trio.testing.wait_all_tasks_blocked()
            assert trio.current_time() - began < 1
            with pytest.raises(InvalidGraphError):
                await runtime.library.load_graph(single("custom.unknown"))
        assert trio.lowlevel.current_statistics().tasks_living == before


# The shelf


@asynccontextmanager
async def shelf_of(catalog: FakeCatalog) -> AsyncIterator[CatalogComponents]:
    """A shelf that nobody fills but who looks something up."""
    status = Siblings().add("catalog")
    async with open_catalog_client(catalog.url, "", 10, status, lambda: 0.0, catalog.transport) as client:
        yield CatalogComponents(client, "off")


async def test_many_who_look_something_up_ask_once() -> None:
    """A hundred graphs at once cost one list; what it lacks is asked for again sooner than what it has."""
    catalog = FakeCatalog()
    catalog.add_component("custom.a", {"type": "javascript", "source": "return {}"})
    async with shelf_of(catalog) as shelf:

        async def look(component_id: str) -> None:
            findings = await shelf.look_up([component_id], [component_id], "")
            assert set(findings.offers) == ({"custom.a"} & {component_id})

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(look, "custom.a")
        assert len(catalog.requests) == 1
        await trio.sleep(50)
        await look("custom.a")
        assert len(catalog.requests) == 1
        for _ in range(10):
            await look("custom.missing")
        assert catalog.asked("GET", "/api/resources") == 2
        assert catalog.asked("GET", "/api/components/custom.missing") == 1
        catalog.add_component("custom.missing2", {})
        await trio.sleep(MISSED_SECONDS + 0.1)
        assert set((await shelf.look_up(["custom.missing2"], ["custom.missing2"], "")).offers) == {
            "custom.missing2"
        }


async def test_what_is_known_counts_while_the_catalog_is_down() -> None:
    """A known component resolves, an unknown one says what is the matter, and only the first one waits."""
    catalog = FakeCatalog()
    catalog.add_component("custom.a", {"type": "javascript", "source": "return {}"})
    async with shelf_of(catalog) as shelf:
        await shelf.refresh()
        await trio.sleep(1000)
        catalog.behaviour = "silent"
        for expected_seconds in (10, 0):
            began = trio.current_time()
            findings = await shelf.look_up(["custom.a", "custom.b"], ["custom.a", "custom.b"], "")
            assert set(findings.offers) == {"custom.a"}
            message = findings.obstacles["custom.b"].message
            assert message.endswith("the catalog does not answer: no answer within 10 s")
            assert trio.current_time() - began == expected_seconds


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00.000Z", "2999-12-31T23:59:59.999Z", "", "yesterday", None])
async def test_no_clock_of_the_catalog_counts(moment: str | None) -> None:
    """A change is seen by its time being another one, whether earlier, later or none; the same is no change."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/pipe", PIPELINE)
    async with beside(catalog) as (runtime, _):
        await trio.sleep(1)
        before = running(runtime)
        resource["updatedAt"] = moment
        await trio.sleep(INTERVAL_SECONDS)
        after = running(runtime)
        assert len(after) == 1
        assert after != before
        await trio.sleep(3 * INTERVAL_SECONDS)
        assert running(runtime) == after
