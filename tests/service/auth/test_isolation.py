"""What one organisation has does not exist for another, on whatever route.

``ROUTES`` says of each route how it is kept apart; a route that is not in it fails the first test.
"""

from collections.abc import Iterable
from typing import Any, Literal

import httpx
import pytest

from engine.runtime import open_runtime
from engine.views import ExecutionView, LibraryView, RuntimeView
from service.app import create_app
from service.auth.authenticator import access_to
from service.auth.scoped_runtime import ScopedExecution, ScopedLibrary, ScopedRuntime
from service.http.routes.routines import GREETING
from service.readiness import Readiness
from service.settings.table import Settings
from tests.service.service_with_identity import PASS, Person, ServiceWithIdentity, open_service_with_identity
from tests.service.serving import single

Kind = Literal["open", "figures", "counts", "lists", "makes", "by id", "by name"]

MESSAGE = {"nodeId": "only", "port": "in", "value": 1}

ROUTES: dict[tuple[str, str], tuple[Kind, Any]] = {
    # Nothing of anybody's is in these
    ("GET", "/"): ("open", None),
    ("GET", "/health"): ("open", None),
    ("GET", "/health/live"): ("open", None),
    ("GET", "/health/ready"): ("open", None),
    ("GET", "/api/health"): ("open", None),
    ("GET", "/api/health/live"): ("open", None),
    ("GET", "/api/health/ready"): ("open", None),
    ("GET", "/console"): ("open", None),
    ("GET", "/console/"): ("open", None),
    ("GET", "/console/<path:path>"): ("open", None),
    ("GET", "/docs"): ("open", None),
    ("GET", "/docs/openapi.json"): ("open", None),
    ("GET", "/docs/asyncapi.json"): ("open", None),
    ("GET", "/docs/first-commands"): ("open", None),
    ("GET", "/api/docs/first-commands"): ("open", None),
    ("GET", "/docs/llms.txt"): ("open", None),
    ("GET", "/docs/llms-full.txt"): ("open", None),
    ("GET", "/schemas/graph.json"): ("open", None),
    ("GET", "/schemas/component.json"): ("open", None),
    ("GET", "/schemas/cases.json"): ("open", None),
    ("GET", "/api/schemas/graph.json"): ("open", None),
    ("GET", "/api/schemas/component.json"): ("open", None),
    ("GET", "/api/schemas/cases.json"): ("open", None),
    ("GET", "/api/docs"): ("open", None),
    ("GET", "/api/docs/openapi.json"): ("open", None),
    ("GET", "/api/docs/asyncapi.json"): ("open", None),
    ("GET", "/api/docs/llms.txt"): ("open", None),
    ("GET", "/api/docs/llms-full.txt"): ("open", None),
    ("GET", "/openapi.json"): ("open", None),
    ("GET", "/asyncapi.json"): ("open", None),
    ("GET", "/api/openapi.json"): ("open", None),
    ("GET", "/llms.txt"): ("open", None),
    ("GET", "/llm.txt"): ("open", None),
    ("GET", "/llms-full.txt"): ("open", None),
    # Sums over everybody, for whoever is recognised, unless METRICS_ACCESS opens them
    ("GET", "/metrics"): ("figures", None),
    ("GET", "/api/metrics"): ("figures", None),
    # Through a gate of its own; tests/service/http/routes/test_ingress.py
    ("POST", "/api/ingress/<path:graph_name>"): ("by name", MESSAGE),
    # Into what the caller may change; tests/service/network/test_receive.py
    ("POST", "/api/network/receive"): ("by name", {}),
    # Each sees their own share
    ("GET", "/api/bootstrap/service"): ("counts", None),
    ("GET", "/api/stats"): ("counts", None),
    ("GET", "/api/graphs"): ("lists", None),
    ("GET", "/api/executions"): ("lists", None),
    ("GET", "/api/components"): ("lists", None),
    # What is made belongs to the maker's organisation
    ("POST", "/api/graphs"): ("makes", PASS),
    ("POST", "/api/components"): ("makes", {}),
    ("POST", "/api/routines"): ("makes", GREETING),
    # Nothing is kept, but code runs on the organisation's account; tests/service/http/routes/test_trials.py
    ("POST", "/api/components/try"): ("makes", {"component": "symbia.core.passthrough"}),
    # Nothing is kept; the graphs are judged with the components of the caller's organisation
    ("POST", "/api/graphs/validate"): ("lists", PASS),
    ("POST", "/api/routines/validate"): ("lists", {}),
    ("POST", "/api/routines/preview"): ("lists", {}),
    # What belongs to another is not found
    ("GET", "/api/graphs/<graph_id>"): ("by id", None),
    ("GET", "/api/graphs/<graph_id>/versions"): ("by id", None),
    ("PUT", "/api/graphs/<graph_id>"): ("by id", single("symbia.core.logger")),
    ("POST", "/api/graphs/<graph_id>/rollback"): ("by id", {"version": 1}),
    ("POST", "/api/graphs/<graph_id>/execute"): ("by id", {}),
    ("DELETE", "/api/graphs/<graph_id>"): ("by id", None),
    ("GET", "/api/executions/<execution_id>"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/metrics"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/statistics"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/logs"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/outputs"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/edges"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/edges/<path:edge>"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/edges/<path:edge>/messages"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/edges/<path:edge>/messages/<sequence>"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/pause"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/resume"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/step"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/messages"): ("by id", {"value": 1}),
    ("DELETE", "/api/executions/<execution_id>/edges/<path:edge>/messages"): ("by id", None),
    ("PATCH", "/api/executions/<execution_id>/edges/<path:edge>/messages/<sequence>"): ("by id", {"value": 1}),
    ("DELETE", "/api/executions/<execution_id>/edges/<path:edge>/messages/<sequence>"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/move"): ("by id", {"sequence": 1, "to": "last"}),
    ("POST", "/api/executions/<execution_id>/edges/<path:edge>/redirect"): ("by id", {"to": "1"}),
    ("POST", "/api/executions/<execution_id>/nodes/<path:node_id>/pause"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/nodes/<path:node_id>/resume"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/nodes/<path:node_id>/step"): ("by id", None),
    ("DELETE", "/api/executions/<execution_id>/nodes/<path:node_id>/messages"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints"): ("by id", {"node": "only"}),
    ("GET", "/api/executions/<execution_id>/breakpoints"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>"): ("by id", None),
    ("DELETE", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/continue"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/step"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/next"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/edit"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/drop"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/retry"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/breakpoints/<breakpoint_id>/skip"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/inject"): ("by id", MESSAGE),
    ("POST", "/api/executions/<execution_id>/pause"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/resume"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/complete"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/stop"): ("by id", None),
    ("DELETE", "/api/executions/<execution_id>"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/bottleneck"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/nodes/<path:node_id>/latency"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/reload"): ("by id", {"configs": {}}),
    ("POST", "/api/executions/<execution_id>/rollback"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/reloads"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/history"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/messages/<sequence>/lineage"): ("by id", None),
    ("GET", "/api/executions/<execution_id>/recording"): ("by id", None),
    ("PUT", "/api/executions/<execution_id>/recording"): ("by id", {"level": "full"}),
    ("POST", "/api/executions/<execution_id>/replay"): ("by id", {}),
    ("GET", "/api/executions/<execution_id>/at/<sequence>"): ("by id", None),
    ("POST", "/api/executions/<execution_id>/fork"): ("by id", {"at": 1}),
    ("GET", "/api/recordings/<recording_id>/at/<sequence>"): ("by id", None),
    ("POST", "/api/recordings/<recording_id>/fork"): ("by id", {"at": 1}),
    ("GET", "/api/recordings"): ("lists", None),
    ("POST", "/api/recordings"): ("makes", {}),
    ("GET", "/api/recordings/<recording_id>"): ("by id", None),
    ("GET", "/api/recordings/<recording_id>/history"): ("by id", None),
    ("GET", "/api/recordings/<recording_id>/file"): ("by id", None),
    ("POST", "/api/recordings/<recording_id>/replay"): ("by id", {}),
    ("DELETE", "/api/recordings/<recording_id>"): ("by id", None),
    ("PUT", "/api/components/<component_id>"): ("makes", {}),
    ("GET", "/api/components/<component_id>/versions"): ("by id", None),
    ("POST", "/api/components/<component_id>/rollback"): ("by id", {"version": 1}),
    ("GET", "/api/components/<component_id>"): ("by id", None),
    ("DELETE", "/api/components/<component_id>"): ("by id", None),
}

BY_ID = [route for route, (kind, _) in ROUTES.items() if kind == "by id"]
CLOSED = [(method, rule) for method, rule in ROUTES if access_to(rule, method) in {"required", "recognised"}]


async def test_every_route_is_in_the_table() -> None:
    """A new route cannot be served before somebody has said how it keeps organisations apart."""
    async with open_runtime() as runtime:
        app = create_app(runtime, Settings(), Readiness())
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == set(ROUTES)


def test_only_what_is_nobodys_is_open() -> None:
    """Anonymous are the health and documentation routes; who calls matters a little on counts and components."""
    open_ones = {route for route, (kind, _) in ROUTES.items() if kind == "open"}
    assert {(method, rule) for method, rule in ROUTES if access_to(rule, method) == "open"} == open_ones
    assert {(method, rule) for method, rule in ROUTES if access_to(rule, method) == "optional"} == {
        ("GET", "/api/bootstrap/service"),
        ("GET", "/api/stats"),
        ("GET", "/api/components"),
        ("GET", "/api/components/<component_id>"),
    }


@pytest.mark.parametrize(
    ("scoped", "view"),
    [(ScopedRuntime, RuntimeView), (ScopedLibrary, LibraryView), (ScopedExecution, ExecutionView)],
)
def test_a_caller_can_call_nothing_but_what_the_view_says(scoped: type, view: type) -> None:
    """What routes are given has the methods of the view alone, and inherits nothing that could reach past it."""
    assert scoped.__bases__ == (object,)
    assert _public(vars(scoped)) <= _public(vars(view))


def _public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


async def _ids(owner: Person) -> dict[str, str]:
    """A graph, a running execution of it, and a component."""
    graph_id, execution_id = await owner.start()
    await owner.register("custom.own")
    named = {"<path:edge>": "an-edge", "<path:node_id>": "a-node", "<sequence>": "a-message"}
    named["<breakpoint_id>"] = "b1"
    level = {"level": "inputs"}
    recorded = await owner.call("PUT", f"/api/executions/{execution_id}/recording", json=level)
    assert recorded.status_code == 200, recorded.text
    named["<recording_id>"] = execution_id
    return {"<graph_id>": graph_id, "<execution_id>": execution_id, "<component_id>": "custom.own", **named}


def _filled(rule: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        rule = rule.replace(name, value)
    return rule


MISSING = {
    *("edge.not_found", "node.not_found", "breakpoint.not_found", "recording.no_record", "recording.invalid"),
    "reload.nothing_to_roll_back",
}


def _is_served(reply: httpx.Response) -> bool:
    """Whether somebody was let at what they asked for, or heard that their own execution has no such thing."""
    return reply.is_success or reply.json()["code"] in MISSING


@pytest.mark.parametrize(("method", "rule"), BY_ID)
async def test_what_belongs_to_another_organisation_is_not_found(method: str, rule: str) -> None:
    """The same 404 as for what never was; nothing has changed by it, and the owner is still served."""
    async with open_service_with_identity() as world:
        ids = await _ids(world.alice)
        unknown = dict.fromkeys(ids, "never-was")
        body = ROUTES[method, rule][1]
        foreign = await world.bob.call(method, _filled(rule, ids), json=body)
        missing = await world.bob.call(method, _filled(rule, unknown), json=body)
        assert (foreign.status_code, missing.status_code) == (404, 404)
        own_words = foreign.text
        for value in ids.values():
            own_words = own_words.replace(value, "never-was")
        assert own_words == missing.text
        running = (await world.alice.call("GET", f"/api/executions/{ids['<execution_id>']}")).json()
        assert (running["state"], running["metrics"]["messagesProcessed"]) == ("running", 0)
        if rule.endswith("/resume"):
            await world.alice.call("POST", f"/api/executions/{ids['<execution_id>']}/pause")
        own = await world.alice.call(method, _filled(rule, ids), json=body)
        assert _is_served(own), own.text


@pytest.mark.parametrize(("method", "rule"), CLOSED)
async def test_nobody_in_particular_is_not_served(method: str, rule: str) -> None:
    """401, with the scheme that would do, whether the thing exists or not."""
    async with open_service_with_identity() as world:
        ids = await _ids(world.alice)
        for path in (_filled(rule, ids), _filled(rule, dict.fromkeys(ids, "never-was"))):
            reply = await world.anonymous.call(method, path, json=ROUTES[method, rule][1])
            assert (reply.status_code, reply.json()["error"]) == (401, "Authentication required")
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_lists_hold_what_is_ones_own() -> None:
    """Graphs, executions and components of another are in no list, nor counted."""
    async with open_service_with_identity() as world:
        await _ids(world.alice)
        own = await _ids(world.bob)
        graphs = (await world.bob.call("GET", "/api/graphs")).json()
        executions = (await world.bob.call("GET", "/api/executions")).json()
        components = (await world.bob.call("GET", "/api/components")).json()["components"]
        assert [(graph["id"], graph["orgId"]) for graph in graphs["graphs"]] == [(own["<graph_id>"], "org-b")]
        assert (graphs["loadedGraphs"], graphs["activeExecutions"]) == (1, 1)
        assert [execution["id"] for execution in executions["executions"]] == [own["<execution_id>"]]
        assert executions["total"] == 1
        assert sum(component["id"] == "custom.own" for component in components) == 1


async def test_counts_are_of_ones_own() -> None:
    """The console sees its organisation's share; whoever is not recognised sees nothing of anybody."""
    async with open_service_with_identity() as world:
        await _ids(world.alice)
        counts = {}
        for name, person in (("alice", world.alice), ("bob", world.bob), ("anonymous", world.anonymous)):
            stats = (await person.call("GET", "/api/stats")).json()
            counts[name] = (stats["loadedGraphs"], stats["activeExecutions"])
        assert counts == {"alice": (1, 1), "bob": (0, 0), "anonymous": (0, 0)}


async def test_two_organisations_use_one_component_id() -> None:
    """Each runs their own code under the same id, sees their own, and takes only their own away."""
    graph = single("custom.same")
    async with open_service_with_identity() as world:
        for person, name in ((world.alice, "a"), (world.bob, "b")):
            await person.register("custom.same", name)
            shown = (await person.call("GET", "/api/components/custom.same")).json()
            assert shown["name"] == name
        _, execution_id = await world.bob.start(graph)
        path = f"/api/executions/{execution_id}/inject?wait=5000"
        reply = await world.bob.call("POST", path, json=MESSAGE)
        assert reply.json()["outputs"]["only:out"]["value"] == "b"
        assert (await world.alice.call("DELETE", "/api/components/custom.same")).status_code == 204
        assert (await world.bob.call("GET", "/api/components/custom.same")).status_code == 200


async def test_a_strangers_component_cannot_be_used() -> None:
    """A graph that names it is refused in the same words as one that names what never was."""
    async with open_service_with_identity() as world:
        await world.alice.register("custom.hers")
        foreign = await world.bob.call("POST", "/api/graphs", json=single("custom.hers"))
        missing = await world.bob.call("POST", "/api/graphs", json=single("custom.none"))
        assert (foreign.status_code, missing.status_code) == (400, 400)
        assert foreign.text.replace("custom.hers", "custom.none") == missing.text


async def test_bounds_count_for_one_organisation_alone() -> None:
    """When one has used up its room, the other still has its own; injected bytes have a rate."""
    async with open_service_with_identity(org_max_graphs=1, org_max_bytes_per_second=10) as world:
        _, execution_id = await world.alice.start()
        refused = await world.alice.call("POST", "/api/graphs", json=PASS)
        assert (refused.status_code, refused.json()["code"]) == (409, "quota.exceeded")
        _, others = await world.bob.start()
        large = {**MESSAGE, "value": "x" * 100}
        assert (await world.alice.call("POST", f"/api/executions/{execution_id}/inject", json=large)).is_success
        refused = await world.alice.call("POST", f"/api/executions/{execution_id}/inject", json=MESSAGE)
        assert (refused.status_code, refused.json()["code"]) == (429, "injection.rate")
        assert int(refused.headers["Retry-After"]) >= 9
        assert (await world.bob.call("POST", f"/api/executions/{others}/inject", json=MESSAGE)).is_success


def _standing(world: ServiceWithIdentity, name: str) -> Person:
    """Somebody with a standing above organisations."""
    if name == "isSuperAdmin":
        return world.person(world.identity.add_user("root", isSuperAdmin=True))
    return world.person(world.identity.add_user("root", "org-c", entitlements=(name,)))


@pytest.mark.parametrize(
    ("standing", "changes"),
    [
        ("isSuperAdmin", True),
        ("cap:runtime.admin", True),
        ("cap:global.admin", True),
        ("cap:runtime.global-read", False),
        ("cap:global.read", False),
    ],
)
async def test_some_stand_above_organisations(standing: str, changes: bool) -> None:
    """They see everybody's; those who only read are told so where they would change something."""
    async with open_service_with_identity() as world:
        ids = await _ids(world.alice)
        root = _standing(world, standing)
        assert (await root.call("GET", f"/api/graphs/{ids['<graph_id>']}")).status_code == 200
        assert (await root.call("GET", "/api/executions")).json()["total"] == 1
        assert (await root.call("GET", "/api/stats")).json()["loadedGraphs"] == 1
        stop = await root.call("POST", f"/api/executions/{ids['<execution_id>']}/stop")
        assert (stop.status_code, stop.json().get("code")) == ((200, None) if changes else (403, "org.read_only"))
        named = await root.call("POST", "/api/graphs", json=PASS, x_org_id="org-a")
        assert named.status_code == (201 if changes else 403)
        elsewhere = await root.call("GET", f"/api/graphs/{ids['<graph_id>']}", x_org_id="org-z")
        assert elsewhere.status_code == 404
        components = (await root.call("GET", "/api/components", x_org_id="org-a")).json()["components"]
        assert "custom.own" in {component["id"] for component in components}


@pytest.mark.parametrize(
    ("method", "rule"), [route for route, (kind, _) in ROUTES.items() if kind in {"by id", "makes"}]
)
async def test_who_may_only_look_changes_nothing(method: str, rule: str) -> None:
    """What an onlooker names of an organisation is shown; what would change it is refused with its reason."""
    async with open_service_with_identity() as world:
        ids = await _ids(world.alice)
        onlooker = _standing(world, "cap:runtime.global-read")
        reply = await onlooker.call(method, _filled(rule, ids), json=ROUTES[method, rule][1], x_org_id="org-a")
        if method == "GET" or rule.endswith("/replay"):  # which keeps nothing
            assert _is_served(reply), reply.text
        else:
            assert (reply.status_code, reply.json()["code"]) == (403, "org.read_only")
        left = world.service.runtime
        assert (len(left.library.graphs()), len(left.underway())) == (1, 1)
        assert left.library.component("custom.own", owner="org-a").id == "custom.own"


async def test_who_may_only_look_runs_no_code_of_their_own() -> None:
    """A recording is run again for them as it was, but not with components that they bring."""
    async with open_service_with_identity() as world:
        path = _filled("/api/recordings/<recording_id>/replay", await _ids(world.alice))
        onlooker = _standing(world, "cap:runtime.global-read")
        reply = await onlooker.call("POST", path, json={"components": [{"id": "custom.own"}]}, x_org_id="org-a")
        assert (reply.status_code, reply.json().get("code")) == (403, "org.read_only")


async def test_what_an_administrator_starts_belongs_to_the_graphs_organisation() -> None:
    """Its people see the execution that somebody above them started."""
    async with open_service_with_identity() as world:
        graph_id = await world.alice.load()
        root = _standing(world, "cap:runtime.admin")
        started = await root.call("POST", f"/api/graphs/{graph_id}/execute", json={})
        own = await world.alice.call("GET", f"/api/executions/{started.json()['executionId']}")
        assert own.status_code == 200


async def test_totals_keep_what_is_forgotten() -> None:
    """What an organisation has processed is counted on when its executions are deleted, and for it alone."""
    async with open_service_with_identity() as world:
        _, execution_id = await world.alice.start()
        path = f"/api/executions/{execution_id}"
        await world.alice.call("POST", f"{path}/inject?wait=5000", json={"messages": [MESSAGE] * 3})
        assert (await world.alice.call("GET", "/api/stats")).json()["totalMessagesProcessed"] == 3
        assert (await world.alice.call("DELETE", path)).status_code == 204
        root = world.person(world.identity.add_user("root", isSuperAdmin=True))
        totals = [
            await person.call("GET", "/api/stats") for person in (world.alice, world.bob, root, world.anonymous)
        ]
        assert [reply.json()["totalMessagesProcessed"] for reply in totals] == [3, 0, 3, 0]
        assert totals[0].json()["activeExecutions"] == 0


async def test_everybody_may_read_where_that_is_wanted() -> None:
    """With READ_ACCESS=open whoever says nothing of themselves sees everybody's, as in the platform, and changes
    nothing; who is recognised sees their own as ever.
    """
    async with open_service_with_identity(read_access="open") as world:
        graph_id, execution_id = await world.alice.start()
        client = world.service.client
        for path in ("/api/graphs", "/api/executions"):
            assert (await client.get(path)).json()["total"] == 1
            assert (await world.bob.call("GET", path)).json()["total"] == 0
        assert (await client.get(f"/api/graphs/{graph_id}")).status_code == 200
        refused = await client.get("/api/graphs", headers={"Authorization": "Bearer nobody"})
        assert refused.json()["total"] == 1
        for path in (f"/api/graphs/{graph_id}/execute", f"/api/executions/{execution_id}/stop", "/api/graphs"):
            assert (await client.post(path, json=PASS)).status_code == 401
        assert (await client.delete(f"/api/graphs/{graph_id}")).status_code == 401
