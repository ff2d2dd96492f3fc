"""Organisations that share a catalog: none takes another's names, and none is in another's way."""

from typing import Any

import pytest
import trio

from service.catalog.client import ANSWER_BYTES
from service.catalog.listing import VALUES
from tests.fakes.catalog import FakeCatalog
from tests.service.catalog.test_reconciliation import INTERVAL_SECONDS, PASS, beside, shelf_of
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")


def emitting(text: str) -> dict[str, str]:
    """Code that tells itself apart."""
    return {"type": "javascript", "source": f"return {{ process: (ctx) => ctx.emit('out', '{text}') }}"}


@pytest.mark.parametrize(("org", "is_taken"), [("org-b", False), ("org-c", True), (None, True)])
async def test_nobody_stands_for_a_component_by_claiming_its_key(org: str | None, *, is_taken: bool) -> None:
    """A manifest's key counts for its own organisation, or where it is nobody's, after the key itself."""
    catalog = FakeCatalog()
    claim = catalog.add_component("acme.sum", emitting("claimed"), orgId=org)
    catalog.change(claim, key="misc/sum")
    async with shelf_of(catalog) as shelf:
        findings = await shelf.look_up(["acme.sum"], ["acme.sum"], "org-c")
        assert ("acme.sum" in findings.offers) == is_taken
        catalog.add_component("acme.sum", emitting("real"), orgId="org-c" if org == "org-c" else "org-a")
        await trio.sleep(1)
        await shelf.refresh()
        findings = await shelf.look_up(["acme.sum"], ["acme.sum"], "org-c")
        assert "real" in findings.offers["acme.sum"].document["execution"]["source"]


async def test_nobody_hides_a_component_by_claiming_its_key() -> None:
    """What the catalog gives by the specification's own route is asked for all the same."""
    catalog = FakeCatalog()
    catalog.change(catalog.add_component("acme.sum", emitting("claimed"), orgId="org-b"), key="misc/sum")
    plain = {"id": "acme.sum", "name": "Sum", "version": "1.0.0", "execution": emitting("plain")}
    catalog.components["acme.sum"] = plain
    async with shelf_of(catalog) as shelf:
        findings = await shelf.look_up(["acme.sum"], ["acme.sum"], "org-c")
        assert findings.offers["acme.sum"].document == plain


def entering(capability: str) -> dict[str, Any]:
    """A graph with an ingress."""
    return {**single(PASS), "name": "orders", "metadata": {"ingress": {"node": "only", "capability": capability}}}


async def test_an_ingress_takes_no_other_organisations_place() -> None:
    """Of graphs of one name each organisation's first is told, and whoever has the key keeps it."""
    catalog = FakeCatalog()
    catalog.add("ingress/orders", "integration", {"written": "by hand"}, orgId="org-a")
    foreign = catalog.add_graph("graphs/foreign", entering("cap:foreign"), orgId="org-b")
    async with beside(catalog) as (_, status):
        await trio.sleep(1)
        there = catalog.by_key("ingress/orders")
        assert there is not None
        assert (there["metadata"], there["currentVersion"]) == ({"written": "by hand"}, 1)
        catalog.add_graph("graphs/orders", entering("cap:own"), orgId="org-a")
        catalog.add_graph("graphs/second", entering("cap:second"), orgId="org-a")
        await trio.sleep(INTERVAL_SECONDS)
        assert (there["metadata"]["graphKey"], there["metadata"]["capability"]) == ("graphs/orders", "cap:own")
        catalog.change(foreign, metadata={"definition": entering("cap:more")})
        await trio.sleep(3 * INTERVAL_SECONDS)
        assert (there["metadata"]["capability"], there["currentVersion"]) == ("cap:own", 2)
        assert status.is_up


async def test_the_ingress_of_a_graph_follows_it_to_another_organisation() -> None:
    """What was made of the graph is the graph's, whosever it is now."""
    catalog = FakeCatalog()
    resource = catalog.add_graph("graphs/orders", entering("cap:one"), orgId="org-a")
    async with beside(catalog) as _:
        await trio.sleep(1)
        catalog.change(resource, orgId="org-b", metadata={"definition": entering("cap:two")})
        await trio.sleep(INTERVAL_SECONDS)
        there = catalog.by_key("ingress/orders")
        assert there is not None
        assert there["metadata"]["capability"] == "cap:two"


@pytest.mark.parametrize("route", ["artifact", "plain"])
async def test_an_oversized_file_silences_the_catalog_for_nobody(route: str) -> None:
    """Whoever puts one there cannot use it, as often as they try; others get theirs at the same moment."""
    catalog = FakeCatalog()
    if route == "artifact":
        catalog.add_artifact(catalog.add_component("big.one"), "executor.js", b" " * (ANSWER_BYTES + 1))
    else:
        catalog.components["big.one"] = {"id": "big.one", "name": " " * (ANSWER_BYTES + 1)}
    catalog.add_artifact(catalog.add_component("small.one"), "executor.js", b"return { process() {} }")
    async with shelf_of(catalog) as shelf:
        for _ in range(3):
            findings = await shelf.look_up(["big.one"], ["big.one"], "org-b")
            assert not findings.offers
        assert "small.one" in (await shelf.look_up(["small.one"], ["small.one"], "org-a")).offers


async def test_a_resource_of_millions_of_values_takes_nothing_from_others() -> None:
    """It is known by its head, and refused; the graphs beside it come, and what is gone is known to be gone."""
    catalog = FakeCatalog()
    dense = {**single(PASS), "more": [{}] * (VALUES + 1)}
    catalog.add_graph("graphs/dense", dense, orgId="org-b")
    catalog.add_graph("graphs/fine", single(PASS), orgId="org-a")
    gone = catalog.add_graph("graphs/gone", single(PASS), orgId="org-a")
    async with beside(catalog) as (runtime, status):
        await trio.sleep(1)
        counts = status.report().counts
        assert (counts["graphsLoaded"], counts["graphsRefused"]) == (2, 1)
        del catalog.resources[gone["id"]]
        await trio.sleep(INTERVAL_SECONDS)
        assert [graph.owner for graph in runtime.library.graphs()] == ["org-a"]


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("depth", [300, 5_000])
async def test_a_resource_of_any_depth_takes_nothing_from_others(depth: int, *, is_wrapped: bool) -> None:
    """One that no decoder follows is known by its head; the list is read, and what is gone is known to be gone."""

    class Deep(FakeCatalog):
        async def answer(self, *arguments: Any) -> tuple[int, dict[str, str], bytes]:
            status, headers, body = await super().answer(*arguments)
            return status, headers, body.replace(b'"HERE"', b'{"a": [' * depth + b"]}" * depth)

    catalog = Deep()
    catalog.is_wrapped = is_wrapped
    catalog.etags = False
    catalog.add("graphs/deep", "graph", {"definition": "HERE"}, orgId="org-b")
    catalog.add_graph("graphs/fine", {**single(PASS), "description": '"]}, \\"'}, orgId="org-a")
    gone = catalog.add_graph("graphs/gone", single(PASS), orgId="org-a")
    async with beside(catalog) as (runtime, status):
        await trio.sleep(1)
        counts = status.report().counts
        assert (counts["graphsLoaded"], counts["graphsRefused"]) == (2, 1)
        del catalog.resources[gone["id"]]
        await trio.sleep(INTERVAL_SECONDS)
        assert [graph.owner for graph in runtime.library.graphs()] == ["org-a"]
