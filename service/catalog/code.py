"""The code of a component that stands in the catalog: in its resource, or in a file that was uploaded to it."""

from collections import OrderedDict

import trio

from proto.codec import MalformedJsonError, decode
from service.catalog.client import CatalogClient, segment
from service.catalog.definitions import artifact_of, execution_of, execution_of_artifact
from service.catalog.errors import CatalogRefusedError
from service.catalog.resource import Resource

KEPT = 200
"""Files that are kept; the one that was unused longest goes first. Each is at most an answer long."""


class CodeError(Exception):
    """A resource has no code that could run; the message says why."""


class CodeRoom:
    """Fetches code, and keeps what it fetched for as long as its resource is what it was."""

    def __init__(self, client: CatalogClient) -> None:
        self._client = client
        self._fetching = trio.Lock()  # graphs that want the same at the same time fetch it once
        self._kept: OrderedDict[tuple[str, str], dict[str, object] | CodeError] = OrderedDict()

    async def execution(self, resource: Resource) -> dict[str, object]:
        """The executable part of a component.

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
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        if isinstance(kept, CodeError):
            raise kept
        return kept

    async def _fetched(self, resource: Resource) -> dict[str, object] | CodeError:
        try:
            listed = await self._client.get(f"/api/resources/{segment(resource.id)}/artifacts")
            artifact = artifact_of(decode(listed.body))
            if artifact is None:
                return CodeError("it has a manifest there, and no code that this runtime can run")
            file = await self._client.get(f"/api/artifacts/{segment(artifact.id)}/download")
            return execution_of_artifact(artifact, file.body)
        except CatalogRefusedError as error:
            return CodeError(f"its code cannot be had: {error}")
        except MalformedJsonError:
            return CodeError("the list of its files is no JSON")
        except UnicodeDecodeError:
            return CodeError("its code is no text in UTF-8")
