"""The console's stories, each as somebody lives it, in a real browser against a real service."""

from typing import Any

import httpx
import pytest

from tests.service.console.browser import browser, open_console, service
from tests.service.serving import Process, single, start_process

__all__ = ["browser", "service"]


def test_first_minute(browser: Any, service: Process) -> None:
    """From nothing to a message that went through, without reading anything."""
    with open_console(browser, service) as console:
        page = console.page
        console.go()
        page.get_by_role("button", name="Square A number").click()
        page.wait_for_url("**/#/graph/**")
        console.shoot("first-graph")
        console.press("▶ Start")
        page.wait_for_url("**/#/execution/**")
        console.node("square").click()
        page.get_by_label("Value (JSON)").fill("12")
        console.press("Send")
        page.locator("aside pre", has_text="144").wait_for()
        assert console.axe() == []
        console.shoot("first-result")


def test_a_graph_is_built_by_mouse_and_run(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        for component in ("symbia.core.filter", "symbia.core.map", "symbia.core.logger"):
            console.add(component)
        console.wire(("filter", "out"), ("map", "in"))
        console.wire(("map", "out"), ("logger", "in"))
        console.node("filter").click()
        page.get_by_label("predicate").fill("value > 1")
        console.node("map").click()
        page.get_by_label("expression").fill("value * 2")
        page.get_by_text("No problems.").wait_for()
        assert console.axe() == []
        console.shoot("editor")
        console.press("▶ Start")
        page.wait_for_url("**/#/execution/**")
        console.node("filter").click()
        page.get_by_label("Value (JSON)").fill("21")
        console.press("Send")
        console.node("logger").click()
        page.locator("aside pre", has_text="42").wait_for()


def test_a_graph_is_built_by_keyboard_alone(browser: Any, service: Process) -> None:
    """Adding, wiring, undoing and saving need no mouse."""
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        page.get_by_role("searchbox", name="Search").focus()
        page.keyboard.type("symbia.core.pass")
        page.locator('button[data-component="symbia.core.passthrough"]').focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        console.node("passthrough-2").wait_for()
        page.get_by_label("Connect to", exact=True).select_option("passthrough:in")
        page.get_by_role("button", name="Connect", exact=True).focus()
        page.keyboard.press("Enter")
        wiring = page.locator("aside li .mono", has_text="passthrough-2:out → passthrough:in")
        wiring.wait_for()
        page.locator("main").focus()
        page.keyboard.press("Control+z")
        wiring.wait_for(state="detached")
        page.keyboard.press("Control+Shift+z")
        wiring.wait_for()
        page.keyboard.press("Control+s")
        page.wait_for_url("**/#/graph/*-*")


def test_enter_chooses_what_has_the_focus(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        console.go("graph/new")
        console.add("symbia.core.logger")
        console.page.locator(".svelte-flow__pane").click(position={"x": 5, "y": 5})
        console.page.get_by_text("Choose a node or an edge").wait_for()
        console.node("logger").focus()
        console.page.keyboard.press("Enter")
        console.page.get_by_role("heading", name="logger").wait_for()


def test_nobody_leaves_what_is_not_saved_without_being_asked(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        answers = ["dismiss", "accept"]
        page.on("dialog", lambda dialog: getattr(dialog, answers.pop(0))())
        console.go("graph/new")
        console.add("symbia.core.logger")
        page.get_by_role("link", name="Components").click()
        console.node("logger").wait_for()
        page.get_by_role("link", name="Components").click()
        page.get_by_role("heading", name="Components").wait_for()
        assert answers == []


def test_a_circle_cannot_be_drawn(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        console.add("symbia.core.passthrough")
        console.add("symbia.core.passthrough")
        console.wire(("passthrough", "out"), ("passthrough-2", "in"))
        page.locator(".svelte-flow__edge").wait_for(state="attached")
        console.wire(("passthrough-2", "out"), ("passthrough", "in"))
        console.node("passthrough-2").click()
        page.get_by_label("Connect to", exact=True).select_option("passthrough:in")
        page.locator("aside").get_by_text("That would close a circle").wait_for()
        assert page.locator(".svelte-flow__edge").count() == 1


def test_a_mistake_is_shown_at_its_field_and_goes_when_it_is_mended(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        console.add("symbia.core.map")
        page.get_by_label("expression").fill("value +")
        page.locator(".field .bad", has_text="SyntaxError").wait_for()
        console.shoot("mistake")
        page.get_by_label("expression").fill("value + 1")
        page.locator(".field .bad").wait_for(state="detached")
        page.get_by_text("No problems.").wait_for()


TYPED = """\
symbia: "1.0"
name: Written
nodes:
  - id: typed
    component: symbia.core.map
edges: []
"""


def test_source_and_canvas_are_the_same_graph(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        page = console.page
        console.go("graph/new")
        console.add("symbia.core.logger")
        console.press("Source")
        editor = page.locator(".cm-content")
        editor.get_by_text("symbia.core.logger").wait_for()
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(
            'symbia: "1.0"\nname: Written\nnodes:\n  - id: typed\n    component: symbia.core.map\nedges: []\n'
        )
        console.node("typed").wait_for()
        assert console.node("logger").count() == 0
        page.keyboard.insert_text("  broken: [")
        page.get_by_text("The source cannot be read").wait_for()
        assert console.node("typed").count() == 1


def test_two_people_do_not_overwrite_each_other(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        graph = client.post("/api/graphs", json=single("symbia.core.logger")).json()["id"]
        console.go(f"graph/{graph}")
        console.page.get_by_label("Name of the graph").fill("Mine")
        client.put(f"/api/graphs/{graph}", json={**single("symbia.core.logger"), "name": "Theirs"})
        console.press("Save")
        console.page.get_by_text("Somebody else has saved this graph").wait_for()
        assert client.get(f"/api/graphs/{graph}").json()["name"] == "Theirs"
        console.press("Load theirs")
        name = console.page.get_by_label("Name of the graph")
        console.expect(name).to_have_value("Theirs")
        console.press("↶ Undo")
        console.expect(name).to_have_value("Mine")
        console.faults.clear()  # the browser itself tells of the 412


HELD = {
    "symbia": "1.0",
    "name": "Held",
    "nodes": [
        {"id": "first", "component": "symbia.core.passthrough"},
        {"id": "second", "component": "symbia.core.passthrough"},
    ],
    "edges": [{"source": {"node": "first", "port": "out"}, "target": {"node": "second", "port": "in"}}],
}


def test_an_edge_is_held_a_value_edited_and_let_go(browser: Any, service: Process) -> None:
    with httpx.Client(base_url=service.url) as client, open_console(browser, service) as console:
        graph = client.post("/api/graphs", json=HELD).json()["id"]
        execution = client.post(f"/api/graphs/{graph}/execute", json={"completion": "manual"}).json()[
            "executionId"
        ]
        page = console.page
        console.go(f"execution/{execution}?at=edge:0")
        console.press("Hold")
        page.get_by_role("button", name="Let go").wait_for()
        values = ("one", 9007199254740993)
        messages = [{"nodeId": "first", "port": "in", "value": value} for value in values]
        client.post(f"/api/executions/{execution}/inject", json={"messages": messages})
        page.locator("aside li pre", has_text="9007199254740993").wait_for()
        console.press("Edit")
        page.locator("aside li textarea").fill('"uno"')
        console.press("Save")
        page.locator("aside li pre", has_text="uno").wait_for()
        console.shoot("held")
        assert console.axe() == []
        page.locator("aside li").nth(1).get_by_role("button", name="Edit").click()
        console.press("Save")  # as it is: a long number keeps its digits
        console.press("One step")
        page.locator("aside li pre", has_text="uno").wait_for(state="detached")
        console.press("Let go")
        page.get_by_text("No message waits here.").wait_for()
        outputs = client.get(f"/api/executions/{execution}/outputs").json()["outputs"]
        assert [each["value"] for each in outputs] == ["uno", 9007199254740993]


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def hostile(service: Process) -> tuple[str, str]:
    """A graph whose every text is markup, and an execution of it."""
    document = {
        **single("symbia.core.logger", config={"message": HOSTILE}),
        "name": HOSTILE,
        "description": HOSTILE,
    }
    document["nodes"][0]["name"] = HOSTILE
    with httpx.Client(base_url=service.url) as client:
        graph = client.post("/api/graphs", json=document)
        assert graph.status_code == 201, graph.text
        execution = client.post(f"/api/graphs/{graph.json()['id']}/execute", json={"completion": "manual"}).json()
        message = {"nodeId": "only", "port": "in", "value": {HOSTILE: HOSTILE}}
        assert client.post(f"/api/executions/{execution['executionId']}/inject", json=message).status_code == 200
        return graph.json()["id"], execution["executionId"]


def test_markup_in_names_values_and_logs_is_text(browser: Any, service: Process, hostile: tuple[str, str]) -> None:
    graph, execution = hostile
    with open_console(browser, service) as console:
        page = console.page
        page.on("dialog", lambda dialog: console.faults.append(f"a dialog: {dialog.message}"))
        for place in ("", f"graph/{graph}", f"execution/{execution}"):
            console.go(place)
            page.get_by_text("onerror=alert").first.wait_for()
        page.locator("aside .line", has_text="onerror").first.wait_for()
        assert page.locator("main img").count() == 0


def test_what_is_gone_is_said_to_be_gone(browser: Any, service: Process) -> None:
    with open_console(browser, service) as console:
        console.go("execution/no-such-execution")
        console.page.get_by_text("It is not there any more.").wait_for()
        console.faults.clear()  # the browser itself tells of a 404


def test_german_and_dark_are_kept(browser: Any, service: Process) -> None:
    with open_console(browser, service, color_scheme="dark") as console:
        page = console.page
        console.go()
        page.get_by_label("Language").select_option("de")
        page.get_by_role("heading", name="Läuft gerade").wait_for()
        page.reload()
        page.get_by_role("heading", name="Läuft gerade").wait_for()
        assert page.evaluate("document.documentElement.lang") == "de"
        assert console.axe() == []
        console.shoot("dark")


def test_a_service_that_goes_is_told_of(browser: Any) -> None:
    """A page that was open says so, and what it has shown stays."""
    with start_process() as process, open_console(browser, process) as console:
        console.go()
        console.page.get_by_role("heading", name="Running now").wait_for()
        process.end()
        console.page.get_by_text("This could not be loaded").first.wait_for()
        assert console.page.get_by_role("heading", name="Running now").is_visible()
        console.faults.clear()  # the browser itself tells of each request that found nobody
