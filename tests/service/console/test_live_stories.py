"""Stories of somebody who watches an execution: looking in, holding, changing, following, going back in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.service.console.browser import Console, browser, open_console, service
from tests.service.serving import Process

__all__ = ["browser", "service"]


def doubling(expression: str = "value * 2") -> dict[str, Any]:
    """Two nodes, of which the second doubles."""
    return {
        "symbia": "1.0",
        "name": "Doubling",
        "nodes": [
            {"id": "first", "component": "symbia.core.passthrough"},
            {
                "id": "double",
                "component": "symbia.core.map",
                "config": {"expression": expression},
                "onError": "continue",
            },
        ],
        "edges": [{"source": {"node": "first", "port": "out"}, "target": {"node": "double", "port": "in"}}],
    }


class Watched:
    """An execution, and the page that shows it."""

    def __init__(self, console: Console, client: httpx.Client, execution: str, graph: str) -> None:
        self.console = console
        self.page = console.page
        self.client = client
        self.execution = execution
        self.graph = graph

    def inject(self, *values: Any, node: str = "first") -> None:
        """Send messages."""
        messages = [{"nodeId": node, "port": "in", "value": value} for value in values]
        path = f"/api/executions/{self.execution}/inject?wait=2000"
        assert self.client.post(path, json={"messages": messages}).status_code == 200

    def outputs(self) -> list[Any]:
        """The values that have left."""
        answer = self.client.get(f"/api/executions/{self.execution}/outputs").json()
        return [each["value"] for each in answer["outputs"]]

    def see(self, place: str = "") -> None:
        """Look at it."""
        self.console.go(f"execution/{self.execution}{place}")
        self.console.node("double").wait_for()


@contextmanager
def watching(
    browser: Any, service: Process, document: dict[str, Any] | None = None, **options: Any
) -> Iterator[Watched]:
    """An execution that is watched."""
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        console.page.set_default_timeout(8_000)
        graph = client.post("/api/graphs", json=document or doubling()).json()["id"]
        started = client.post(f"/api/graphs/{graph}/execute", json={"completion": "manual", **options}).json()
        yield Watched(console, client, started["executionId"], graph)
        client.post(f"/api/executions/{started['executionId']}/stop")


def test_a_node_shows_what_passes_and_what_failed_which_is_sent_again(browser: Any, service: Process) -> None:
    with watching(browser, service, doubling("value.a.b * 2")) as watched:
        page = watched.page
        watched.see("?at=node:double")
        page.get_by_role("heading", name="Went in").wait_for()
        page.wait_for_timeout(700)  # nothing says that the subscription stands
        watched.inject({"a": {"b": 21}}, {"no": 9007199254740993})
        column = page.locator(".columns section")
        column.nth(0).get_by_text("9007199254740993").wait_for()
        column.nth(1).get_by_text("42").wait_for()
        page.get_by_role("heading", name="How long calls take").wait_for()
        failed = page.locator("li", has=page.get_by_role("button", name="Send it again"))
        failed.get_by_text("9007199254740993").wait_for()
        watched.console.shoot("node")
        assert watched.console.axe() == []
        failed.get_by_role("button").click()
        page.get_by_text("Sent.").wait_for()
        page.locator("li", has=page.get_by_role("button", name="Send it again")).nth(1).wait_for()


def test_a_breakpoint_with_a_condition_holds_and_its_value_is_edited(browser: Any, service: Process) -> None:
    with watching(browser, service) as watched:
        page = watched.page
        watched.see("?at=edge:0")
        page.get_by_role("button", name="Set a breakpoint").click()
        page.get_by_label("Only where (JavaScript)").fill("value > 100")
        page.locator("form").get_by_role("button", name="Set a breakpoint").click()
        page.get_by_text("value > 100").wait_for()
        messages = [{"nodeId": "first", "port": "in", "value": value} for value in (1, 2100, 3)]
        watched.client.post(f"/api/executions/{watched.execution}/inject", json={"messages": messages})
        page.locator(".hit", has_text="Held at double").wait_for()
        held = page.get_by_role("group", name="held")
        held.wait_for()
        watched.console.shoot("breakpoint")
        assert watched.console.axe() == []
        held.get_by_role("button", name="Edit").click()
        held.get_by_role("textbox").fill("210")
        held.get_by_role("button", name="Save").click()
        held.get_by_text("edited").wait_for()
        held.get_by_role("button", name="Step over").click()
        held.get_by_text("1 wait to leave").wait_for()
        held.get_by_role("button", name="Continue").click()
        held.wait_for(state="detached")
        page.get_by_role("button", name="Delete").click()
        page.get_by_text("No breakpoints are set.").wait_for()
        assert watched.outputs() == [2, 420, 6]


def test_a_node_is_changed_by_plan_while_it_runs_and_taken_back(browser: Any, service: Process) -> None:
    with watching(browser, service) as watched:
        page = watched.page
        watched.see("?at=node:double&pane=reload")
        page.locator("form select").first.select_option("config")
        page.get_by_role("textbox", name="Configuration").fill('{"expression": "value * 3"}')
        page.get_by_role("button", name="Show the plan").click()
        plan = page.get_by_role("region", name="Plan")
        plan.get_by_text("is changed").wait_for()
        watched.console.shoot("reload")
        assert watched.console.axe() == []
        page.locator("form").get_by_role("button", name="Reload", exact=True).click()
        page.get_by_text("✓ done").wait_for()
        watched.inject(7)
        page.get_by_role("button", name="Take it back").click()
        page.get_by_text("✓ done").nth(1).wait_for()
        watched.inject(7)
        assert watched.outputs() == [21, 14]


def test_a_message_is_followed_and_the_recording_gone_through(browser: Any, service: Process) -> None:
    with watching(browser, service, recording="full") as watched:
        page = watched.page
        watched.see()
        watched.inject(21)
        history = watched.client.get(f"/api/executions/{watched.execution}/history").json()["records"]
        (sequence,) = [each["sequence"] for each in history if each["kind"] == "emitted" and each.get("edge") == 0]
        watched.console.go(f"execution/{watched.execution}?follow={sequence}")
        page.locator(".node.lit").nth(1).wait_for()
        watched.console.shoot("followed")
        page.get_by_role("link", name="◷ Time").click()
        page.wait_for_url("**/#/recording/**")
        slider = page.get_by_role("slider", name="Time")
        page.get_by_text(f"{len(history)} / {len(history)}").wait_for()
        place = next(index for index, each in enumerate(history) if each["sequence"] == sequence) + 1
        slider.focus()
        for _ in range(len(history) - place):
            page.keyboard.press("ArrowLeft")
        page.locator(".svelte-flow__edge-label", has_text="21").wait_for()
        watched.console.shoot("time")
        assert watched.console.axe() == []
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("The same:").wait_for()


def test_messages_come_from_a_file_and_logs_and_plots_are_seen(browser: Any, service: Process) -> None:
    document = doubling()
    document["nodes"].append({"id": "log", "component": "symbia.core.logger"})
    document["edges"].append(
        {"source": {"node": "double", "port": "out"}, "target": {"node": "log", "port": "in"}}
    )
    with watching(browser, service, document) as watched:
        page = watched.page
        watched.see("?at=node:first")
        watched.console.go(f"execution/{watched.execution}?at=node:first&follow=1")
        page.get_by_text("Only what is recorded can be followed.").wait_for()
        page.get_by_role("region", name="Follow this message").get_by_role("button", name="Record").click()
        page.get_by_role("link", name="◷ Time").wait_for()
        page.get_by_role("button", name="Close").click()
        lines = b"1\n2\n9007199254740993\n"
        page.locator('input[type="file"]').set_input_files(
            {"name": "numbers.ndjson", "mimeType": "application/x-ndjson", "buffer": lines}
        )
        page.get_by_text("3 messages of numbers.ndjson were sent.").wait_for()
        page.get_by_label("Value (JSON)").fill("[4]")
        page.get_by_role("button", name="Keep").click()
        page.get_by_label("Value (JSON)").fill("5")
        page.get_by_role("button", name="[4]", exact=True).click()
        watched.console.expect(page.get_by_label("Value (JSON)")).to_have_value("[4]")
        page.get_by_role("button", name="Log", exact=True).click()
        page.locator(".line").first.wait_for()
        page.get_by_role("searchbox", name="Search").fill("nothing like it")
        page.get_by_text("Nothing found.").wait_for()
        page.get_by_role("searchbox", name="Search").fill("")
        watched.console.shoot("logs")
        assert watched.console.axe() == []
        page.get_by_role("button", name="Plots").click()
        page.locator("canvas").first.wait_for()
        page.wait_for_timeout(2500)  # a sample a second
        watched.console.shoot("plots")
        assert watched.console.axe() == []
