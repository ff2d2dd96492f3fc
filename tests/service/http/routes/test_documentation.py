"""The documentation that the service serves: a page, two texts, and the names that lead to them."""

import re

import pytest

from proto.events import CLIENT_EVENTS, SERVER_EVENTS
from service.http.openapi.llms_txt import operations_of
from service.http.routes.documentation import ALIASES
from service.ingress.flow_trace import SUMMARY_CHARACTERS, summary_of
from tests.service.serving import ROOT, open_service

PAGES = ["/docs", "/docs/llms.txt", "/docs/llms-full.txt"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_operation_is_on_every_page(path: str) -> None:
    """No route can be added without appearing in the documentation, with its path and its summary."""
    async with open_service() as service:
        document = (await service.client.get("/docs/openapi.json")).json()
        text = (await service.client.get(path)).text
        for method, full_path, described in operations_of(document):
            assert full_path in text
            assert method in text
            assert described["operationId"] in text


async def test_the_page_fetches_nothing() -> None:
    """No style, script, font or picture comes from elsewhere, and the browser is told to fetch none."""
    async with open_service() as service:
        reply = await service.client.get("/docs")
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert re.findall(r'(?:src|href)="(?!#|/docs|data:)[^"]*"', reply.text) == []
        assert "@import" not in reply.text
        assert "url(" not in reply.text


async def test_links_of_the_page_lead_somewhere() -> None:
    """Every anchor that is linked to exists, once."""
    async with open_service() as service:
        text = (await service.client.get("/docs")).text
    anchors = re.findall(r' id="([^"]+)"', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(anchors)


async def test_the_full_text_has_every_schema() -> None:
    """A reader without the OpenAPI document finds every field of it."""
    async with open_service() as service:
        document = (await service.client.get("/docs/openapi.json")).json()
        text = (await service.client.get("/docs/llms-full.txt")).text
    for name, schema in document["components"]["schemas"].items():
        assert f"### {name}\n" in text
        assert all(f"- `{field}` (" in text for field in schema.get("properties", {}))


@pytest.mark.parametrize("path", ["/docs/llms.txt", "/docs/llms-full.txt"])
async def test_the_texts_tell_of_live_events(path: str) -> None:
    """Whoever reads nothing else learns where to connect, and the name of every event of the specification."""
    async with open_service() as service:
        text = (await service.client.get(path)).text
    assert "`/ws`" in text
    assert all(f"`{name}`" in text for name in (*CLIENT_EVENTS, *SERVER_EVENTS))
    told = set(re.findall(r"`([a-z]+:[a-z]+)`", (ROOT / "docs" / "live.md").read_text(encoding="utf-8")))
    assert len(told) > 20
    assert {name for name in (*told, "authenticate") if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("alias", ALIASES)
async def test_other_names_lead_to_the_same(alias: str) -> None:
    """Wherever clients of the platform look, 302 leads them to what exists, and nobody keeps that."""
    async with open_service() as service:
        reply = await service.client.get(alias)
        assert (reply.status_code, reply.headers["Location"]) == (302, ALIASES[alias])
        assert "no-store" in reply.headers["Cache-Control"]
        assert (await service.client.get(ALIASES[alias])).status_code == 200


@pytest.mark.parametrize("value", [b"1", b'"' + "é".encode() * 400 + b'"', b"x" * 119, b"x" * 121])
def test_a_summary_is_the_beginning(value: bytes) -> None:
    """A long value is cut at a character, and short ones are whole."""
    summary = summary_of(value)
    text = value.decode()
    if len(text) <= SUMMARY_CHARACTERS:
        assert summary == text
    else:
        assert summary == text[:SUMMARY_CHARACTERS] + "…"
