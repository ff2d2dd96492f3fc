"""JSON that costs more than it seems: every way by which it comes in is linear, bounded, and done in slices.

Each text goes over a socket to a real service. What it may cost is said by the longest step of any task, in
processor time: so long, everybody else waits.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from service.settings.table import Settings
from tests.attacks.steps import Steps, measured_steps
from tests.service.chosen import settings_with
from tests.service.live.plain_client import open_plain
from tests.service.serving import Service, open_service, single
from tests.service.tokens import SECRET

PASS = "symbia.core.passthrough"
BRACKETS_AND_ESCAPES = b"[" * 201 + b'\\"' * 40_000
"""80 kB, which once took the service a minute."""

MESSAGE = b'{"nodeId":"only","port":"in","value":1}'
JSON = {"content-type": "application/json"}
CROWD = b"[" + b",".join([MESSAGE] * 250_000) + b"]"
BOUND_SECONDS = 0.045

VALUES = {
    "numbers": b"[" + b"1," * 4_999_000 + b"1]",
    "lists": b"[" + b"[]," * 3_300_000 + b"[]]",
    "escapes": b"[" + b"[]," * 300 + b'"' + b"\\n" * 4_900_000 + b'"]',
    "peaks": b"[" + (b"[" * 190 + b"]" * 190 + b",") * 15_000 + b"0]",
    "umlauts": b'"' + "ä".encode() * 4_999_000 + b'"',
}
"""Each about as large as a value may be, or half of it where passing over it is slow."""


@asynccontextmanager
async def watched_service(settings: Settings | None = None) -> AsyncIterator[tuple[Service, Steps]]:
    """A service, and how long its steps are."""
    async with open_service(settings) as service:
        await service.client.get("/health/live")
        with measured_steps() as steps:
            yield service, steps
        assert steps.longest_seconds < BOUND_SECONDS, steps.where


async def post(service: Service, path: str, body: bytes) -> httpx.Response:
    return await service.client.post(path, content=body, headers=JSON)


@pytest.mark.parametrize("path", ["/api/graphs", "/api/components", "/api/routines"])
async def test_brackets_and_escapes_are_no_document(path: str) -> None:
    """What is no JSON is refused as fast as it is long."""
    async with watched_service() as (service, _):
        reply = await post(service, path, BRACKETS_AND_ESCAPES)
        assert reply.status_code == 400, reply.text


async def test_brackets_and_escapes_are_no_websocket_message() -> None:
    """Also before anybody has said who it is."""
    async with watched_service() as (service, _), open_plain(service.url) as client:
        await client.connection.send_message(BRACKETS_AND_ESCAPES.decode())
        code, _ = await client.closed()
        assert code == 1007


async def test_brackets_and_escapes_are_no_socketio_packet() -> None:
    """Nor in a POST of long-polling, which anybody may send."""
    async with watched_service() as (service, _):
        opened = await service.client.get("/socket.io/?EIO=4&transport=polling")
        sid = msgspec.json.decode(opened.content[1:])["sid"]
        body = b"40" + BRACKETS_AND_ESCAPES
        await service.client.post(f"/socket.io/?EIO=4&transport=polling&sid={sid}", content=body)


async def test_a_crowd_of_messages_in_one_body_is_refused_by_its_number() -> None:
    """The refusal says how many there are, how many may be, and how more can be sent; nothing was taken in."""
    async with watched_service() as (service, _):
        execution_id = await service.start(single(PASS))
        reply = await post(service, f"/api/executions/{execution_id}/inject", b'{"messages":%s}' % CROWD)
        told = reply.json()
        assert (reply.status_code, told["problems"][0]["code"]) == (400, "body.too_many_elements")
        assert "250000 values; 25000 are allowed" in told["error"]
        assert "application/x-ndjson" in told["error"]
        metrics = (await service.client.get(f"/api/executions/{execution_id}/metrics")).json()
        assert metrics["messagesProcessed"] == 0


async def test_as_many_messages_as_may_be_are_taken_in_slices() -> None:
    """Ten thousand messages of one body are no long step, and all of them arrive."""
    async with watched_service() as (service, _):
        execution_id = await service.start(single(PASS))
        body = b'{"messages":[' + b",".join([MESSAGE] * 10_000) + b"]}"
        reply = await post(service, f"/api/executions/{execution_id}/inject", body)
        assert reply.json()["accepted"] == 10_000
        await service.processed(execution_id, 10_000)


async def test_what_is_in_the_messages_of_a_body_is_not_counted() -> None:
    """A list of messages holds as many as it may, also where the values of few of them have many elements."""
    value = b"[" + b'{"sku":"a","qty":[1,2]},' * 30 + b"0]"
    large = b"[" + b"1," * 150_000 + b"1]"
    messages = [b'{"nodeId":"only","port":"in","value":%s}' % each for each in [large, *[value] * 3_000]]
    body = b"[" + b",".join(messages) + b"]"
    async with watched_service() as (service, _):
        graph_id = await service.load(single(PASS))
        reply = await post(service, f"/api/graphs/{graph_id}/execute", b'{"inputs":%s}' % body)
        await service.processed(reply.json()["executionId"], 3_001)
        execution_id = await service.start(single(PASS))
        reply = await post(service, f"/api/executions/{execution_id}/inject", b'{"messages":%s}' % body)
        assert reply.json()["accepted"] == 3_001


async def test_a_crowd_of_inputs_is_refused_by_its_number() -> None:
    """The inputs with which an execution starts are messages like others."""
    async with watched_service() as (service, _):
        graph_id = await service.load(single(PASS))
        reply = await post(service, f"/api/graphs/{graph_id}/execute", b'{"inputs":%s}' % CROWD)
        assert reply.json()["problems"][0]["code"] == "body.too_many_elements"


async def test_a_crowd_of_deliveries_is_refused_by_its_number() -> None:
    """An array that is delivered to a graph by its name is counted before it becomes a list."""
    graph = {**single(PASS), "name": "door", "metadata": {"ingress": {"node": "only", "port": "in"}}}
    async with watched_service() as (service, _):
        await service.start(graph)
        reply = await post(service, "/api/ingress/door", VALUES["numbers"])
        assert reply.json()["problems"][0]["code"] == "body.too_many_elements"


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_a_value_of_ten_megabytes_is_looked_at_in_slices(value: bytes) -> None:
    """As large as a value may be, and as unpleasant to look at as can be: it passes, and nobody waits for it."""
    async with watched_service() as (service, _):
        execution_id = await service.start(single(PASS))
        body = b'{"nodeId":"only","port":"in","value":' + value + b"}"
        reply = await post(service, f"/api/executions/{execution_id}/inject", body)
        assert reply.status_code == 200, reply.text
        await service.processed(execution_id, 1)


async def test_a_document_of_empty_lists_is_refused_before_it_is_built() -> None:
    """Twelve megabytes of them were 275 MB of objects, and a second of everybody's time."""
    body = b'{"symbia":"1.0","name":"x","nodes":[],"edges":[],"metadata":{"x":[' + b"[]," * 4_000_000 + b"0]}}"
    async with watched_service() as (service, _):
        reply = await post(service, "/api/graphs", body)
        assert reply.status_code == 400
        assert "elements" in reply.json()["error"]


