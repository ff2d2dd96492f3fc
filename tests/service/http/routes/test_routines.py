"""Routines over HTTP: judged, previewed, loaded, and run to their words."""

from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings

from proto.codec import encode
from service.http.routes.routines import GREETING
from tests.engine.routine.definitions import DOCUMENTS, definition, routine, step
from tests.service.chosen import settings_with
from tests.service.serving import Service, open_service

BROKEN = {**GREETING, "assistantId": ""}
MISSING = {
    "code": "MISSING_ASSISTANT_ID",
    "path": "assistantId",
    "message": "Routine definition must specify an assistantId",
}


async def post(service: Service, path: str, body: Any) -> tuple[int, Any]:
    """Status and body of the answer to a document."""
    reply = await service.client.post(
        f"/api{path}", content=encode(body), headers={"Content-Type": "application/json"}
    )
    return reply.status_code, reply.json()


async def test_a_loaded_definition_says_what_it_became() -> None:
    """The reply has the platform's fields; trigger and alias are there where the definition has them."""
    document = definition(routine("Greet Me", step("say"), trigger="Now", isMain=True), routine("Bye"), alias="g")
    async with open_service() as service:
        status, body = await post(service, "/routines", document)
        graphs = (await service.client.get("/api/graphs")).json()["graphs"]
    assert status == 201
    fixed = {key: value for key, value in body.items() if key not in {"compiledAt", "sourceHash"}}
    assert fixed == {
        "assistantId": "tester",
        "alias": "g",
        "compilerVersion": "1.0.0",
        "routineCount": 2,
        "totalNodeCount": 5,
        "totalEdgeCount": 3,
        "graphs": [
            {
                "id": graphs[0]["id"],
                "name": "tester/greet-me",
                "routineId": "greet-me",
                "routineName": "Greet Me",
                "isMain": True,
                "trigger": "Now",
                "nodeCount": 3,
                "edgeCount": 2,
                "loadedAt": graphs[0]["loadedAt"],
            },
            {
                "id": graphs[1]["id"],
                "name": "tester/bye",
                "routineId": "bye",
                "routineName": "Bye",
                "isMain": False,
                "nodeCount": 2,
                "edgeCount": 1,
                "loadedAt": graphs[1]["loadedAt"],
            },
        ],
        "warnings": [{"code": "EMPTY_ROUTINE", "path": "routines[1].steps", "message": "Routine has no steps"}],
    }


async def test_graphs_take_routines_too() -> None:
    """A definition sent where graphs are loaded is loaded, and says what kind of thing it is."""
    async with open_service() as service:
        status, body = await post(service, "/graphs", GREETING)
        shown = (await service.client.get(f"/api/graphs/{body['graphs'][0]['id']}")).json()
    assert (status, body["type"], body["assistantId"], body["routineCount"]) == (201, "routine", "greeter", 1)
    assert (body["totalNodeCount"], body["totalEdgeCount"], body["warnings"]) == (4, 3, [])
    (graph,) = body["graphs"]
    assert set(graph) == {"id", "name", "version", "nodeCount", "edgeCount", "topology", "loadedAt"}
    assert (graph["name"], graph["topology"]["inputNodes"]) == ("greeter/greet", ["greet-entry"])
    assert shown["topology"]["sorted"] == ["greet-entry", "greet-name", "greet-hello", "greet-exit"]


async def test_a_routine_may_be_yaml() -> None:
    """As graphs may, on each of the four routes."""
    yaml = """
symbia: routine/1.0
name: Greeter
version: 1.0.0
assistantId: greeter
routines:
  - {id: greet, name: Greet, isMain: true, steps: [{id: a, type: say, description: Say hello}]}
"""
    async with open_service() as service:
        for path, status in {
            "/graphs": 201,
            "/routines": 201,
            "/routines/validate": 200,
            "/routines/preview": 200,
        }.items():
            reply = await service.client.post(
                f"/api{path}", content=yaml, headers={"Content-Type": "application/yaml"}
            )
            assert reply.status_code == status, reply.text


async def test_a_preview_shows_graphs_and_loads_none() -> None:
    """Each step's node says where it comes from, and the hash is that of the document as it was sent."""
    async with open_service() as service:
        status, body = await post(service, "/routines/preview", {**GREETING, "x": {"10": 1, "9": 1e2}})
        assert (await service.client.get("/api/graphs")).json()["total"] == 0
    assert (status, set(body)) == (200, {"assistantId", "metadata", "graphs", "warnings"})
    assert set(body["metadata"]) == {
        "compilerVersion",
        "compiledAt",
        "sourceHash",
        "routineCount",
        "totalNodeCount",
        "totalEdgeCount",
    }
    (graph,) = body["graphs"]
    assert set(graph) == {"name", "description", "nodes", "edges", "metadata"}
    assert graph["nodes"][2]["config"]["_debug"] == {
        "stepId": "hello",
        "stepIndex": 1,
        "stepType": "say",
        "routineId": "greet",
    }


