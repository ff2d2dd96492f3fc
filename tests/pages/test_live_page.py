"""docs/live.md says what the program does."""

import re
import sys
from pathlib import Path

import msgspec
import pytest

from proto import events
from service.asgi import websocket_stream
from service.live import hub, limits
from service.live.selection import LIFECYCLE, ON_REQUEST, USUAL, Subscribe
from service.websockets import inlet, meter, turns
from tests.service.live.live_runtime import SessionClient, open_live_runtime
from tests.service.live.real_clients import SPECIFIED
from tests.service.live.test_real_clients import lines_of, program, run_quick_reference
from tests.service.serving import QUICK_REFERENCE, open_service

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """One section of the page."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[str]:
    """The names in the first column of tables."""
    return re.findall(r"^\| `([a-zA-Z:]+)` \|", text, re.MULTILINE)


def test_the_page_shows_the_snippet_of_the_specification() -> None:
    """It stands there as it stands there."""
    assert f"```javascript{SPECIFIED}```" in PAGE


async def test_the_page_lists_the_commands_that_are_obeyed() -> None:
    """Each has its row, and each row its command."""
    async with open_live_runtime() as live:
        client: SessionClient = live.open_client()
        assert rows(section("What a client sends")) == list(client.session._commands)


def test_the_page_lists_the_events_that_are_told() -> None:
    """Each has its row with its fields, and each row its event."""
    told = rows(section("What a client hears"))
    shapes = {shape.name: shape for shape in events.Event.__args__}
    assert set(told) == set(events.SERVER_EVENTS)
    on_request = rows(section("What a client hears").split("These come only")[1])
    assert set(on_request) == ON_REQUEST
    assert set(told) >= LIFECYCLE | USUAL
    for name, fields in re.findall(
        r"^\| `([a-z:]+)` \| `\{([^}]*)\}`", section("What a client hears"), re.MULTILINE
    ):
        if name in shapes:
            known = {field.encode_name for field in msgspec.structs.fields(shapes[name])}
            assert set(re.findall(r"\w+", fields)) <= known, name


def test_the_page_lists_the_fields_of_a_selection() -> None:
    """Each has its row, and each row its field."""
    fields = [field.encode_name for field in msgspec.structs.fields(Subscribe)]
    assert ["executionId", *rows(section("Selections"))] == fields


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("executions that one client watches", limits.SUBSCRIPTIONS),
        ("distinct selections of one execution", limits.SELECTIONS),
        ("nodes, edges or events in a selection", limits.NAMES),
        ("`maxPerSecond`", limits.MAX_PER_SECOND),
        ("events of one execution that wait for encoding", limits.NOTES),
        ("events kept for the slowest reader of a selection", limits.FEED_EVENTS),
        ("bytes of those, as they were sent, too", limits.FEED_BYTES),
        ("bytes of those, of all executions", limits.ALL_FEEDS_BYTES),
        ("lifecycle events kept for the slowest reader", limits.FEED_LIFECYCLE_EVENTS),
        ("nodes and edges whose figures are read in a second", limits.MEASURED_PER_SECOND),
        ("answers that wait for one client", limits.PERSONAL_EVENTS),
        ("bytes of those answers", limits.PERSONAL_BYTES),
        ("characters of an execution's or a graph's id", limits.ID_CHARACTERS),
        ("one message of a client that nobody has recognised yet", websocket_stream.UNADMITTED_BYTES),
        ("clients of either way that have not said yet who they are", limits.UNADMITTED_CLIENTS),
        ("memory of a connected client, charged to its organisation", limits.CONNECTION_BYTES),
        ("messages of one client that wait for the service", inlet.WAITING_MESSAGES),
        ("bytes of those", inlet.WAITING_BYTES),
        ("frames of one client that carry little, at once", meter.LITTLE_AT_ONCE),
        ("frames of one client that carry little, in a second", meter.LITTLE_PER_SECOND),
        ("clients that are read or obeyed in one round of the event loop", turns.TURNS_PER_ROUND),
    ],
)
def test_the_limits_are_those_of_the_program(what: str, limit: int) -> None:
    """Numbers on the page are the constants of the code."""
    assert f"| {what} | {limit:,} |" in PAGE


def test_the_times_are_those_of_the_program() -> None:
    """Likewise seconds."""
    assert f"| {limits.AUTHENTICATE_SECONDS:g} s |" in PAGE
    assert f"| {limits.FLUSH_SECONDS * 1000:g} ms |" in PAGE
    assert f"| time to answer a Close frame | {websocket_stream.CLOSING_SECONDS:g} s |" in PAGE
    assert f"after {meter.SLOWED_SECONDS:g} s closed" in PAGE
    assert f"less than {meter.LITTLE_BYTES:,} bytes carry little" in PAGE
    assert limits.UNANSWERED_SECONDS == 60, "connections stay for another minute"
    assert hub.TRIM_SECONDS <= 1


async def test_the_client_of_the_page_works() -> None:
    """The Python client, as it stands on the page, prints the hops of the Quick Reference and its end."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(code.split("\n\n\n")[1].splitlines()) <= 20
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        address = f"{service.url.replace('http', 'ws')}/ws"
        async with program(sys.executable, "-c", code, address, execution_id) as process:
            await run_quick_reference(service, execution_id)
            printed = await lines_of(process, 3)
    assert printed == ["input → double 21", "double → output 42", "execution:completed"]
