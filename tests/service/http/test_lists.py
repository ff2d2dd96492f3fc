"""Lists in pages, what can be removed, and what the service says of itself."""

from typing import Any

import pytest

from proto.events import CLIENT_EVENTS, SERVER_EVENTS
from tests.service.serving import SQUARE, open_service, single

PASS = single("symbia.core.passthrough")
LISTS = {"/api/graphs": "graphs", "/api/executions": "executions", "/api/components": "components"}


@pytest.mark.parametrize(("path", "name"), LISTS.items())
async def test_lists_come_in_pages(path: str, name: str) -> None:
    """Pages put together are the whole list, and each says how long that is."""
    async with open_service() as service:
        for _ in range(5):
            await service.start(PASS)
        whole = (await service.client.get(path)).json()
        paged: list[Any] = []
        for offset in range(0, whole["total"], 2):
            page = (await service.client.get(f"{path}?limit=2&offset={offset}")).json()
            assert page["total"] == whole["total"] >= 5
            assert len(page[name]) <= 2
            paged += page[name]
        assert [each["id"] for each in paged] == [each["id"] for each in whole[name]]
        assert (await service.client.get(f"{path}?offset=100000")).json()[name] == []


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "offset=-1", "limit=10001", f"offset={10**40}"]
)
async def test_a_wrong_page_is_refused(path: str, query: str) -> None:
    """The refusal names the parameter and what it may be."""
    async with open_service() as service:
        reply = await service.client.get(f"{path}?{query}")
        problem = reply.json()["problems"][0]
        assert (reply.status_code, problem["path"]) == (400, query.partition("=")[0])
        assert "whole number" in reply.json()["error"]


async def test_executions_are_filtered_by_state_and_graph() -> None:
    """Only those that fit are listed and counted; a state that does not exist is refused with those that do."""
    async with open_service() as service:
        first, second = await service.start(PASS), await service.start(PASS)
        await service.client.post(f"/api/executions/{first}/stop")
        graph = (await service.client.get(f"/api/executions/{second}")).json()["graphId"]
        for query, expected in (
            ("state=cancelled", [first]),
            ("state=running", [second]),
            ("state=paused", []),
            (f"graphId={graph}", [second]),
            (f"graphId={graph}&state=cancelled", []),
        ):
            found = (await service.client.get(f"/api/executions?{query}")).json()
            assert ([each["id"] for each in found["executions"]], found["total"]) == (expected, len(expected))
        reply = await service.client.get("/api/executions?state=asleep")
        assert (reply.status_code, "cancelled" in reply.json()["error"]) == (400, True)


async def test_an_execution_is_stopped_and_forgotten() -> None:
    """DELETE answers 204; afterwards it is 404, and in no list."""
    async with open_service() as service:
        execution = await service.start(PASS)
        assert (await service.client.delete(f"/api/executions/{execution}")).status_code == 204
        assert (await service.client.delete(f"/api/executions/{execution}")).status_code == 404
        assert (await service.client.get("/api/executions")).json()["total"] == 0


async def test_a_component_is_removed_when_nothing_uses_it() -> None:
    """In use and built in are conflicts; what is unknown is 404; what is free goes."""
    async with open_service() as service:
        path = f"/api/components/{SQUARE['id']}"
        assert (await service.client.delete(path)).status_code == 404
        await service.client.post("/api/components", json=SQUARE)
        graph = await service.load(single(SQUARE["id"]))
        used = await service.client.delete(path)
        assert (used.status_code, used.json()["code"], graph in used.json()["error"]) == (
            409,
            "component.in_use",
            True,
        )
        await service.client.delete(f"/api/graphs/{graph}")
        assert (await service.client.delete(path)).status_code == 204
        built_in = await service.client.delete("/api/components/symbia.core.map")
        assert (built_in.status_code, built_in.json()["code"]) == (409, "component.built_in")


