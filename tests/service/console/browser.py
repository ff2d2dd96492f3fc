"""A real browser on a real service, for the console's stories; skipped where there is none, or no driver."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.serving import Process, start_process

AXE = Path(__file__).resolve().parents[2] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("CONSOLE_SHOTS", "")
"""A folder for what the stories looked like; nowhere where it is unset."""


def chromium() -> str:
    """Where a browser is; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("There is no Chromium")


@contextmanager
def open_browser() -> Iterator[Any]:
    """A browser that takes pages; skips the test where there is none, or no driver."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make clients")
    executable = chromium()
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Console:
    """The console of a service in a page of a browser.

    Attributes:
        page: of the driver.
        faults: what the page complained of; a story ends without any.
        expect: of the driver: waits for what is to be seen.
    """

    def __init__(self, process: Process, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        self.expect: Any = pytest.importorskip("playwright.sync_api").expect
        self._root = f"{process.url}/console/"
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)

    def _note(self, said: Any) -> None:
        """Take note of a complaint; a browser has one for each answer 404, also for what is not noted yet."""
        if said.type == "error" and not said.location.get("url", "").endswith("/lineage"):
            self.faults.append(f"{said.text} {said.location.get('url', '')}")

    def go(self, place: str = "") -> None:
        """Go to a view."""
        self.page.goto(f"{self._root}#/{place}")

    def press(self, name: str) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def add(self, component: str) -> None:
        """Add a component from the palette."""
        self.page.locator(f'button[data-component="{component}"]').click()

    def node(self, node_id: str) -> Any:
        """A node on the canvas."""
        return self.page.locator(f'.svelte-flow__node[data-id="{node_id}"]')

    def handle(self, node_id: str, port: str, side: str) -> Any:
        """A port of a node; ``side`` is ``source`` or ``target``."""
        return self.node(node_id).locator(f'.svelte-flow__handle.{side}[data-handleid="{port}"]')

    def wire(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        """Draw an edge with the mouse."""
        begin, end = self.handle(*source, "source"), self.handle(*target, "target")
        self.page.wait_for_timeout(400)  # the canvas has come to rest: no event says so
        (x, y), (to_x, to_y) = _middle(begin), _middle(end)
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=4)
        mouse.move(to_x, to_y, steps=4)
        mouse.up()

    def axe(self) -> list[str]:
        """What axe finds that is serious or worse; the test goes on without it where it is not installed."""
        if not AXE.exists():
            return []
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in {"serious", "critical"}
        ]

    def shoot(self, name: str) -> None:
        """Keep a picture, where somebody wants it."""
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/{name}.png")


def _middle(locator: Any) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@contextmanager
def open_console(browser: Any, process: Process, **options: Any) -> Iterator[Console]:
    """A page of its own, with storage of its own; it must end without a fault."""
    context = browser.new_context(viewport={"width": 1440, "height": 860}, **options)
    try:
        console = Console(process, context.new_page())
        yield console
        assert console.faults == []
    finally:
        context.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Process]:
    """One service for the stories of a file."""
    with start_process() as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for the stories of a file."""
    with open_browser() as opened:
        yield opened