DOCUMENTS = {
    "long numbers": b'{"x":[' + b",".join([b"9" * 4_200] * 2_700) + b"]}",
    "numbers": b'{"x":[' + b",".join([b"1" * 300] * 40_000) + b"]}",
    "escapes": b'{"x":"' + b"\\n" * 5_900_000 + b'"}',
    "names": b"{" + b",".join(b'"name-%d":1' % index for index in range(70_000)) + b"}",
    "lists of lists": b'{"x":[' + b"[[[[]]]]," * 49_000 + b"0]}",
    "many parts": b'{"x":[' + b'{"a":[1,2,{"b":"c"}]},' * 40_000 + b"0]}",
}
"""Metadata of a graph, each at one of the bounds of what is decoded."""


@pytest.mark.parametrize("metadata", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_a_document_at_its_bounds_is_decoded_in_slices(metadata: bytes) -> None:
    """Bytes, elements, names and digits: nobody waits for whoever loads them, be they taken or refused."""
    nodes = b'[{"id":"a","component":"symbia.core.passthrough"}]'
    body = b'{"symbia":"1.0","name":"x","nodes":%s,"edges":[],"metadata":%s}' % (nodes, metadata)
    async with watched_service() as (service, _):
        reply = await post(service, "/api/graphs", body)
        assert reply.status_code in {201, 400, 413}, reply.text
        assert (await service.client.get("/api/graphs")).status_code == 200


async def test_thousands_of_wrong_messages_are_told_by_the_first_of_them() -> None:
    """A refusal is as long as helps: a hundred problems, and no name in them longer than a line or two."""
    wrong = b'{"nodeId":"only","port":"%s","value":1}' % (b"x" * 5_000)
    async with watched_service() as (service, _):
        execution_id = await service.start(single(PASS))
        body = b'{"messages":[' + b",".join([wrong] * 2_000) + b"]}"
        reply = await post(service, f"/api/executions/{execution_id}/inject", body)
        assert reply.status_code == 400
        assert len(reply.json()["problems"]) == 100
        assert len(reply.content) < 100_000


LISTS_OF_A_MEGABYTE = b"[" + b"[]," * 320_000 + b"[]]"


async def test_a_credential_that_is_a_million_lists_is_none() -> None:
    """What a plain WebSocket says before anybody knows who it is is bounded before it is decoded."""
    settings = settings_with(port=0, jwt_secret=SECRET)
    async with watched_service(settings) as (service, _), open_plain(service.url) as client:
        await client.connection.send_message(f'{{"event":"authenticate","data":{LISTS_OF_A_MEGABYTE.decode()}}}')
        code, _ = await client.closed()
        assert code == 1009


async def test_an_id_that_is_a_million_lists_is_none() -> None:
    """A refusal names the execution that was meant, and makes nothing of what is no name."""
    async with watched_service() as (service, _), open_plain(service.url) as client:
        data = f'{{"executionId":{LISTS_OF_A_MEGABYTE.decode()},"graphId":"g"}}'
        await client.connection.send_message(f'{{"event":"execution:stop","id":1,"data":{data}}}')
        while not (answer := await client._next()).get("ack"):
            pass
        assert answer["data"]["graphId"] == "g"
        assert "executionId" not in answer["data"]


async def test_a_packet_of_a_million_values_is_none() -> None:
    """An event of Socket.IO has few values, however small they are; its session ends."""
    async with watched_service() as (service, _):
        opened = await service.client.get("/socket.io/?EIO=4&transport=polling")
        sid = msgspec.json.decode(opened.content[1:])["sid"]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        await service.client.post(path, content=b"40")
        await service.client.post(path, content=b'42["execution:stop",' + b"0," * 450_000 + b"0]")
        assert (await service.client.get(path)).status_code == 400


async def test_an_organisation_that_is_a_million_lists_is_none() -> None:
    """An event says in its data whose it is, if it says so by a name."""
    data = b'{"orgId":' + b"[" + b"[]," * 3_000_000 + b"[]]" + b"}"
    body = b'{"payload":{"type":"x","data":%s},"wrapper":{"id":"1","runId":"r","source":"s"}}' % data
    async with watched_service() as (service, _):
        headers = {**JSON, "X-Symbia-Event-Id": "1", "X-Symbia-Run-Id": "r"}
        reply = await service.client.post("/api/network/receive", content=body, headers=headers)
        assert reply.status_code in {200, 404}, reply.text
