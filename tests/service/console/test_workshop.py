"""The workshop's stories: a component written, tried, tested, registered and taken into what runs."""

from typing import Any

import httpx

from tests.service.console.browser import browser, open_console, service
from tests.service.serving import Process

__all__ = ["browser", "service"]

COUNTER = """\
export default {
  process(ctx, port, value) {
    const sum = (ctx.getState('sum') ?? 0) + value;
    ctx.setState('sum', sum);
    ctx.log('info', 'sum is ' + sum);
    ctx.emit('out', sum);
  },
};
"""


def write(page: Any, text: str) -> None:
    """Put a text in the place of the program."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_a_component_is_written_tried_tested_and_registered(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("component/new")
        page.get_by_label("Id", exact=True).fill("custom.counter")
        page.get_by_label("Display name").fill("Counter")
        write(page, COUNTER.replace("sum + ", "").replace("(ctx.getState", "(ctx..getState"))
        page.get_by_role("status").get_by_text("line 3").wait_for()
        page.locator(".cm-lint-marker-error").wait_for()
        console.shoot("workshop-mistake")
        write(page, COUNTER)
        page.get_by_label("Value (JSON)").fill("20")
        console.press("+ One more message")
        page.get_by_label("Value (JSON)").nth(1).fill("22")
        page.locator("li pre", has_text="42").wait_for()
        page.get_by_text("sum is 42").wait_for()
        page.locator("pre", has_text='"sum": 42').wait_for()
        console.shoot("workshop")
        assert console.axe() == []
        page.get_by_role("tab", name="Test cases").click()
        console.press("+ Add a case")
        page.get_by_label("Send").fill('[{"in": 1}, {"in": 2}]')
        page.get_by_label("Expect").fill('{"out": [1, 4]}')
        page.get_by_text("port out: expected [1,4], got [1,3]").wait_for()
        console.shoot("workshop-cases")
        page.get_by_label("Expect").fill('{"out": [1, 3]}')
        page.get_by_role("tab", name="Test cases (1/1)").wait_for()
        assert console.axe() == []
        console.press("Register")
        page.wait_for_url("**/#/component/custom.counter")
        page.get_by_role("tab", name="Test cases (1/1)").wait_for()


def test_ctx_and_its_ports_are_completed(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("component/new")
        write(page, "export default { process(ctx, port, value) {\n  ")
        page.keyboard.type("ctx.emi")
        page.locator(".cm-tooltip-autocomplete li", has_text="emitBatch").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.type("t('o")
        page.locator(".cm-tooltip-autocomplete li", has_text="output port").first.wait_for()


def test_a_version_is_registered_and_tried_in_what_runs(browser: Any, service: Process) -> None:
    component = {
        "id": "custom.priced",
        "name": "Priced",
        "version": "1.0.0",
        "ports": {"inputs": [{"name": "in"}], "outputs": [{"name": "out"}]},
        "execution": {
            "type": "typescript",
            "source": "({ process: (ctx, port, value: number) => ctx.emit('out', value) })",
            "limits": {"cpuMs": 50},
        },
    }
    node = {"id": "price", "component": "custom.priced"}
    graph = {"symbia": "1.0", "name": "Prices", "version": "1.0.0", "nodes": [node], "edges": []}
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        assert client.post("/api/components", json=component).status_code == 201
        loaded = client.post("/api/graphs", json=graph).json()["id"]
        execution = client.post(f"/api/graphs/{loaded}/execute", json={"completion": "manual"}).json()[
            "executionId"
        ]
        page = console.page
        console.go("component/custom.priced")
        write(page, "({ process: (ctx, port, value: number) => ctx.emit('out', value * 2) })")
        console.press("Register as a version")
        page.get_by_text("Registered as version 2.").wait_for()
        shown = client.get("/api/components/custom.priced").json()
        assert (shown["version"], shown["execution"]["limits"]) == ("1.0.1", {"cpuMs": 50})
        page.get_by_role("tab", name="Canary").click()
        console.press("Show the plan")
        page.get_by_text("price: 1.0.0 → 1.0.1").wait_for()
        page.get_by_label("Messages that decide").fill("1")
        console.shoot("workshop-canary")
        page.locator("li").get_by_role("button", name="Canary", exact=True).click()
        page.get_by_text("price: 1.0.0 → 1.0.1").wait_for()
        sent = {"nodeId": "price", "port": "in", "value": 4}
        for _ in range(2):
            client.post(f"/api/executions/{execution}/inject?wait=2000", json=sent)
        outputs = client.get(f"/api/executions/{execution}/outputs").json()["outputs"]
        assert outputs[-1]["value"] == 8
