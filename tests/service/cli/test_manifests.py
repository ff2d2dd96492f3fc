"""``symbia-runtime manifests``: what would be written of manifests, beside a catalog on a real port."""

from functools import partial

import trio

from engine.runtime import open_runtime
from service.catalog.manifests import wanted_component
from tests.fakes.catalog import FakeCatalog, serving_catalog
from tests.service.serving import run_command


async def _said(url: str) -> tuple[int, list[str], str]:
    """Status, lines and complaint of the command beside a catalog."""
    environment = {"CATALOG_SERVICE_URL": url} if url else {}
    result = await trio.to_thread.run_sync(partial(run_command, "manifests", "--all", environment=environment))
    return result.returncode, result.stdout.decode().splitlines(), result.stderr.decode()


async def test_what_would_be_written_is_said_and_nothing_is_written() -> None:
    """A line for each manifest: made, changed with each place, left because it is signed, or the same."""
    catalog = FakeCatalog()
    async with open_runtime() as runtime:
        wanted = {item.id: wanted_component(item, "1.3.0").body for item in runtime.library.components()}
    same, old, signed = (wanted[f"symbia.io.{name}"] for name in ("collect", "delay", "log"))
    catalog.add(same["key"], "component", same["metadata"])
    older = {"manifest": {**old["metadata"]["manifest"], "version": "1.2.0"}}
    catalog.add(old["key"], "component", older, accessPolicy={"visibility": "org"})
    lower = {**signed["metadata"]["manifest"], "version": "1.2.0"}
    catalog.add(signed["key"], "component", {"manifest": lower, "manifestSignature": {"signature": "x"}})
    async with serving_catalog(catalog):
        status, lines, _ = await _said(catalog.url)
    assert status == 0
    assert "same   components/symbia.io.collect" in lines
    place = lines.index("change components/symbia.io.delay")
    assert lines[place + 1 : place + 3] == [
        "       version: '1.2.0' -> '1.3.0'",
        "       accessPolicy.visibility: 'org' -> 'public'",
    ]
    assert "leave  components/symbia.io.log: it differs, and its author has signed it" in lines
    assert sum(line.startswith("create components/") for line in lines) == len(wanted) - 3
    assert {method for method, _, _ in catalog.requests} == {"GET"}


async def test_a_catalog_that_cannot_be_read_is_said() -> None:
    """Status 1 and the reason; 2 where none is set."""
    async with serving_catalog() as catalog:
        catalog.behaviour = "status 401"
        status, lines, complaint = await _said(catalog.url)
    assert (status, lines) == (1, [])
    assert complaint.startswith("Error: the catalog cannot be read: it does not accept the service token")
    assert await _said("") == (2, [], "Error: CATALOG_SERVICE_URL is not set, so there is no catalog\n")
