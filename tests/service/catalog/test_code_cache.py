"""Code that is a file of its resource: fetched once, kept within bounds, and refused where it is none."""

from typing import Any

import pytest
import trio
import trio.testing

from service.catalog.code_cache import LISTED_IN_A_MINUTE, LISTED_SECONDS, CodeCache, CodeError
from service.catalog.errors import CatalogUnavailableError
from service.catalog.resource import Resource, read_resource
from tests.fakes.catalog import FakeCatalog
from tests.service.catalog.test_client import client_of

SOURCE = "return { process() {} }"


def _component(catalog: FakeCatalog, name: str, content: bytes = SOURCE.encode(), **fields: Any) -> Resource:
    item = catalog.add_component(name)
    catalog.add_artifact(item, "executor.js", content, **fields)
    resource = read_resource(item)
    assert resource is not None
    return resource


def _downloads(catalog: FakeCatalog) -> int:
    return sum(path.endswith("/download") for _, path, _ in catalog.requests)


async def test_files_are_kept_within_bounds() -> None:
    """The one that was unused longest is fetched again; one that is larger than all room is not kept."""
    catalog = FakeCatalog()
    small = [_component(catalog, f"custom.{name}") for name in "abc"]
    large = _component(catalog, "custom.large", b"// " + b"x" * 1_000)
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client, kept_bytes=80)
        for index, downloads in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
            assert (await room.execution(small[index]))["source"] == SOURCE
            assert _downloads(catalog) == downloads
        for downloads in (5, 6):
            await room.execution(large)
            assert _downloads(catalog) == downloads


async def test_a_new_revision_is_fetched_and_simultaneous_wishes_are_one() -> None:
    """Ten who want the same at once cost one download; another revision costs another."""
    catalog = FakeCatalog()
    resource = _component(catalog, "custom.a")
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client)
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(room.execution, resource)
        assert _downloads(catalog) == 1
        catalog.change(catalog.resources[resource.id])
        changed = read_resource(catalog.resources[resource.id])
        assert changed is not None
        await room.execution(changed)
        assert _downloads(catalog) == 2


async def test_what_is_no_code_is_told_and_not_asked_for_again() -> None:
    """No file, a file that is no text, and a file that is gone."""
    catalog = FakeCatalog()
    none = read_resource(catalog.add_component("custom.none"))
    binary = _component(catalog, "custom.binary", b"\xff\xfe\x00")
    gone = _component(catalog, "custom.gone")
    del catalog.contents[catalog.artifacts[gone.id][0]["id"]]
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client)
        for resource, words in ((none, "no code"), (binary, "UTF-8"), (gone, "status 404")):
            assert resource is not None
            for _ in range(2):
                asked = len(catalog.requests)
                with pytest.raises(CodeError, match=words):
                    await room.execution(resource)
            assert len(catalog.requests) == asked


async def test_an_outage_is_not_remembered_as_an_answer() -> None:
    """Code that could not be asked for is asked for when the catalog is back."""
    catalog = FakeCatalog()
    resource = _component(catalog, "custom.a")
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client)
        catalog.behaviour = "status 503"
        with pytest.raises(CatalogUnavailableError):
            await room.execution(resource)
        catalog.behaviour = "well"
        await trio.sleep(client.quiet_seconds())
        assert (await room.execution(resource))["source"] == SOURCE


async def test_a_file_that_comes_later_is_seen_though_its_resource_does_not_change(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """After a miss, and in the place of another file; one that stays is not fetched again."""
    del autojump_clock
    catalog = FakeCatalog()
    item = catalog.add_component("custom.late")
    resource = read_resource(item)
    assert resource is not None
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client)
        with pytest.raises(CodeError, match="no code"):
            await room.execution(resource)
        for source in (SOURCE, SOURCE + " // better"):
            catalog.artifacts.pop(resource.id, None)
            catalog.add_artifact(item, "executor.js", source.encode())
            await trio.sleep(LISTED_SECONDS)
            for _ in range(3):
                assert (await room.execution(resource))["source"] == source
                await trio.sleep(LISTED_SECONDS)
        assert _downloads(catalog) == 2
        catalog.behaviour = "hangs up"
        assert (await room.execution(resource))["source"] == source


async def test_lists_of_files_are_read_again_only_so_often(autojump_clock: trio.testing.MockClock) -> None:
    """All services have sixty reads in a minute together."""
    del autojump_clock
    catalog = FakeCatalog()
    resources = [_component(catalog, f"custom.{number}") for number in range(LISTED_IN_A_MINUTE + 5)]
    async with client_of(catalog, transport=catalog.transport) as (client, _):
        room = CodeCache(client)
        for _ in range(3):
            asked = len(catalog.requests)
            for resource in resources:
                await room.execution(resource)
            await trio.sleep(LISTED_SECONDS)
        assert len(catalog.requests) == asked
