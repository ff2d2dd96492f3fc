"""Can the schema of a port keep the service busy, or fill it?

That no step of the service is long is held by the stopwatch over every test.
"""

from pathlib import Path
from typing import Any

import pytest
import trio

from engine.schemas import validating_handler as validating
from tests.service.serving import Service, open_service

PATIENCE_SECONDS = 40.0

MANY = 300_000


def asked_twice(levels: int) -> dict[str, Any]:
    """Each level asks the next one twice, about the same value."""
    twice = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return {"$defs": {**twice, f"d{levels}": {"type": "number"}}, "$ref": "#/$defs/d0"}


ONE_OF = {
    "oneOf": [
        {"type": "integer"},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "array", "minItems": 1, "items": {"$ref": "#"}},
    ]
}
"""A tree, by somebody who means no harm: each level of a value is asked about by two branches."""


def looked_back(levels: int) -> dict[str, Any]:
    """Each level asks what the levels below have looked at."""
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(levels):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


def resident_bytes() -> int:
    """The memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def outcome(service: Service, schema: dict[str, Any], value: Any, side: str = "inputs") -> str:
    """The error of an execution whose node gets, or emits, a value at a port with this schema; or nothing."""
    ports: dict[str, list[dict[str, Any]]] = {"inputs": [{"name": "in"}], "outputs": [{"name": "out"}]}
    ports[side][0]["schema"] = schema
    component = {
        "id": "custom.judged",
        "name": "Judged",
        "version": "1.0.0",
        "ports": ports,
        "validate": True,
        "execution": {"type": "javascript", "source": "return { process: (c, p, v) => c.emit('out', v) }"},
    }
    reply = await service.client.post("/api/components", json=component)
    if reply.status_code != 201:
        return str(reply.json()["error"])
    only = {"id": "only", "component": "custom.judged", "validate": True}
    graph = {"symbia": "1.0", "name": "Judged", "version": "1.0.0", "nodes": [only], "edges": []}
    execution_id = await service.start(graph, completion="manual")
    with trio.fail_after(PATIENCE_SECONDS):
        reply = await service.inject(execution_id, "only", value)
        assert reply.status_code == 200, reply.text
        await service.processed(execution_id, 1)
        shown = (await service.client.get(f"/api/executions/{execution_id}")).json()
        while shown["state"] == "running" and shown["metrics"]["errorCount"]:
            shown = (await service.client.get(f"/api/executions/{execution_id}")).json()
    return str((shown.get("error") or {}).get("message", ""))


async def test_one_byte_that_is_asked_about_a_million_million_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kilobytes of schema, forty levels deep, are an error of the invocation that names the bound."""
    monkeypatch.setattr(validating, "JUDGE_SECONDS", 0.5)
    async with open_service() as service:
        error = await outcome(service, asked_twice(40), 1)
    assert "was not checked against its schema: it took longer than 0.5 s" in error


async def test_an_innocent_tree() -> None:
    """A recursive ``oneOf`` says that a deep value does not fit, although saying why would take seconds."""
    value: Any = []
    for _ in range(16):
        value = [value]
    async with open_service() as service:
        error = await outcome(service, ONE_OF, value)
    assert "does not fit its schema" in error


@pytest.mark.parametrize("side", ["inputs", "outputs"])
async def test_every_item_is_wrong(side: str) -> None:
    """Of three hundred thousand errors one is told, and no other is built, on either side of a node."""
    async with open_service() as service:
        before = resident_bytes()
        error = await outcome(service, {"items": {"type": "string"}}, list(range(MANY)), side)
        grown = resident_bytes() - before
    assert "0 is not of type" in error
    assert grown < 100 * 1024 * 1024


async def test_every_item_is_wrong_in_each_of_two_ways() -> None:
    """Where the library would build all errors of all branches, the value is refused without an explanation."""
    schema = {"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "null"}}]}
    async with open_service() as service:
        error = await outcome(service, schema, list(range(MANY)))
    assert error.endswith("does not fit its schema; to say where takes too long")


async def test_keywords_that_look_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """``unevaluatedProperties`` in ``allOf``, thirty levels deep, is ended as well."""
    monkeypatch.setattr(validating, "JUDGE_SECONDS", 0.5)
    async with open_service() as service:
        error = await outcome(service, looked_back(30), {"a": 1})
    assert "took longer than 0.5 s" in error


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"allOf": [{"$ref": "#"}]}, "applies itself to the same value again"),
        ({"enum": ["x" * 100] * 1_000}, "together have more than 65536 bytes"),
        ({"pattern": r"(\p{L}{100}){100}"}, "not JSON Schema"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "references to other documents are not followed"),
    ],
    ids=["endless", "large", "heavy pattern", "remote"],
)
async def test_schemas_that_are_refused(schema: dict[str, Any], words: str) -> None:
    """What can never be checked is refused when the component is registered, with its reason."""
    async with open_service() as service:
        assert words in await outcome(service, schema, 1)
