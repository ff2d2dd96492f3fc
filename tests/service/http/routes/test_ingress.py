"""Delivery to a graph by its name, over HTTP: what comes back, who is refused, and what is left when it is."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trio

from service.http.routes.ingress import MAX_BATCH_MESSAGES
from tests.service.chosen import settings_with
from tests.service.service_with_identity import MANUAL, Person, ServiceWithIdentity, open_service_with_identity
from tests.service.serving import QUICK_REFERENCE, Service, open_service, single


def orders(name: str = "orders", component: str = "symbia.core.passthrough", **ingress: Any) -> dict[str, Any]:
    """A graph of one node whose ingress is declared."""
    return {**single(component), "name": name, "metadata": {"ingress": {"node": "only", **ingress}}}


DOUBLING = {**QUICK_REFERENCE, "metadata": {"ingress": {"node": "input"}}}


async def deliver(service: Service, name: str, body: Any, query: str = "") -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    path = f"/api/ingress/{quote(name, safe='')}{query}"
    return await service.client.post(path, content=json.dumps(body), headers=headers)


def values(outputs: dict[str, Any]) -> dict[str, Any]:
    """What left the graph, by port."""
    return {port: output["value"] for port, output in outputs.items()}


async def started(service: Service, graph: Any) -> str:
    return await service.start(graph, **MANUAL)


async def test_a_message_comes_out_in_the_reply() -> None:
    """The newest running execution gets it, and the reply says what came of it, as the platform's does."""
    async with open_service() as service:
        execution = await started(service, DOUBLING)
        reply = await deliver(service, "Simple Pipeline", 21)
        body = reply.json()
        assert (reply.status_code, values(body.pop("outputs"))) == (200, {"output:out": 42})
        assert ([each["value"] for each in body.pop("allOutputs")], body.pop("truncated")) == ([42], False)
        assert body == {"success": True, "executionId": execution, "delivered": 1, "hops": 2, "drained": True}


async def test_a_batch_is_delivered_in_order_and_the_last_outputs_are_told() -> None:
    """Each item is a message; the outputs are those of the last one that had any, the hops those of all."""
    filtering = {**orders(component="symbia.core.filter"), "name": "orders"}
    filtering["nodes"][0]["config"] = {"predicate": "value > 10"}
    async with open_service() as service:
        execution = await started(service, DOUBLING)
        reply = (await deliver(service, "Simple Pipeline", [1, 2, 3])).json()
        assert (reply["delivered"], values(reply["outputs"]), reply["hops"]) == (3, {"output:out": 6}, 6)
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert [entry["message"] for entry in logs] == ["2", "4", "6"]
        await started(service, filtering)
        reply = (await deliver(service, "orders", [20, 5])).json()
        assert values(reply["outputs"]) == {"only:rejected": 5}


async def test_the_body_is_the_value_whatever_it_is() -> None:
    """Objects, texts and numbers travel as they were sent; an array within an array is one message."""
    async with open_service() as service:
        await started(service, orders())
        for body, value in (
            ({"nodeId": "x"}, {"nodeId": "x"}),
            ("text", "text"),
            (None, None),
            ([[1, 2]], [1, 2]),
        ):
            assert (await deliver(service, "orders", body)).json()["outputs"]["only:out"]["value"] == value
        reply = await service.client.post(
            "/api/ingress/orders",
            content=b" 12345678901234567890.10 ",
            headers={"Content-Type": "application/json"},
        )
        assert b'"value":12345678901234567890.10' in reply.content


async def test_an_empty_batch_delivers_nothing() -> None:
    """It is no mistake: a sender with nothing to say has said it."""
    async with open_service() as service:
        await started(service, orders())
        reply = await deliver(service, "orders", [])
        assert (reply.status_code, reply.json()["delivered"], reply.json()["outputs"]) == (200, 0, {})


async def test_names_may_have_slashes() -> None:
    """As those of compiled routines have, whether they are encoded or not."""
    async with open_service() as service:
        await started(service, orders("assistant/main routine"))
        assert (await deliver(service, "assistant/main routine", 1)).status_code == 200
        assert (await service.client.post("/api/ingress/assistant/main%20routine", json=1)).status_code == 200


async def test_a_graph_without_a_declaration_is_entered_at_its_entry() -> None:
    """The node entry and its port in are what the platform looks for; without them the reply says what to do."""
    node = {"id": "entry", "component": "symbia.core.passthrough"}
    async with open_service() as service:
        await started(service, {**single("x"), "nodes": [node], "name": "has entry"})
        await started(service, {**single("symbia.core.passthrough"), "name": "has none"})
        assert (await deliver(service, "has entry", 7)).json()["outputs"]["entry:out"]["value"] == 7
        refused = await deliver(service, "has none", 7)
        assert (refused.status_code, refused.json()["problems"][0]["code"]) == (400, "ingress.undeclared")
        assert "metadata.ingress says where messages enter" in refused.json()["error"]