async def test_statistics_show_nodes_edges_and_queues() -> None:
    """While paused, what was injected is held, and the statistics say where."""
    async with open_service() as service:
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/pause")
        await service.inject(execution, "only", 1)
        found = (await service.client.get(f"/api/executions/{execution}/statistics")).json()
        assert (found["executionId"], found["state"], found["held"]) == (execution, "paused", 1)
        assert [node["nodeId"] for node in found["nodes"]] == ["only"]
        assert (found["edges"], found["bottleneck"]) == ([], None)


async def test_the_totals_are_those_that_the_console_reads() -> None:
    """Loaded graphs, executions that have not ended, and all messages ever processed."""
    async with open_service() as service:
        ended, _ = await service.start(PASS), await service.start(PASS)
        await service.inject(ended, "only", 1)
        await service.processed(ended, 1)
        await service.client.delete(f"/api/executions/{ended}")
        totals = (await service.client.get("/api/stats")).json()
        assert totals["loadedGraphs"] == 2
        assert totals["activeExecutions"] == 1
        assert set(totals) == {"loadedGraphs", "activeExecutions", "totalMessagesProcessed"}


async def test_the_service_describes_itself() -> None:
    """The platform's fields are there, and every address in them answers."""
    async with open_service() as service:
        said = (await service.client.get("/api/bootstrap/service")).json()
        assert (said["service"], said["status"]) == ("runtime", "available")
        assert said["runtime"] == {"maxConcurrentExecutions": 100, "defaultExecutionTimeout": 300_000}
        assert said["websocketEvents"] == {"client": list(CLIENT_EVENTS), "server": list(SERVER_EVENTS)}
        assert (len(CLIENT_EVENTS), len(SERVER_EVENTS), len(said["authentication"])) == (24, 31, 3)
        places = [*said["docsUrls"].values(), *said["endpoints"].values()]
        for place in places:
            wanted = {405} if place == "/api/routines" else {200, 302}  # routines are posted only
            assert (await service.client.get(place)).status_code in wanted, place


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/api/health"])
async def test_health_answers_to_head(path: str) -> None:
    """Container checks ask with HEAD; the answer is that of GET without its body."""
    async with open_service() as service:
        reply = await service.client.head(path)
        assert (reply.status_code, reply.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "kept"), [("/health", None), ("/api/stats", "no-cache, no-store, must-revalidate")]
)
async def test_nothing_but_health_may_be_cached(path: str, kept: str | None) -> None:
    """Replies forbid to keep them; those of health say nothing, as on the platform."""
    async with open_service() as service:
        assert (await service.client.get(path)).headers.get("Cache-Control") == kept


async def test_log_lines_come_in_pages_and_say_what_is_missing() -> None:
    """``total`` is what was logged; places count from the first line, and stay when others are dropped."""
    logger = single("symbia.core.logger")
    async with open_service() as service:
        execution = await service.start(logger, completion="manual")
        messages = [{"nodeId": "only", "port": "in", "value": number} for number in range(210)]
        await service.client.post(f"/api/executions/{execution}/inject?wait=5000", json={"messages": messages})
        path = f"/api/executions/{execution}/logs"

        async def lines(query: str = "") -> tuple[list[int], dict[str, Any]]:
            page = (await service.client.get(path + query)).json()
            return [int(line["message"]) for line in page.pop("logs")], page

        told = {"executionId": execution, "total": 210, "kept": 200, "dropped": 10}
        assert await lines() == ([*range(10, 210)], told)
        assert await lines("?limit=2") == ([10, 11], told)
        assert await lines("?limit=2&offset=100") == ([100, 101], told)
        assert await lines("?limit=5&offset=8") == ([10, 11, 12], told)
        assert await lines("?limit=5&offset=0") == ([], told)
        assert await lines("?offset=209") == ([209], told)
        await service.client.post(f"/api/executions/{execution}/stop")
        assert (await lines("?limit=1"))[1] == told
        wrong = await service.client.get(f"{path}?limit=0")
        assert (wrong.status_code, wrong.json()["problems"][0]["path"]) == (400, "limit")
