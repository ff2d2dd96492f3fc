"""Schemas and verdicts over HTTP, and on the command line."""

import json

from service.http.openapi.document_schemas import document_schema
from tests.service.serving import QUICK_REFERENCE, open_service, run_command

YAML = {"Content-Type": "text/yaml"}
TEXT = b"symbia: '1.0'\nname: g\nnodes:\n- id: a\n  component: symbia.core.merge\n  onErorr: fail\nedges: []\n"


async def test_schemas_are_public_and_cached_by_their_tags() -> None:
    """An editor that has one already gets 304."""
    async with open_service() as service:
        for kind in ("graph", "component", "cases"):
            reply = await service.client.get(f"/schemas/{kind}.json")
            assert reply.json() == document_schema(kind)
            assert reply.headers["Content-Type"] == "application/schema+json"
            assert reply.headers["Cache-Control"] == "public, max-age=300"
            again = await service.client.get(
                f"/schemas/{kind}.json", headers={"If-None-Match": reply.headers["ETag"]}
            )
            assert (again.status_code, again.content) == (304, b"")
        assert (await service.client.get("/schemas/nothing.json")).status_code == 404


async def test_a_verdict_has_lines_and_columns_in_both_formats() -> None:
    """In what was sent, as it was sent."""
    async with open_service() as service:
        told = (await service.client.post("/api/graphs/validate", content=TEXT, headers=YAML)).json()
        assert told == {
            "valid": False,
            "errors": [
                {
                    "code": "node.unknown_field",
                    "path": "nodes[0].onErorr",
                    "message": "A node has no field onErorr; did you mean onError?",
                    "line": 6,
                    "column": 3,
                }
            ],
            "warnings": [],
        }
        text = json.dumps({**QUICK_REFERENCE, "edges": QUICK_REFERENCE["edges"][:1]}, indent=1)
        headers = {"Content-Type": "application/json"}
        told = (await service.client.post("/api/graphs/validate", content=text, headers=headers)).json()
        (warning,) = told["warnings"]
        line = next(number for number, line in enumerate(text.split("\n"), 1) if '"id": "output"' in line)
        assert (told["valid"], warning["code"], warning["line"]) == (True, "node.unconnected", line - 1)
        assert (await service.client.get("/api/graphs")).json()["total"] == 0


async def test_a_routine_is_judged_as_one_and_a_large_text_without_lines() -> None:
    """Nobody reads lines of half a megabyte."""
    async with open_service() as service:
        told = (await service.client.post("/api/graphs/validate", json={"symbia": "routine/1.0"})).json()
        assert {"MISSING_NAME", "MISSING_VERSION"} <= {error["code"] for error in told["errors"]}
        large = {**QUICK_REFERENCE, "nmae": "x" * 600_000}
        (error,) = (await service.client.post("/api/graphs/validate", json=large)).json()["errors"]
        assert (error["path"], "line" in error) == ("nmae", False)


async def test_what_is_no_document_is_refused_with_its_place() -> None:
    """As a problem with its line, where a graph is loaded as well."""
    async with open_service() as service:
        for path in ("/api/graphs/validate", "/api/graphs"):
            reply = await service.client.post(path, content=b"name: g\nnodes: a ? b : c", headers=YAML)
            assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
            (problem,) = reply.json()["problems"]
            assert (problem["code"], problem["line"], problem["column"]) == ("document.unreadable", 2, 14)
            assert "put the text in quotes" in problem["message"]


def test_the_command_line_prints_the_same_schema() -> None:
    """Without a service."""
    result = run_command("schema", "graph")
    assert (result.returncode, json.loads(result.stdout)) == (0, document_schema("graph"))
