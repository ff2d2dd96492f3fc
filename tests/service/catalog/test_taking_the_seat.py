"""A runtime comes to a catalog that others have used, over simulated time: nothing good is lost, no graph waits.

The fake keeps the platform's rules: the types of configurations, keys, and thirty writes in a minute for all
internal services together.
"""

from typing import Any

import msgspec
import pytest
import trio

from engine.runtime import Runtime
from proto.message import Injection
from service.settings.catalog import CatalogSettings
from tests.fakes.catalog import FakeCatalog
from tests.fakes.catalog_rules import WINDOW_SECONDS, problems
from tests.service.catalog.test_reconciliation import PIPELINE, beside, running
from tests.service.catalog.test_service import until
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

AT_ONCE_SECONDS = 2.0
"""The time within which a published graph runs, from the moment on when it can."""

MARGIN = {
    **single("symbia.logic.filter", config={"field": "margin", "op": "lt", "value": 2}),
    "name": "margin",
    "metadata": {"role": "pipeline", "ingress": {"node": "only"}},
}


def theirs(component_id: str, **manifest: Any) -> dict[str, Any]:
    """A manifest as another runtime would have published it, with more in it than ours."""
    ports = {"symbia.logic.filter": ["pass", "fail"], "symbia.io.collect": ["out"]}[component_id]
    keys = {"symbia.logic.filter": ["field", "op", "value", "strict"], "symbia.io.collect": []}[component_id]
    return {
        "key": component_id,
        "version": "1.5.0",
        "implementation": "builtin",
        "inputs": [{"name": "in"}],
        "outputs": [{"name": name, "lane": "inherit", "receipt": "theirs"} for name in ports],
        "config": {key: {"type": "string", "description": "theirs"} for key in keys},
        "capability": "cap:runtime.execute",
        "description": "theirs",
        **manifest,
    }


def written(catalog: FakeCatalog) -> int:
    """How many writes the catalog was asked for."""
    return sum(method != "GET" for method, _, _ in catalog.requests)


async def first_run(runtime: Runtime) -> float:
    """Wait until something runs; the moment."""
    await until(lambda: running(runtime))
    return trio.current_time()


