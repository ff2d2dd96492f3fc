"""The code of a component that stands in the catalog: in its resource, or in a file that was uploaded to it."""

from collections import OrderedDict

import trio

from engine.cooperative.digests import to_base64
from proto.codec import MalformedJsonError, decode
from service.catalog.client import CatalogClient, segment
from service.catalog.definitions import artifact_of, execution_of, execution_of_artifact
from service.catalog.errors import CatalogRefusedError
from service.catalog.resource import Resource

KEPT = 500
"""Files that are kept, or known to be of no use; the one that was unused longest goes first."""

KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of all of them together."""


class CodeError(Exception):
    """A resource has no code that could run; the message says why."""


class CodeCache:
    """A cache that fetches code, and keeps it for as long as its resource is what it was.

    Args:
        client: goes to the catalog.
        kept_bytes: how much is kept.
    """

    def __init__(self, client: CatalogClient, kept_bytes: int = KEPT_BYTES) -> None:
        self._client = client
        self._kept_bytes = kept_bytes
        self._fetching = trio.Lock()  # graphs that want the same at the same time fetch it once
        self._kept: OrderedDict[tuple[str, str], dict[str, object] | CodeError] = OrderedDict()

    async def execution(self, resource: Resource) -> dict[str, object]:
        """Return the executable part of a component.

        Raises:
            CodeError: there is none.
            CatalogUnavailableError: nobody can say.
        """
        stated = execution_of(resource)
        if stated is not None:
            return stated
        key = (resource.id, resource.revision)
        async with self._fetching:
            kept = self._kept.get(key)
            if kept is None:
                kept = await self._fetched(resource)
                self._kept[key] = kept
                self._make_room()
            else:
                self._kept.move_to_end(key)
        if isinstance(kept, CodeError):
            raise kept
        return kept

    def _make_room(self) -> None:
        sizes = {key: _size_bytes(kept) for key, kept in self._kept.items()}
        while len(self._kept) > KEPT or sum(sizes.values()) > self._kept_bytes:
            key, _ = self._kept.popitem(last=False)
            del sizes[key]

    async def _fetched(self, resource: Resource) -> dict[str, object] | CodeError:
        try:
            listed = await self._client.get(f"/api/resources/{segment(resource.id)}/artifacts")
            artifact = artifact_of(decode(listed.body))
            if artifact is None:
                return CodeError("it has a manifest there, and no code that this runtime can run")
            file = await self._client.get(f"/api/artifacts/{segment(artifact.id)}/download")
            is_text = artifact.language != "wasm"
            text = file.body.decode() if is_text else await to_base64(file.body)
            return execution_of_artifact(artifact, text)
        except CatalogRefusedError as error:
            return CodeError(f"its code cannot be had: {error}")
        except MalformedJsonError:
            return CodeError("the list of its files is no JSON")
        except UnicodeDecodeError:
            return CodeError("its code is no text in UTF-8")


def _size_bytes(kept: dict[str, object] | CodeError) -> int:
    return 0 if isinstance(kept, CodeError) else sum(len(str(part)) for part in kept.values())
