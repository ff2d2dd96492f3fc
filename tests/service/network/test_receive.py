"""Events that come by HTTP: their headers, whose graphs they enter, and what is answered."""

from typing import Any

import httpx
import pytest

from service.settings.table import Settings
from tests.fakes.network import serving_network
from tests.service.chosen import settings_with
from tests.service.network.networked_runtime import bound_graph
from tests.service.service_with_identity import Person, open_service_with_identity
from tests.service.serving import open_service

ORDERS = bound_graph({"a": {"in": {"network": "orders.*"}}})


def _event(
    event_id: str = "event-1", event_type: str = "orders.new", data: Any = 7, **more: Any
) -> dict[str, Any]:
    payload = {"type": event_type, "data": data, **more}
    return {
        "payload": payload,
        "wrapper": {"id": event_id, "runId": "run-1", "source": "shop", "boundary": "intra"},
    }


def _headers(event: dict[str, Any], **changed: str | None) -> dict[str, str]:
    wrapper = event["wrapper"]
    headers = {
        "X-Symbia-Event-Id": wrapper["id"],
        "X-Symbia-Run-Id": wrapper["runId"],
        "X-Symbia-Boundary": wrapper["boundary"],
        "X-Symbia-Source": wrapper["source"],
    }
    named = {f"X-Symbia-{name.replace('_', '-').title()}": value for name, value in changed.items()}
    return {name: value for name, value in {**headers, **named}.items() if value is not None}


async def _deliver(client: httpx.AsyncClient, event: Any, **changed: str | None) -> httpx.Response:
    return await client.post("/api/network/receive", json=event, headers=_headers(event, **changed))


async def _processed(person: Person, execution_id: str) -> int:
    return int((await person.call("GET", f"/api/executions/{execution_id}/metrics")).json()["messagesProcessed"])


async def test_an_event_enters_what_is_bound_to_it_once() -> None:
    """The first delivery goes in, the same event again does not, and what nobody wants is no error."""
    async with open_service() as service:
        execution = await service.start(ORDERS)
        first = await _deliver(service.client, _event())
        again = await _deliver(service.client, _event())
        unwanted = await _deliver(service.client, _event("event-2", "invoices.new"))
        await service.processed(execution, 1)
    assert first.status_code == 200
    assert first.json() == {"success": True, "eventId": "event-1", "delivered": 1, "duplicates": 0, "refused": []}
    assert (again.json()["delivered"], again.json()["duplicates"]) == (0, 1)
    assert (unwanted.status_code, unwanted.json()["delivered"]) == (200, 0)


async def test_an_event_that_comes_by_both_ways_enters_once() -> None:
    """What the Network's socket has brought is not taken by HTTP a second time."""
    async with serving_network() as network, open_service(settings_of(network.url)) as service:
        await network.wait_registered()
        execution = await service.start(ORDERS)
        event_id = await network.send("shop", "orders.new", 7, target="runtime")
        await service.processed(execution, 1)
        reply = await _deliver(service.client, _event(event_id))
        assert reply.json()["duplicates"] == 1
        assert (await service.processed(execution, 1))["messagesProcessed"] == 1
        assert not network.sent("obs.http.request") or all(
            event["payload"]["data"]["path"] != "/api/network/receive"
            for event in network.sent("obs.http.request")
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"event_id": None},
        {"event_id": "other"},
        {"run_id": None},
        {"run_id": "other"},
        {"boundary": "extra"},
        {"source": "bank"},
    ],
)
async def test_headers_that_do_not_say_what_the_body_says_are_refused(changed: dict[str, str | None]) -> None:
    """One of the two has been changed on the way, so neither is believed."""
    async with open_service() as service:
        execution = await service.start(ORDERS)
        reply = await _deliver(service.client, _event(), **changed)
        assert (await service.client.get(f"/api/executions/{execution}/metrics")).json()["messagesProcessed"] == 0
    assert reply.status_code == 400
    (problem,) = reply.json()["problems"]
    assert problem["code"] == "network.header_mismatch"


