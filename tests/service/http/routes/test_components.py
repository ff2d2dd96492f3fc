"""Components over HTTP: registered, listed, shown, refused."""

from typing import Any

import pytest

from tests.fakes.mcp_clients import CUT_CHARACTERS, shown
from tests.service.serving import SQUARE, open_service

SPECIFIED = {
    "symbia.core.passthrough",
    "symbia.core.logger",
    "symbia.core.delay",
    "symbia.core.filter",
    "symbia.core.map",
    "symbia.core.merge",
    "symbia.core.split",
    "symbia.core.accumulator",
    "symbia.io.http-request",
    "symbia.data.json-transform",
}


async def test_the_specified_components_are_listed() -> None:
    """Every built-in component of the specification is there, with ``detail=full`` its ports in full."""
    async with open_service() as service:
        body = (await service.client.get("/api/components?detail=full")).json()
        listed = {component["id"]: component for component in body["components"]}
        assert set(listed) >= SPECIFIED
        assert body["count"] == len(body["components"])
        split = listed["symbia.core.filter"]
        assert (split["inputs"], split["outputs"][:2]) == (["in"], ["out", "rejected"])
        assert [port["name"] for port in split["ports"]["outputs"]] == split["outputs"]
        assert {"name", "version", "category", "description", "config", "execution"} <= set(split)


async def test_a_list_shows_what_the_platforms_does() -> None:
    """An entry has the platform's fields; words and bounds of its configuration are shown one by one."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SQUARE)
        body = (await service.client.get("/api/components")).json()
        listed = {component["id"]: component for component in body["components"]}
        assert listed["symbia.io.passthrough"] == {
            "id": "symbia.io.passthrough",
            "name": "Pass-through",
            "description": listed["symbia.io.passthrough"]["description"],
            "inputs": ["in"],
            "outputs": ["out"],
            "config": {},
        }
        request = listed["symbia.io.http-request"]
        assert request["config"]["url"] == {"type": "string", "required": True}
        assert request["config"]["timeoutMs"] == {"type": "number", "default": 10000}
        assert request["lanes"] == {"out": {"lane": "apocryphal"}, "error": {"lane": "apocryphal"}}
        assert listed[SQUARE["id"]]["emitsApocryphal"]
        alone = (await service.client.get("/api/components/symbia.io.http-request")).json()
        assert {"description", "minimum", "maximum"} <= set(alone["config"]["timeoutMs"])


async def test_what_the_platform_knows_is_seen_where_replies_are_cut() -> None:
    """The platform's MCP server shows 25,000 characters, and all built-in components but our own are in them."""
    async with open_service() as service:
        reply = (await service.client.get("/api/components")).json()
    text = shown(reply)
    assert '"id": "symbia.routine.stop"' in text
    assert text.index('"id": "symbia.core.each"') < 0.99 * CUT_CHARACTERS  # there is room for a few more


async def test_a_wrong_detail_is_refused() -> None:
    """The refusal says what there is."""
    async with open_service() as service:
        for path in ("/api/components", "/api/executions"):
            reply = await service.client.get(f"{path}?detail=long")
            assert (reply.status_code, reply.json()["problems"][0]["path"]) == (400, "detail")
            assert "short or full" in reply.json()["error"]


async def test_every_output_says_its_lane() -> None:
    """The platform's clients read the lane of each port; of a registered component nothing is believed."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SQUARE)
        components = (await service.client.get("/api/components?detail=full")).json()["components"]
        shown = {component["id"]: (component["lanes"], component["emitsApocryphal"]) for component in components}
        for component in components:
            assert list(component["lanes"]) == component["outputs"]
        lanes, is_apocryphal = shown["symbia.state.rollup"]
        assert (lanes["out"]["lane"], lanes["error"]["lane"]) == ("conditional", "apocryphal")
        assert not is_apocryphal
        assert "missing" in lanes["out"]["note"]
        assert shown["symbia.core.passthrough"][0]["out"] == {"lane": "inherit"}
        assert shown["symbia.io.http-request"][1]
        assert shown[SQUARE["id"]][1]
        assert shown[SQUARE["id"]][0]["out"]["lane"] == "apocryphal"


async def test_a_registered_component_is_shown_with_its_source() -> None:
    """The single reply has the source; the list, which may be long, has not."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SQUARE)
        shown = (await service.client.get(f"/api/components/{SQUARE['id']}")).json()
        assert (shown["inputs"], shown["outputs"]) == (["in"], ["out"])
        assert shown["execution"]["source"] == SQUARE["execution"]["source"]
        listed = (await service.client.get("/api/components?detail=full")).json()["components"]
        assert all("source" not in component["execution"] for component in listed)


async def test_a_component_is_registered_once() -> None:
    """A second component with the same id, and one with a built-in id, are conflicts."""
    async with open_service() as service:
        assert (await service.client.post("/api/components", json=SQUARE)).status_code == 201
        for definition in (SQUARE, {**SQUARE, "id": "symbia.core.map"}):
            reply = await service.client.post("/api/components", json=definition)
            assert (reply.status_code, reply.json()["code"]) == (409, "component.exists")


@pytest.mark.parametrize(
    "definition",
    [
        {},
        [],
        "text",
        {**SQUARE, "id": "no good id"},
        {**SQUARE, "ports": 7},
        {**SQUARE, "execution": {"type": "cobol", "source": ""}},
        {**SQUARE, "execution": {"type": "javascript", "source": "return {"}},
    ],
)
async def test_a_wrong_component_is_refused_and_not_kept(definition: Any) -> None:
    """Status 400 with problems that have a place and words, and the registry is as it was."""
    async with open_service() as service:
        before = (await service.client.get("/api/components")).json()["count"]
        reply = await service.client.post("/api/components", json=definition)
        assert (reply.status_code, reply.json()["code"]) == (400, "component.invalid")
        assert all(problem["message"] and problem["code"] for problem in reply.json()["problems"])
        assert (await service.client.get("/api/components")).json()["count"] == before


async def test_what_is_shown_can_be_sent_back_and_is_the_same_component() -> None:
    execution = {**SQUARE["execution"], "limits": {"cpuMs": 7}}
    written = {**SQUARE, "execution": execution, "stateless": True, "validate": True}
    async with open_service() as service:
        await service.client.post("/api/components", json=written)
        path = f"/api/components/{SQUARE['id']}"
        shown = (await service.client.get(path)).json()
        assert (shown["stateless"], shown["validate"], shown["execution"]["limits"]) == (True, True, {"cpuMs": 7})
        again = await service.client.put(path, json=shown)
        assert again.json()["versionNumber"] == 1, again.text
