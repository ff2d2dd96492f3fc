"""The AsyncAPI document: valid, complete, and true to what live clients send and hear."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, validator_for

from engine.cooperative.slices import at_once
from proto.events import BATCH, CLIENT_EVENTS, SERVER_EVENTS, Command
from service.http.openapi.asyncapi import asyncapi_document, live_types
from service.live.command_shapes import COMMAND_SHAPES, COMMAND_WORDS
from tests.service.live.live_runtime import chain, open_live_runtime
from tests.service.serving import open_service

STANDARD = (
    Path(__file__).resolve().parents[3]
    / "clients"
    / "node_modules"
    / "@asyncapi"
    / "specs"
    / "schemas"
    / "3.0.0-without-$id.json"
)

DOCUMENT: dict[str, Any] = at_once(asyncapi_document())


def references(part: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def validator(payload: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**payload, "components": DOCUMENT["components"]})


def test_the_document_is_valid_by_the_schema_of_the_standard() -> None:
    if not STANDARD.exists():
        pytest.skip("The schema is missing: make clients")
    standard = validator_for(json.loads(STANDARD.read_text(encoding="utf-8")))
    assert [f"{error.instance_path}: {error.message[:200]}" for error in standard.iter_errors(DOCUMENT)] == []


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        part: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


@pytest.mark.parametrize("channel", ["socketio", "plain"])
def test_every_event_is_described_on_both_ways_in(channel: str) -> None:
    """The service receives what clients send, and sends what they hear."""
    messages = DOCUMENT["components"]["messages"]
    named: dict[str, set[str]] = {"receive": set(), "send": set()}
    for key, operation in DOCUMENT["operations"].items():
        if key.startswith(f"{channel}."):
            named[operation["action"]].add(messages[key]["name"])
            assert messages[key]["summary"]
    assert named["receive"] - {"authenticate"} == set(CLIENT_EVENTS)
    assert named["send"] == set(SERVER_EVENTS)


async def test_the_shapes_of_commands_are_those_by_which_they_are_read() -> None:
    """A command that somebody adds, or whose payload becomes another struct, is described as it is."""
    assert set(COMMAND_WORDS) == set(COMMAND_SHAPES) == set(Command)
    async with open_live_runtime() as live:
        obeyed = live.open_client().session._commands
        assert {name: shape for name, (shape, _, _) in obeyed.items()} == COMMAND_SHAPES


async def test_what_a_client_hears_is_as_described() -> None:
    async with open_live_runtime() as live:
        graph = await live.runtime.library.load_graph(chain("a", "b"))
        client = live.open_client()
        names = ["port:emit", "component:invoked", "statistics:update"]
        execution = await client.start(graph.id, events=names, completion="manual")
        await client.say("execution:inject", executionId=execution, nodeId="a", port="in", value=1)
        await client.say("execution:stop", executionId=execution, drain=True)
        await client.say("execution:subscribe", executionId=execution, evnts=[])
        await client.wait_for("error")
        await client.wait_for("execution:completed")
        described = DOCUMENT["components"]["messages"]
        messages = {each["name"]: each for key, each in described.items() if key.startswith("plain.")}
        heard = client.memory.messages
        assert {"execution:injected", "port:emit", "error"} <= {each["event"] for each in heard}
        for message in heard:
            validator(messages[message["event"]]["payload"]).validate(message)


async def test_anybody_may_read_it() -> None:
    async with open_service() as service:
        answer = await service.client.get("/docs/asyncapi.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == DOCUMENT


def test_the_types_of_the_page_are_named_after_their_events() -> None:
    types = live_types(DOCUMENT)
    assert types["send"]["port:emit"] == "PortEmit"
    assert types["receive"]["breakpoint:release"] == "Release"
    assert BATCH not in types["send"]