async def test_older_networks_send_two_headers_only() -> None:
    """Boundary and source are compared where they are sent."""
    async with open_service() as service:
        await service.start(ORDERS)
        reply = await _deliver(service.client, _event(), boundary=None, source=None)
    assert reply.json()["delivered"] == 1


@pytest.mark.parametrize(
    "event",
    [[], {}, {"payload": {}}, {"payload": {"type": "x"}, "wrapper": {"id": 7}}, {**_event(), "wrapper": None}],
)
async def test_what_is_no_event_is_refused(event: Any) -> None:
    """The reply says what is missing, and where."""
    async with open_service() as service:
        reply = await service.client.post("/api/network/receive", json=event)
    assert reply.status_code == 400
    assert reply.json()["problems"]


async def test_values_that_graphs_refuse_are_refused_here_too() -> None:
    """A value that is nested too deeply enters no graph; the caller hears why."""
    deep: Any = 1
    for _ in range(250):
        deep = [deep]
    async with open_service() as service:
        await service.start(ORDERS)
        reply = await _deliver(service.client, _event(data=deep))
    assert reply.status_code in {400, 429}
    assert "nested" in reply.text


async def test_an_event_only_enters_what_the_caller_may_change() -> None:
    """Somebody of an organisation reaches its graphs and no others, whatever the event says of itself."""
    async with open_service_with_identity() as world:
        _, alices = await world.alice.start(ORDERS)
        _, bobs = await world.bob.start(ORDERS)
        event = _event()
        own = await world.alice.call("POST", "/api/network/receive", json=event, **_headers(event))
        foreign = _event("event-2", orgId="org-b")
        named = await world.alice.call("POST", "/api/network/receive", json=foreign, **_headers(foreign))
        nobody = await world.anonymous.call("POST", "/api/network/receive", json=event, **_headers(event))
        while not await _processed(world.alice, alices):
            pass
        assert await _processed(world.bob, bobs) == 0
    assert own.json()["delivered"] == 1
    assert named.json()["delivered"] == 0
    assert nobody.status_code == 401


async def test_a_stranger_cannot_use_up_the_id_of_an_event() -> None:
    """Whoever delivers an event into their own graphs keeps it from nobody else's."""
    async with open_service_with_identity() as world:
        await world.alice.start(ORDERS)
        await world.bob.start(ORDERS)
        event = _event()
        for person in (world.alice, world.bob):
            reply = await person.call("POST", "/api/network/receive", json=event, **_headers(event))
            assert reply.json()["delivered"] == 1


async def test_an_administrator_delivers_where_the_event_names_the_owner() -> None:
    """Above organisations an event goes where it says that it belongs, and nowhere when it says nothing."""
    async with open_service_with_identity() as world:
        await world.alice.start(ORDERS)
        await world.bob.start(ORDERS)
        token = world.identity.add_user("root", entitlements=("cap:runtime.admin",))
        root = world.person(token)
        unnamed, named = _event(), _event("event-2", orgId="org-a")
        replies = [
            await root.call("POST", "/api/network/receive", json=event, **_headers(event))
            for event in (unnamed, named)
        ]
    assert [reply.json()["delivered"] for reply in replies] == [0, 1]


async def test_where_no_execution_has_room_the_sender_hears_it() -> None:
    """What finds no room is status 429, and it may be sent again."""
    async with open_service(settings_with(port=0, max_backpressure_queue=2)) as service:
        execution = await service.start(ORDERS)
        await service.client.post(f"/api/executions/{execution}/pause")
        statuses = [(await _deliver(service.client, _event(f"event-{number}"))).status_code for number in range(3)]
        await service.client.post(f"/api/executions/{execution}/resume")
        await service.processed(execution, 2)
        again = await _deliver(service.client, _event("event-2"))
        assert (await service.processed(execution, 3))["messagesProcessed"] == 3
    assert statuses == [200, 200, 429]
    assert again.json()["delivered"] == 1


def settings_of(url: str, **more: Any) -> Settings:
    """A service's settings with a Network."""
    return settings_with(port=0, network_endpoint=url, **more)