async def test_a_wrong_declaration_does_not_load() -> None:
    """Its author hears of it when the graph is loaded, not their callers later."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json=orders(port="out"))
        assert (reply.status_code, reply.json()["problems"][0]["path"]) == (400, "metadata.ingress.port")


async def test_what_is_not_there_is_told_in_the_platforms_words() -> None:
    """404 for no graph of the name, 409 for none that runs: neither before it was started, nor after it ended."""
    async with open_service() as service:
        missing = await deliver(service, "orders", 1)
        assert (missing.status_code, missing.json()["error"]) == (404, "No loaded graph named: orders")
        graph_id = await service.load(orders())
        idle = await deliver(service, "orders", 1)
        assert (idle.status_code, idle.json()["error"]) == (409, 'Graph "orders" has no running execution')
        execution = (await service.client.post(f"/api/graphs/{graph_id}/execute")).json()["executionId"]
        for command, status in (("pause", 409), ("resume", 200), ("stop", 409)):
            await service.client.post(f"/api/executions/{execution}/{command}")
            assert (await deliver(service, "orders", 1)).status_code == status


async def test_the_newest_execution_of_the_first_graph_gets_it() -> None:
    """A second graph of the same name gets nothing, and an older execution neither."""
    async with open_service() as service:
        first = await service.load(orders())
        ids = [
            (await service.client.post(f"/api/graphs/{graph_id}/execute")).json()["executionId"]
            for graph_id in (first, await service.load(orders()), first)
        ]
        assert (await deliver(service, "orders", 1)).json()["executionId"] == ids[2]
        await service.client.post(f"/api/executions/{ids[2]}/stop")
        assert (await deliver(service, "orders", 1)).json()["executionId"] == ids[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" ", "This is not JSON"),
        (b"{", "This is not JSON"),
        (b"[1,", "This is not JSON"),
        (b"1 2", "This is not JSON"),
        (b'"\xff"', "This is not UTF-8"),
        (b"[" * 300 + b"]" * 300, "nested deeper than"),
        (b"[1," + b"[" * 300 + b"]" * 300 + b"]", "nested deeper than"),
        (b"[" + b"1," * MAX_BATCH_MESSAGES + b"1]", "at most 10000 are taken at once"),
    ],
)
async def test_a_wrong_body_delivers_nothing(content: bytes, words: str) -> None:
    """400 says what is wrong, and not even the right items of a batch have been delivered."""
    async with open_service() as service:
        execution = await started(service, orders())
        headers = {"Content-Type": "application/json"}
        reply = await service.client.post("/api/ingress/orders", content=content, headers=headers)
        assert (reply.status_code, words in reply.json()["error"]) == (400, True), reply.text
        assert service.runtime.execution(execution).snapshot().metrics.messages_processed == 0


async def test_a_wait_is_bounded_and_can_be_left_away() -> None:
    """When the time is over the rest is delivered without a wait, and the reply says that not all is known."""
    slow = orders(component="symbia.core.delay")
    slow["nodes"][0]["config"] = {"ms": 60}
    async with open_service() as service:
        execution = await started(service, slow)
        reply = (await deliver(service, "orders", [1, 2, 3], "?wait=90")).json()
        assert (reply["delivered"], reply["drained"], values(reply["outputs"])) == (3, False, {"only:out": 1})
        reply = (await deliver(service, "orders", [4, 5], "?wait=0")).json()
        assert (reply["delivered"], reply["drained"], reply["outputs"]) == (2, False, {})
        await service.processed(execution, 5)
        assert (await deliver(service, "orders", 1, "?wait=60001")).status_code == 400


async def test_callers_hear_only_what_their_own_messages_caused() -> None:
    """Whoever waits has their turn: of many at once, each gets their own output and none gets another's."""
    slow = orders(component="symbia.core.delay")
    slow["nodes"][0]["config"] = {"ms": 5}
    async with open_service() as service:
        await started(service, slow)
        heard: dict[int, Any] = {}

        async def call(number: int) -> None:
            reply = await deliver(service, "orders", number, "?wait=10000")
            heard[number] = values(reply.json()["outputs"])

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(call, number)
        assert heard == {number: {"only:out": number} for number in range(12)}


