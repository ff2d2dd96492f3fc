"""Lists in both shapes, in pages, unchanged, half readable; and never without end."""

import pytest

from service.catalog.errors import CatalogUnavailableError
from service.catalog.listing import MAX_PAGES, PAGE, read_listing
from tests.fakes.catalog import FakeCatalog
from tests.service.catalog.test_client import client_of


@pytest.mark.parametrize("is_wrapped", [True, False])
@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
async def test_all_resources_are_read_once(*, is_wrapped: bool, pages: bool, count: int) -> None:
    """Whatever the shape, and also where exactly as many come as were asked for, reading ends with all of them."""
    catalog = FakeCatalog()
    catalog.is_wrapped, catalog.pages = is_wrapped, pages
    for number in range(count):
        catalog.add_component(f"custom.c{number}")
    catalog.add_graph("graphs/other", {})
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        listing = await read_listing(client, "component")
    assert (len(listing.resources), listing.unreadable) == (count, 0)
    assert len(catalog.requests) <= count // PAGE + 1


async def test_a_list_that_never_ends_is_left() -> None:
    """A catalog that has ever new full pages is read to a bound, and what is missing is not known to be gone."""

    class Endless(FakeCatalog):
        async def answer(self, *arguments: object) -> tuple[int, dict[str, str], bytes]:
            self._made += PAGE
            items = [f'{{"id": "r{self._made + n}", "key": "k"}}' for n in range(PAGE)]
            self.requests.append(("GET", str(arguments[1]), {}))
            return 200, {}, f"[{','.join(items)}]".encode()

    catalog = Endless()
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        listing = await read_listing(client, "component")
    assert (len(catalog.requests), listing.unreadable, listing.etag) == (MAX_PAGES, 1, "")


async def test_a_list_that_has_not_changed_is_not_read_again() -> None:
    """The catalog is asked whether it still holds, and what is known stays; a change is seen."""
    catalog = FakeCatalog()
    resource = catalog.add_component("custom.a")
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        first = await read_listing(client, "component")
        assert await read_listing(client, "component", known=first) is first
        catalog.change(resource, status="deprecated")
        second = await read_listing(client, "component", known=first)
        assert [item.status for item in second.resources.values()] == ["deprecated"]
        catalog.etags = False
        third = await read_listing(client, "component", known=second)
        assert (third.resources, third.etag) == (second.resources, "")


async def test_entries_that_are_no_resources_are_counted() -> None:
    """The readable ones are taken; a list with nothing readable in it makes no sense at all."""
    catalog = FakeCatalog()
    catalog.add_component("custom.a")
    catalog.resources["x"] = {"id": 7, "type": "component", "status": "published", "key": "x"}
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        listing = await read_listing(client, "component")
        assert (len(listing.resources), listing.unreadable) == (1, 1)
        del catalog.resources["resource-1"]
        with pytest.raises(CatalogUnavailableError, match="makes no sense"):
            await read_listing(client, "component")