@pytest.mark.parametrize("path", ["/routines", "/routines/preview", "/graphs"])
async def test_what_cannot_be_compiled_is_refused_in_the_platforms_words(path: str) -> None:
    """The details say what is wrong, and so do the problems, which all refusals have."""
    async with open_service() as service:
        status, body = await post(service, path, BROKEN)
        assert (await service.client.get("/api/graphs")).json()["total"] == 0
    assert (status, body) == (
        400,
        {"error": "Compilation failed", "code": "COMPILATION_ERROR", "problems": [MISSING], "details": [MISSING]},
    )


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (GREETING, {"valid": True, "errors": [], "warnings": []}),
        (BROKEN, {"valid": False, "errors": [MISSING], "warnings": []}),
    ],
)
async def test_a_verdict_is_always_200(document: Any, verdict: Any) -> None:
    """Whether it is valid stands in the body, and nothing is loaded."""
    async with open_service() as service:
        assert await post(service, "/routines/validate", document) == (200, verdict)
        assert (await service.client.get("/api/graphs")).json()["total"] == 0


async def test_a_condition_that_cannot_be_read_has_its_step_and_column() -> None:
    """The sandbox's complaint is told at the step's param, and by validation already."""
    document = definition(routine("Main", step("stop"), step("check", condition="value >")))
    async with open_service() as service:
        _, body = await post(service, "/routines/validate", document)
    (error,) = body["errors"]
    assert (error["code"], error["path"]) == ("INVALID_EXPRESSION", "routines[0].steps[1].params.condition")
    assert "line 1" in error["message"]


async def test_a_definition_that_exceeds_the_quota_leaves_nothing_behind() -> None:
    """409, as for one graph too many, and not one of its graphs is loaded."""
    document = definition(*[routine(f"R{number}") for number in range(3)])
    async with open_service(settings_with(port=0, org_max_graphs=2)) as service:
        status, body = await post(service, "/routines", document)
        assert (status, body["code"]) == (409, "quota.exceeded")
        assert (await service.client.get("/api/graphs")).json()["total"] == 0


async def test_a_routine_says_its_words_to_whoever_injects() -> None:
    """The words stand in the outputs of the reply, beside what comes out at the end."""
    async with open_service() as service:
        _, body = await post(service, "/routines", GREETING)
        _, started = await post(service, f"/graphs/{body['graphs'][0]['id']}/execute", {"completion": "manual"})
        message = {"nodeId": "greet-entry", "port": "input", "value": {"guest": "Zoë"}}
        _, reply = await post(service, f"/executions/{started['executionId']}/inject?wait=10000", message)
    assert {place: output["value"] for place, output in reply["outputs"].items()} == {
        "greet-hello:said": {"type": "say", "content": "Hello Zoë!"},
        "greet-exit:output": {"value": {"guest": "Zoë"}, "variables": {"name": "Zoë"}},
    }


@pytest.mark.parametrize("body", [b" ", b"{", b'"\xff"', b"[" * 300, b"1e999"])
async def test_what_is_no_document_is_refused(body: bytes) -> None:
    """Only what can be read can be judged; the rest is 400 on every route, and never a surprise."""
    async with open_service() as service:
        for path in ("/routines", "/routines/validate", "/routines/preview"):
            reply = await service.client.post(
                f"/api{path}", content=body, headers={"Content-Type": "application/json"}
            )
            assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # each opens a service
@given(DOCUMENTS)
def test_any_document_gets_a_verdict(document: Any) -> None:
    """Validation answers 200 with lists to whatever is JSON; preview and loading agree with it."""

    async def ask() -> None:
        async with open_service() as service:
            status, verdict = await post(service, "/routines/validate", document)
            assert status == 200
            assert verdict["valid"] == (verdict["errors"] == [])
            assert isinstance(verdict["warnings"], list)
            for path, success in {"/routines/preview": 200, "/routines": 201}.items():
                status, body = await post(service, path, document)
                assert status == (success if verdict["valid"] else 400), body
                assert verdict["valid"] or body["details"] == verdict["errors"]

    trio.run(ask)