async def test_a_batch_that_is_cut_off_says_how_much_was_taken_in() -> None:
    """The execution is paused meanwhile and holds what it may; the refusal counts what was delivered before."""
    async with open_service(settings_with(port=0, max_backpressure_queue=3)) as service:
        slow = orders(component="symbia.core.delay")
        slow["nodes"][0]["config"] = {"ms": 50}
        execution = await started(service, slow)
        replies: list[httpx.Response] = []

        async def call() -> None:
            replies.append(await deliver(service, "orders", list(range(10)), "?wait=2000"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await service.processed(execution, 1)
            await service.client.post(f"/api/executions/{execution}/pause")
        (reply,) = replies
        body = reply.json()
        assert (reply.status_code, body["code"]) == (429, "injection.held_queue_full")
        assert 4 <= body["accepted"] < 10
        await service.client.post(f"/api/executions/{execution}/resume")
        await service.runtime.execution(execution).wait_quiescent()
        assert service.runtime.execution(execution).snapshot().metrics.messages_processed == body["accepted"]


async def _declared(person: Person, **ingress: Any) -> str:
    """A running execution of a graph with an ingress."""
    _, execution = await person.start(orders(**ingress))
    return execution


async def _post(person: Person, body: Any = 1, **headers: str) -> httpx.Response:
    return await person.call("POST", "/api/ingress/orders", json=body, **headers)


async def test_a_member_delivers_and_a_stranger_is_refused() -> None:
    """403 says why and what is required, in the platform's shape; nothing of it reached the graph."""
    async with open_service_with_identity() as world:
        execution = await _declared(world.alice)
        assert (await _post(world.alice, [1, 2])).json()["delivered"] == 2
        refused = await _post(world.bob, "not even JSON is looked at")
        assert refused.status_code == 403
        assert refused.json() == {
            "error": 'Delivery to ingress "orders" refused: '
            "the caller is no member of the organization that owns the graph",
            "code": "ingress.refused",
            "ingress": {"graph": "orders", "requiresCapability": None, "declaredIn": "metadata.ingress"},
        }
        assert (await _post(world.anonymous)).status_code == 401
        assert world.service.runtime.execution(execution).snapshot().metrics.messages_processed == 2


async def test_an_outsider_does_not_learn_whether_it_runs_or_what_is_not_declared() -> None:
    """They hear 403 of an idle graph too, and of one without a declared ingress the 404 of what never was."""
    async with open_service_with_identity() as world:
        await world.alice.load(orders())
        await world.alice.start({**single("symbia.core.passthrough"), "name": "private"})
        assert (await _post(world.bob)).status_code == 403
        private = await world.bob.call("POST", "/api/ingress/private", json=1)
        never = await world.bob.call("POST", "/api/ingress/never-was", json=1)
        assert (private.status_code, never.status_code) == (404, 404)
        assert private.text.replace("private", "never-was") == never.text


async def test_a_name_cannot_be_taken_away() -> None:
    """Whoever loads a graph of another organisation's name first gets none of its messages, and blocks none."""
    async with open_service_with_identity() as world:
        foreign = await _declared(world.bob)
        own = await _declared(world.alice)
        assert (await _post(world.alice)).json()["executionId"] == own
        assert (await _post(world.bob)).json()["executionId"] == foreign


async def test_a_capability_is_asked_of_members_too() -> None:
    """A member without it is refused and told which; an agent of the organisation that holds it delivers."""
    async with open_service_with_identity() as world:
        await _declared(world.alice, capability="cap:orders.write")
        refused = await _post(world.alice)
        assert (refused.status_code, refused.json()["ingress"]["requiresCapability"]) == (403, "cap:orders.write")
        agent = world.person(world.identity.add_agent("courier", "org-a", "cap:orders.write"))
        assert (await _post(agent)).status_code == 200
        foreign = world.person(world.identity.add_agent("spy", "org-b", "cap:orders.write"))
        assert (await _post(foreign)).status_code == 403
        homeless = world.person(world.identity.add_agent("nomad", None, "cap:orders.write"))
        assert (await _post(homeless)).status_code == 403
        root = world.person(world.identity.add_user("root", isSuperAdmin=True))
        assert (await _post(root)).status_code == 200
        assert (await _post(world.alice, x_org_id="org-b")).json()["code"] == "org.forbidden"


@pytest.mark.parametrize("enforcement", ["warn", "off"])
async def test_the_gate_can_be_opened(enforcement: str) -> None:
    """With warn and off whoever is recognised may deliver; whoever is not may not, and what is hidden stays so."""
    async with open_service_with_identity(runtime_ingress_enforcement=enforcement) as world:
        await _declared(world.alice, capability="cap:orders.write")
        await world.alice.start({**single("symbia.core.passthrough"), "name": "private"})
        assert (await _post(world.bob)).status_code == 200
        assert (await _post(world.anonymous)).status_code == 401
        assert (await world.bob.call("POST", "/api/ingress/private", json=1)).status_code == 404


async def test_a_key_and_a_cookie_deliver_as_their_owner() -> None:
    """Whatever credential it is, membership counts."""
    async with open_service_with_identity() as world:
        await _declared(world.alice)
        for person, status in (_keyed(world, "org-a"), 200), (_keyed(world, "org-b"), 403):
            assert (await _post(person)).status_code == status


def _keyed(world: ServiceWithIdentity, org: str) -> Person:
    return Person(world.service, {"X-API-Key": world.identity.add_api_key(f"key-of-{org}", org)})


async def test_an_error_that_no_edge_takes_up_is_what_came_out() -> None:
    """A delivery whose message a component refuses shows the refusal among its outputs, as the platform's does."""
    graph = orders(component="symbia.compute.arithmetic")
    graph["nodes"][0]["config"] = {"expression": "{a} / {b}"}
    async with open_service() as service:
        await started(service, graph)
        answer = (await deliver(service, "orders", {"a": 1, "b": 0})).json()
        assert list(answer["outputs"]) == ["only:error"]
        assert answer["outputs"]["only:error"]["lane"] == "apocryphal"
        assert answer["outputs"]["only:error"]["value"]["value"] == {"a": 1, "b": 0}
