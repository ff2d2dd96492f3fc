"""Who is let in, and what is written down of each request."""

import pytest
import structlog.testing
import trio.testing

from service.addresses.origins import Origins
from service.auth.loopback import check_local_request
from service.problems import ForeignCallerError
from tests.service.chosen import settings_with
from tests.service.serving import open_service, single


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:5006"},
        {"Host": "127.0.0.1:5006", "Origin": "http://localhost:3000"},
        {"Host": "[::1]:5006", "Origin": "http://[::1]:5006"},
    ],
)
def test_this_machine_is_let_in(headers: dict[str, str]) -> None:
    """Programs of this machine, and pages that it serves itself, may come in."""
    check_local_request(headers, Origins())


@pytest.mark.parametrize(
    ("headers", "culprit"),
    [
        ({"Host": "rebound.example.org:5006"}, "rebound.example.org"),
        ({"Host": "127.0.0.1.example.org"}, "example.org"),
        ({"Host": "user@evil.example.org"}, "evil"),
        ({"Host": "[::1"}, "::1"),
        ({"Host": "localhost", "Origin": "https://example.org"}, "https://example.org"),
        ({"Host": "localhost", "Origin": "null"}, "null"),
        ({"Host": "localhost", "Origin": "http://localhost.example.org"}, "localhost.example.org"),
    ],
)
def test_foreign_pages_and_names_are_not_let_in(headers: dict[str, str], culprit: str) -> None:
    """A web page from elsewhere cannot use this machine's browser to get in, under whatever name."""
    with pytest.raises(ForeignCallerError, match="AUTH=none") as caught:
        check_local_request(headers, Origins())
    assert culprit in str(caught.value)


async def test_a_foreign_page_is_refused_until_everybody_may_come() -> None:
    """403 before anything is read; with AUTH=none the same request is served."""
    foreign = {"Origin": "https://example.org"}
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json={}, headers=foreign)
        assert (reply.status_code, reply.json()["code"]) == (403, "caller.foreign")
    async with open_service(settings_with(auth="none")) as service:
        reply = await service.client.get("/api/graphs", headers={**foreign, "Host": "example.org"})
        assert reply.status_code == 200


async def test_each_request_is_one_line_without_what_it_carried() -> None:
    """Method, path, status and duration are logged; the body and the query are not."""
    async with open_service() as service:
        with structlog.testing.capture_logs() as lines:
            await service.client.get("/api/executions?graphId=secret")
            await service.client.post("/api/graphs", json={"name": "secret"})
            await service.client.get("/nothing")
            await trio.testing.wait_all_tasks_blocked()  # the line is written after the reply
        seen = [(line["method"], line["path"], line["status"]) for line in lines if line["event"] == "request"]
        assert seen == [("GET", "/api/executions", 200), ("POST", "/api/graphs", 400), ("GET", "/nothing", 404)]
        assert all(line["duration_ms"] >= 0 for line in lines)
        assert "secret" not in str(lines)


async def test_what_components_log_is_in_the_service_log() -> None:
    """The operator sees 42 logged at its node."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.logger"))
        with structlog.testing.capture_logs() as lines:
            await service.inject(execution, "only", 42)
            await service.processed(execution, 1)
        logged = [line for line in lines if line["event"] == "component log"]
        assert [(line["node"], line["message"], line["log_level"]) for line in logged] == [("only", "42", "info")]