async def test_a_fresh_catalog_is_filled_over_minutes_and_no_graph_waits_for_it() -> None:
    """What the graph needs comes first, a third of each minute is left to others, and nobody hears of too many."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/margin", MARGIN)
    began = trio.current_time()
    async with beside(catalog, manifest_enforcement="strict") as (runtime, status):
        assert await first_run(runtime) - began < AT_ONCE_SECONDS
        await trio.sleep(AT_ONCE_SECONDS)
        first = list(catalog.resources.values())[1:3]
        assert [item["key"] for item in first] == ["ingress/margin", "components/symbia.logic.filter"]
        assert written(catalog) == 20
        assert status.report().counts["manifestsWaiting"] == len(runtime.library.components()) - 19
        await runtime.library.load_graph(single("symbia.routine.say"))  # on its way there counts as there
        assert not catalog.window.take(10)[0]  # of other services
        await trio.sleep(3 * WINDOW_SECONDS)
        offered = {f"components/{item.id}" for item in runtime.library.components()}
        assert {item["key"] for item in catalog.resources.values() if item["type"] == "component"} == offered
        assert (written(catalog), catalog.window.refused) == (len(offered) + 1, 0)
        assert status.report().counts["manifestsPublished"] == len(offered)
        assert (status.report().failures, status.report().counts["manifestsRefused"]) == (0, 0)


async def test_a_running_stack_is_taken_over_without_harm() -> None:
    """Good manifests of others are not written, lacking ones get what they lack, signed ones are not touched."""
    catalog = FakeCatalog()
    good = theirs("symbia.logic.filter")
    filtered = catalog.add("components/symbia.logic.filter", "component", {"manifest": good})
    lacking = theirs("symbia.io.collect", version="1.2.0", outputs=[])
    lacking_resource = catalog.add("components/symbia.io.collect", "component", {"manifest": lacking, "mine": 1})
    signed = {"manifest": {**good, "key": "symbia.core.map"}, "manifestSignature": {"signature": "x"}}
    signed_resource = catalog.add("components/symbia.core.map", "component", signed)
    catalog.add_graph("graphs/margin", MARGIN)
    began = trio.current_time()
    async with beside(catalog) as (runtime, status):
        assert await first_run(runtime) - began < AT_ONCE_SECONDS
        await trio.sleep(3 * WINDOW_SECONDS)
        assert status.report().counts["manifestsPublished"] == len(runtime.library.components())
    assert (filtered["metadata"], filtered["currentVersion"]) == ({"manifest": theirs("symbia.logic.filter")}, 1)
    assert (signed_resource["metadata"], signed_resource["currentVersion"]) == (signed, 1)
    better = {**lacking, "version": "1.3.0", "outputs": [{"name": "out", "lane": "inherit"}]}
    assert lacking_resource["metadata"] == {"manifest": better, "mine": 1}
    for item in catalog.resources.values():
        assert item["type"] != "component" or problems(item["key"], item["metadata"]) == []


async def test_what_becomes_better_while_it_waits_is_compared_again() -> None:
    """Between the list and the write somebody may have published it: then it stays as they have it."""
    catalog = FakeCatalog()
    catalog.window.take(28)
    lacking = theirs("symbia.io.collect", version="1.2.0")
    resource = catalog.add("components/symbia.io.collect", "component", {"manifest": lacking})
    async with beside(catalog, reconcile_interval_ms=86_400_000):
        await trio.sleep(AT_ONCE_SECONDS)
        catalog.change(resource, metadata={"manifest": theirs("symbia.io.collect")})
        await trio.sleep(4 * WINDOW_SECONDS)
    assert resource["metadata"] == {"manifest": theirs("symbia.io.collect")}


async def test_all_manifests_are_upgraded_within_the_budget() -> None:
    """Another version of all of ours is written over minutes, and never too fast."""
    catalog = FakeCatalog()
    async with beside(catalog) as (runtime, _):
        await trio.sleep(3 * WINDOW_SECONDS)
        offered = len(runtime.library.components())
    catalog.add_graph("graphs/margin", MARGIN)
    catalog.requests.clear()
    began = trio.current_time()
    async with beside(catalog, contract_version="1.4.0") as (runtime, status):
        assert await first_run(runtime) - began < AT_ONCE_SECONDS
        await trio.sleep(3 * WINDOW_SECONDS)
        assert status.report().counts["manifestsPublished"] == offered
    versions = {
        item["metadata"]["manifest"]["version"]
        for item in catalog.resources.values()
        if item["type"] == "component"
    }
    assert (versions, written(catalog), catalog.window.refused) == ({"1.4.0"}, offered + 1, 0)
    catalog.requests.clear()
    async with beside(catalog, contract_version="1.4.0"):
        await trio.sleep(3 * WINDOW_SECONDS)
    assert written(catalog) == 0


@pytest.mark.parametrize("interval_ms", [0, CatalogSettings().reconcile_interval_ms])
async def test_a_catalog_that_was_down_for_an_hour_is_found_at_once(interval_ms: int) -> None:
    """Its graphs run within two seconds of its coming; while it is away it is asked once in a second or two."""
    catalog = FakeCatalog()
    catalog.add_graph("graphs/margin", MARGIN)
    catalog.behaviour = "hangs up"
    async with beside(catalog, reconcile_interval_ms=interval_ms) as (runtime, _):
        await trio.sleep(3_600)
        assert len(catalog.requests) < 5_000
        catalog.behaviour, came = "well", trio.current_time()
        assert await first_run(runtime) - came < AT_ONCE_SECONDS
        await trio.sleep(4 * WINDOW_SECONDS)
        assert sum(item["type"] == "component" for item in catalog.resources.values()) == len(
            runtime.library.components()
        )


async def test_other_services_that_write_much_keep_no_graph_waiting() -> None:
    """Where nothing may be written graphs run all the same, and what waits is written when the minute is over."""
    catalog = FakeCatalog()
    catalog.window.take(30)
    catalog.add_graph("graphs/margin", MARGIN)
    began = trio.current_time()
    async with beside(catalog, manifest_enforcement="strict", reconcile_interval_ms=1_000) as (runtime, status):
        assert await first_run(runtime) - began < AT_ONCE_SECONDS
        later = catalog.add_graph("graphs/later", PIPELINE)
        await trio.sleep(1 + AT_ONCE_SECONDS)
        assert len(running(runtime)) == 2
        assert (catalog.window.refused, status.is_up) == (1, True)
        assert later["status"] == "published"
        await trio.sleep(WINDOW_SECONDS)
        assert catalog.by_key("ingress/margin") is not None
        assert catalog.window.refused == 1


async def test_a_graph_that_drains_keeps_no_other_waiting() -> None:
    """Published anew under load, the old one works off what it has, and the next one runs in its round."""
    catalog = FakeCatalog()
    slow = {**single("symbia.core.delay", config={"ms": 60_000}), "name": "slow", "metadata": {"role": "service"}}
    resource = catalog.add_graph("graphs/slow", slow)
    async with beside(catalog, reconcile_interval_ms=1_000) as (runtime, _):
        await first_run(runtime)
        (old,) = running(runtime)
        await runtime.execution(old).inject([Injection("only", "in", msgspec.Raw(b"1"))])
        catalog.change(resource, metadata={"definition": {**slow, "version": "2.0.0"}})
        await trio.sleep(1 + AT_ONCE_SECONDS)
        assert len(runtime.library.graphs()) == 1
        catalog.add_graph("graphs/pipe", PIPELINE)
        await trio.sleep(1 + AT_ONCE_SECONDS)
        assert len(runtime.library.graphs()) == 2


async def test_two_copies_that_come_at_once_publish_all_of_it_once() -> None:
    """What the other one has published in the meantime is as good."""
    catalog = FakeCatalog()
    async with beside(catalog) as (runtime, first), beside(catalog) as (_, second):
        await trio.sleep(4 * WINDOW_SECONDS)
        offered = len(runtime.library.components())
        for status in (first, second):
            counts = status.report().counts
            assert (counts["manifestsPublished"], counts["manifestsRefused"]) == (offered, 0)
        assert len(catalog.resources) == offered
