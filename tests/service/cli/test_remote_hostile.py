"""Commands against a service that is none, or that means harm: they end in a sentence, and show nothing raw."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import click
import msgspec
import pytest

from service.cli.remote import client as client_module
from service.cli.remote.address import ServiceAddress
from service.cli.remote.client import ServiceClient, ServiceError, open_service_client
from service.cli.remote.lookup import find_graph, list_executions
from service.cli.remote.outputs import Output, show_outputs
from service.cli.remote.tables import age_of, show_json
from tests.engine.builtin.http_server import answer, endless, serving

RED = "\x1b[31m\x9b2J"


def graph(**fields: Any) -> dict[str, Any]:
    """A graph in a list, as the service has it."""
    return {"id": "12345678", "name": "a", "version": "1.0.0", "loadedAt": "2026-01-01T00:00:00Z", **fields}


async def refusal(
    question: Callable[[ServiceClient], Awaitable[Any]], *replies: Any, status: str = "200 OK"
) -> str:
    """The sentence in which a command ends that gets these replies."""
    served = [
        answer(json.dumps(reply).encode(), status=status, content_type="application/json") for reply in replies
    ]
    async with serving(*served) as server, open_service_client(ServiceAddress(server.url)) as client:
        with pytest.raises(ServiceError) as error:
            await question(client)
    assert "\x1b" not in error.value.message
    assert "\x9b" not in error.value.message
    return error.value.message


async def test_names_with_control_characters_are_shown_as_text() -> None:
    """A terminal would obey them: in candidates, in what cannot be read, in refusals."""
    listed = {"total": 2, "graphs": [graph(name=f"a{RED}"), graph(id="87654321", name=f"a{RED}x")]}
    assert "a\\x1b[31m" in await refusal(lambda client: find_graph(client, "a\x1b"), listed)
    execution = {"id": "1", "graphId": "2", "state": RED}
    assert "\\x1b" in await refusal(list_executions, {"total": 1, "executions": [execution]})
    assert "\\x1b" in await refusal(list_executions, {"error": RED, "problems": []}, status="400 Bad Request")


async def test_lists_and_replies_without_an_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would fill the memory."""
    page = {"total": 10**9, "graphs": [graph()] * 3}
    monkeypatch.setattr(client_module, "MOST_ENTRIES", 5)
    assert "lists more than 5 graphs" in await refusal(lambda client: find_graph(client, "a"), page, page)
    monkeypatch.setattr(client_module, "MOST_REPLY_BYTES", 100)
    async with serving(endless) as server, open_service_client(ServiceAddress(server.url)) as client:
        with pytest.raises(ServiceError, match="more than 100 bytes"):
            await client.get("/")


async def test_a_redirect_is_not_followed() -> None:
    """The token would go wherever it leads."""
    said = await refusal(lambda client: client.get("/"), {}, status="302 Found\r\nlocation: http://127.0.0.1:1/")
    assert "status 302" in said


@pytest.mark.parametrize("moment", ["soon", "2026-01-01T00:00:00", "2026-99-01"])
def test_a_time_that_is_none_has_no_age(moment: str) -> None:
    """A table is shown all the same."""
    assert age_of(moment) == "?"


def test_json_is_shown_without_what_a_terminal_obeys(capfd: pytest.CaptureFixture[str]) -> None:
    """It is the same value for a program."""
    value = f"\x7f{RED}\u202e\u2066é"
    show_json([json.dumps(value, ensure_ascii=False).encode()])
    show_outputs([Output(1, "n", "out", msgspec.Raw(json.dumps(value, ensure_ascii=False).encode()))])
    first, second = capfd.readouterr().out.splitlines()
    assert (json.loads(first), json.loads(second)["value"]) == (value, value)
    assert not {"\x7f", "\x9b", "\x1b", "\u202e", "\u2066"} & {*first, *second}


def test_a_reply_that_is_no_json_ends_in_a_sentence() -> None:
    """Some commands show replies without looking into them."""
    with pytest.raises(click.ClickException, match="is no JSON"):
        show_json([b"<html>"])
