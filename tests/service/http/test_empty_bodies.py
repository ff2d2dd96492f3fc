"""Requests without a body: the platform reads an empty object, and says what it lacks."""

import pytest

from tests.service.serving import open_service, single

PASS = single("symbia.core.passthrough")
WORDS = {
    "graphs": "Graph missing symbia version",
    "components": "Invalid component definition: missing id, name, version, ports, execution",
    "routines": "Compilation failed",
    "executions/{execution}/inject": "nodeId and port are required",
}


@pytest.mark.parametrize("path", WORDS)
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}], ids=["bare", "JSON"])
async def test_an_empty_body_gets_the_words_of_the_platform(path: str, headers: dict[str, str]) -> None:
    """Tools that the platform makes of operations send no body where they were given no arguments."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.post(f"/api/{path.format(execution=execution)}", headers=headers)
        assert (reply.status_code, reply.json()["error"]) == (400, WORDS[path])


async def test_a_delivery_without_a_body_delivers_an_empty_object() -> None:
    """A graph that only wants to be told is told, as by the platform's runtime."""
    async with open_service() as service:
        await service.start({**PASS, "metadata": {"ingress": {"node": "only"}}})
        reply = await service.client.post("/api/ingress/Single")
        assert reply.json()["outputs"]["only:out"]["value"] == {}
