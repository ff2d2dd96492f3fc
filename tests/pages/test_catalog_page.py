"""docs/catalog.md names what exists: settings, waits, bounds and counts."""

import re
from pathlib import Path

from engine.limits import EngineLimits
from service.catalog import client, hydration, listing, resource
from service.catalog import code_cache as code
from service.catalog import component_routes as plain_components
from service.catalog import component_source as shelf
from service.outbound import sibling_client
from service.settings.table import TABLE
from service.siblings import backoff
from tests.fakes.catalog import serving_catalog
from tests.service.catalog.test_service import beside, until

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")


def test_the_page_names_the_settings() -> None:
    """Each variable of the catalog but for its other name, and none that does not exist."""
    variables = {name for row in TABLE if row.path[0] == "catalog" for name in row.variables} - {
        "CATALOG_ENDPOINT"
    }
    assert set(re.findall(r"\b(?:CATALOG|RUNTIME)(?:_[A-Z]+)+\b", PAGE)) == variables


def test_the_waits_are_those_of_the_program() -> None:
    """Numbers of seconds on the page are the constants of the code."""
    assert f"from about a second to {backoff.LONGEST_SECONDS:g} s" in PAGE
    assert backoff.FIRST_SECONDS == 1
    assert f"at most {backoff.ASKED_LIMIT_SECONDS:g} s count" in PAGE
    assert f"{shelf.LOOK_UP_SECONDS:g} s for all their components" in PAGE
    assert backoff.ABSENT_SECONDS == 1.5
    assert code.LISTED_SECONDS == 5
    assert (hydration.RETRY_SECONDS, hydration.LONGEST_RETRY_SECONDS) == (10, 600)


def test_the_bounds_are_those_of_the_program() -> None:
    """Each bound of the table, and its number."""
    bounds = {
        "ANSWER_BYTES": client.ANSWER_BYTES,
        "REFUSAL_BYTES": client.REFUSAL_BYTES,
        "CONNECTIONS": sibling_client.CONNECTIONS,
        "PAGE": listing.PAGE,
        "MAX_PAGES": listing.MAX_PAGES,
        "VALUES": listing.VALUES,
        "KEY_CHARACTERS": resource.KEY_CHARACTERS,
        "LISTED_IN_A_MINUTE": code.LISTED_IN_A_MINUTE,
        "KEPT_BYTES": code.KEPT_BYTES,
        "ASKED_IN_A_MINUTE": plain_components.ASKED_IN_A_MINUTE,
        "found_components": EngineLimits().found_components,
    }
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE)
    assert {name: int(number.replace(",", "")) for name, number in rows} == bounds
    assert f"`HEAD_BYTES` ({listing.HEAD_BYTES:,})" in PAGE


async def test_the_counts_are_those_that_are_told() -> None:
    """No count is missing on the page, and none is made up."""
    async with serving_catalog() as catalog, beside(catalog) as service:

        async def counts() -> set[str]:
            (report,) = (await service.client.get("/api/stats")).json()["siblings"]
            return set(report.get("counts", ()))

        await until(counts)
        assert await counts() == set(re.findall(r"`((?:manifests|graphs)[A-Z]\w+)`", PAGE))
