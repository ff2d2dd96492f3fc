"""An app comes to the catalog beside a runtime, as the platform registers apps; over simulated time."""

from typing import Any

import httpx
import pytest
import trio

from tests.fakes.catalog import FakeCatalog
from tests.fakes.catalog_rules import WINDOW_SECONDS
from tests.service.catalog.test_reconciliation import beside
from tests.service.catalog.test_taking_the_seat import AT_ONCE_SECONDS, MARGIN, first_run

pytestmark = pytest.mark.usefixtures("autojump_clock")


def app(*components: str, version: str = "^1.2.0") -> dict[str, Any]:
    """An app's resource; it requires what the platform's own example requires, and these components."""
    manifest = {
        "symbia": "app/1.0",
        "key": "apps/margin",
        "version": "1.0.0",
        "requires": {
            "platform": ">=1.1.0",
            "components": [f"{each}@{version}" for each in components],
            "services": ["runtime", "logging", "catalog", "identity"],
        },
        "provides": {"graphs": ["margin"], "components": [], "ingresses": ["margin"]},
    }
    return {
        "key": "apps/margin",
        "name": "Margin",
        "type": "app",
        "status": "published",
        "metadata": {"manifest": manifest},
    }


async def registered(catalog: FakeCatalog, resource: dict[str, Any]) -> tuple[int, list[str]]:
    """Register an app with the token of the services; the status, and what is missing."""
    headers = {"X-Service-Auth": catalog.token}
    async with httpx.AsyncClient(transport=catalog.transport, base_url=catalog.url, headers=headers) as client:
        reply = await client.post("/api/resources", json=resource)
    return reply.status_code, [each["requirement"] for each in reply.json().get("unmet", [])]


async def test_an_app_is_taken_as_soon_as_its_graph_runs() -> None:
    """What the graph is made of is published first, in a version that apps of the platform ask for."""
    catalog = FakeCatalog()
    wanted = app("symbia.logic.filter")
    assert await registered(catalog, wanted) == (409, ["symbia.logic.filter@^1.2.0"])
    catalog.add_graph("graphs/margin", MARGIN)
    async with beside(catalog, manifest_enforcement="strict") as (runtime, _):
        await first_run(runtime)
        await trio.sleep(AT_ONCE_SECONDS)
        assert await registered(catalog, wanted) == (201, [])


async def test_an_app_may_require_whatever_is_offered() -> None:
    """Once all manifests are published, nothing that the runtime offers is missed in the version it has."""
    catalog = FakeCatalog()
    async with beside(catalog) as (runtime, _):
        await trio.sleep(4 * WINDOW_SECONDS)
        offered = [item.id for item in runtime.library.components()]
        assert await registered(catalog, app(*offered, version="^2.0.0")) == (
            409,
            [f"{each}@^2.0.0" for each in offered],
        )
        assert await registered(catalog, app(*offered)) == (201, [])
