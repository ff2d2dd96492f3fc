"""What the Network is told of requests, by a real service."""

from tests.fakes.network import serving_network
from tests.service.network.test_receive import settings_of
from tests.service.serving import open_service


async def test_each_request_is_two_events() -> None:
    """With the platform's fields, under the request's trace id; probes, queries and credentials stay out of it."""
    async with serving_network() as network:
        async with open_service(settings_of(network.url)) as service:
            await network.wait_registered()
            headers = {
                "x-trace-id": "trace-1",
                "x-symbia-caller": "console",
                "x-symbia-origin": "user",
                "User-Agent": "test/1",
                "Authorization": "Bearer secret",
            }
            await service.client.get("/api/executions?graphId=secret", headers=headers)
            await service.client.get("/health")
            await service.client.get("/nowhere")
            await network.wait_until(lambda: len(network.sent("obs.http.response")) >= 2)
            ready = (await service.client.get("/health/ready")).json()
        requests, responses = network.sent("obs.http.request"), network.sent("obs.http.response")
    assert requests[0] == {
        "payload": {
            "type": "obs.http.request",
            "data": {
                "method": "GET",
                "path": "/api/executions",
                "ip": "127.0.0.1",
                "userAgent": "test/1",
                "traceId": "trace-1",
                "caller": "console",
                "origin": "user",
            },
        },
        "source": "runtime",
        "runId": "trace-1",
        "boundary": "intra",
    }
    data = responses[0]["payload"]["data"]
    assert (data["statusCode"], data["traceId"], data["path"]) == (200, "trace-1", "/api/executions")
    assert data["durationMs"] > 0
    assert data["size"] > 0
    assert [each["payload"]["data"]["path"] for each in requests] == ["/api/executions", "/nowhere"]
    assert "secret" not in str(requests) + str(responses)
    assert ready["checks"]["network"]["status"] == "ok"


async def test_requests_may_be_kept_from_the_network() -> None:
    """A switch keeps the service on the Network and its requests to itself."""
    async with serving_network() as network:
        settings = settings_of(network.url, network_request_events=False)
        async with open_service(settings) as service:
            await network.wait_registered()
            await service.client.get("/api/graphs")
        assert not network.sent("obs.http.request")
        assert network.told("node:unregister")
