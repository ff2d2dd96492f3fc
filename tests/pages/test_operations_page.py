"""docs/operations.md says what the program does."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from service import server
from service.asgi import half_close as delivery
from service.asgi import hypercorn_server as guarded_connections
from service.asgi import open_files as descriptors
from service.asgi import serving
from service.http import message_stream
from service.memory import request_memory, transit
from service.metrics_page import Metrics
from service.problems import SlowRequestError
from service.readiness import Readiness
from service.siblings.status import Siblings
from service.watchdog import watchdog

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(symbia_\w+)` \| (\w+) \|(.*?)\| (.*) \|$", PAGE, re.MULTILINE)
USUAL = re.compile(r"(process|python)_\w+")


async def _scrape() -> str:
    async with open_runtime(limits=EngineLimits()) as runtime:
        siblings = Siblings()
        siblings.add("catalog").succeeded()
        siblings.add("network").count(things=1)
        metrics = Metrics(runtime, Readiness(siblings))
        metrics.http.count("GET", "/x", 200, 0.1)
        return (await metrics.page()).decode()


async def test_the_table_of_metrics_is_what_is_scraped() -> None:
    """Each metric has its row with its type and its labels, and each row its metric."""
    served = set()
    for family in text_string_to_metric_families(await _scrape()):
        if USUAL.fullmatch(family.name):
            continue
        total = "_total" if family.type == "counter" else ""
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        served.add((f"{family.name}{total}", family.type, frozenset(labels)))
    told = {(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in ROWS}
    assert told == served


async def test_every_metric_that_the_page_speaks_of_exists() -> None:
    """The runbook names no metric that cannot be scraped."""
    page = await _scrape()
    for name in set(re.findall(r"(?:symbia|process)_\w+", PAGE)):
        if not name.endswith("_"):
            assert f"# HELP {name} " in page, name


def test_the_bounds_are_those_of_the_program() -> None:
    """Numbers of seconds and files on the page are the constants of the code."""
    assert f"| {serving.KEEP_ALIVE_SECONDS} s; 16 KB and" in PAGE
    assert f"{message_stream.IDLE_SECONDS:g} s of silence" in PAGE
    assert server.UNREAD_SECONDS == guarded_connections.WRITE_SECONDS
    assert f"| {server.UNREAD_SECONDS} s for what is written at once, and 1 s more for each 64 KB;" in PAGE
    assert guarded_connections.WRITE_BYTES_PER_SECOND == 64 * 1024
    assert f"or {message_stream.LINE_SECONDS:g} s for one line of more than 64 KB" in PAGE
    assert f"at most {descriptors.ENOUGH:,} |" in PAGE
    assert f"{request_memory.REQUEST_BYTES // 1024} KB for each request added" in PAGE
    assert f"larger than {request_memory.REPLY_BYTES // 1024} KB" in PAGE
    assert transit.TRANSIT_SHARE == 0.5
    assert f"at most {delivery.PATIENCE_SECONDS:g} s more" in PAGE
    assert f"`DRAIN_SECONDS` and {4 * server.CLOSING_SECONDS:g} s more" in PAGE
    assert f"`DRAIN_SECONDS` + {4 * server.CLOSING_SECONDS + watchdog.MARGIN_SECONDS:g} s after the first" in PAGE
    assert f"or {server.CLOSING_SECONDS + watchdog.MARGIN_SECONDS:g} s after a second one" in PAGE
    assert f"ends it within {server.CLOSING_SECONDS:g} s" in PAGE


def test_every_event_of_the_log_table_is_logged_somewhere() -> None:
    """The table names no event that no code writes."""
    section = PAGE.split("\n## Logs\n")[1].split("\n## ")[0]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
    events = re.findall(r"`([a-z ]+)`", "".join(re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)))
    assert len(events) >= 11
    for event in events:
        if event != "event":
            assert f'("{event}"' in code, event


def test_the_503_has_the_code_that_the_page_names() -> None:
    """Programs can rely on the code."""
    assert f"`{SlowRequestError.code}`" in PAGE
