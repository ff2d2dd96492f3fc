"""The editor's stories: wires that tell, groups, copies, finding, previews, versions and what runs."""

from typing import Any

import httpx

from tests.service.console.browser import browser, open_console, service
from tests.service.serving import Process

__all__ = ["browser", "service"]


def graph(*nodes: dict[str, Any], edges: tuple[tuple[str, str], ...] = (), **more: Any) -> dict[str, Any]:
    wired = [{"source": {"node": a, "port": "out"}, "target": {"node": b, "port": "in"}} for a, b in edges]
    return {"symbia": "1.0", "name": "Edited", "version": "1.0.0", "nodes": list(nodes), "edges": wired, **more}


def node(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "component": "symbia.core.passthrough", **more}


LINE = graph(node("a"), node("b"), node("c"), edges=(("a", "b"), ("b", "c")))


def test_nodes_become_a_graph_inside_and_nodes_again(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        made = client.post("/api/graphs", json=LINE).json()["id"]
        page = console.page
        console.go(f"graph/{made}?at=node:b")
        page.get_by_role("button", name="Group", exact=True).click()
        console.node("group").wait_for()
        assert console.node("b").count() == 0
        console.press("Look inside")
        console.node("b").wait_for()
        page.get_by_role("navigation", name="Inside").get_by_text("group").wait_for()
        assert page.url.endswith("?in=group")
        console.add("symbia.core.logger")
        console.node("logger").wait_for()
        page.locator("aside .bad", has_text="Node group/logger has no edges").wait_for()
        console.shoot("inside")
        assert console.axe() == []
        console.press("Edited")
        console.press("Save")
        page.get_by_text("Saved as version 2.").wait_for()
        inner = client.get(f"/api/graphs/{made}").json()["nodes"][1]["graph"]
        assert [each["id"] for each in inner["nodes"]] == ["b", "logger"]
        console.node("group").click()
        console.press("Take apart")
        console.node("b").wait_for()
        assert page.locator(".svelte-flow__edge").count() == 2


def test_a_wire_says_why_it_does_not_fit(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        made = client.post("/api/graphs", json=LINE).json()["id"]
        console.go(f"graph/{made}")
        console.node("c").wait_for()
        page = console.page
        console.page.wait_for_timeout(500)  # the canvas has come to rest: no event says so
        begin, end = (console.handle("c", "out", "source"), console.handle("a", "in", "target"))
        begin.hover()
        page.mouse.down()
        end.hover()
        page.get_by_text("That would close a circle").wait_for()
        console.shoot("misfit")
        page.mouse.up()
        assert page.locator(".svelte-flow__edge").count() == 2


def test_nodes_are_copied_pasted_and_found(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client:
        made = client.post("/api/graphs", json=LINE).json()["id"]
    with open_console(browser, service, permissions=["clipboard-read", "clipboard-write"]) as console:
        page = console.page
        console.go(f"graph/{made}?at=node:b")
        console.node("b").wait_for()
        page.keyboard.press("Control+c")
        page.get_by_text("Copied: 1").wait_for()
        page.keyboard.press("Control+v")
        console.node("passthrough").wait_for()
        page.keyboard.press("Control+z")
        console.node("passthrough").wait_for(state="detached")
        page.keyboard.press("Control+f")
        page.keyboard.type("c")
        page.keyboard.press("Enter")
        page.wait_for_url("**at=node%3A*")


def test_an_expression_is_tried_on_a_sample(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        console.add("symbia.core.map")
        page.get_by_label("expression").fill("value * 2")
        page.get_by_text("Try this node").click()
        page.get_by_label("Sample value (JSON)").fill("21")
        page.locator("aside pre", has_text="42").wait_for()
        console.shoot("preview")
        assert console.axe() == []


def test_versions_are_compared_on_the_canvas(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        made = client.post("/api/graphs", json=LINE).json()["id"]
        after = graph(node("a", onError="continue"), node("b"), node("d"), edges=(("a", "b"), ("b", "d")))
        assert client.put(f"/api/graphs/{made}", json=after).status_code == 200
        console.go(f"graph/{made}?vs=1")
        differences = console.page.get_by_role("region", name="Differences")
        for text in ("removed c", "added d", "changed a onError", "added b:out→d:in", "removed b:out→c:in"):
            differences.get_by_text(text).wait_for()
        console.node("c").wait_for()
        assert console.axe() == []
        console.shoot("compare")


def test_a_change_is_taken_into_what_runs(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        document = graph({"id": "m", "component": "symbia.core.map", "config": {"expression": "value"}})
        made = client.post("/api/graphs", json=document).json()["id"]
        started = client.post(f"/api/graphs/{made}/execute", json={"completion": "manual"}).json()["executionId"]
        page = console.page
        console.go(f"graph/{made}?at=node:m")
        page.get_by_label("expression").fill("value * 3")
        page.get_by_text("No problems.").wait_for()
        page.locator(".svelte-flow__pane").click(position={"x": 5, "y": 5})
        console.press("Show the plan")
        page.get_by_role("status").get_by_text("changed").first.wait_for()
        console.shoot("plan")
        page.locator("aside").get_by_role("button", name="Reload", exact=True).click()
        page.get_by_text("State of the reload: done").wait_for()
        sent = {"nodeId": "m", "port": "in", "value": 5}
        reply = client.post(f"/api/executions/{started}/inject?wait=5000", json=sent).json()
        assert reply["outputs"]["m:out"]["value"] == 15
