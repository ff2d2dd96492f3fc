"""The overview's stories: what runs and how, examples, and the palette of commands."""

import time
from typing import Any

import httpx

from tests.service.console.browser import browser, open_console, service
from tests.service.serving import Process, single

__all__ = ["browser", "service"]


def test_an_example_with_a_component_runs_within_a_minute(browser: Any, service: Process) -> None:
    """From the first visit to a result, by pressing what is seen."""
    with open_console(browser, service) as console:
        page = console.page
        began = time.monotonic()
        console.go()
        page.get_by_role("button", name="Squares").click()
        page.wait_for_url("**/#/graph/**")
        console.press("▶ Start")
        page.wait_for_url("**/#/execution/**")
        console.node("square").click()
        page.get_by_label("Value (JSON)").fill("12")
        console.press("Send")
        console.node("output").click()
        page.locator("aside pre", has_text="144").first.wait_for()
        assert time.monotonic() - began < 60


def test_what_runs_is_seen_at_a_glance(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        ticking = single("symbia.source.timer", config={"intervalMs": 100})
        graph = client.post("/api/graphs", json={**ticking, "name": "Ticking"}).json()["id"]
        body = {"completion": "manual"}
        execution = client.post(f"/api/graphs/{graph}/execute", json=body).json()["executionId"]
        client.put(f"/api/executions/{execution}/recording", json={"level": "inputs"})
        page = console.page
        console.go()
        row = page.get_by_role("row", name="Ticking").filter(has=page.locator("svg"))
        row.locator("polyline[points*=' ']").wait_for(state="attached")
        page.get_by_text("Health: ok").wait_for()
        page.get_by_role("heading", name="Recordings").wait_for()
        assert console.axe() == []
        console.shoot("home")


def test_commands_are_found_and_run_by_the_keyboard(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go()
        page.get_by_role("heading", name="Running now").wait_for()
        page.keyboard.press("Control+k")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("new comp")
        page.get_by_role("option", name="New component", selected=True).wait_for()
        assert console.axe() == []
        page.keyboard.press("Enter")
        page.wait_for_url("**/#/component/new")
        console.go("graph/new")
        console.add("symbia.core.logger")
        page.keyboard.press("Control+k")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("undo")
        page.get_by_role("option", name="Undo", selected=True).wait_for()
        page.keyboard.press("Enter")
        console.node("logger").wait_for(state="detached")
        page.keyboard.press("Control+k")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("no such thing")
        page.get_by_text("Nothing found.").last.wait_for()
        console.shoot("commands")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
