"""The code of a component that stands in the catalog: in its resource, or in a file that was uploaded to it."""

from collections import OrderedDict

import msgspec
import trio

from engine.cooperative.digests import to_base64
from proto.codec import MalformedJsonError, decode
from service.catalog.client import CatalogClient, segment
from service.catalog.definitions import Artifact, artifact_of, execution_of, execution_of_artifact
from service.catalog.errors import CatalogRefusedError, CatalogUnavailableError
from service.catalog.rate_limit import RateLimit
from service.catalog.resource import Resource

KEPT = 500
"""Files that are kept, or known to be of no use; the one that was unused longest goes first."""

KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of all of them together."""

LISTED_SECONDS = 5.0
"""The time for which a list of files counts; a file that was uploaded after a miss is seen in the next round."""

LISTED_IN_A_MINUTE = 20
"""Lists of files that are read again in a minute, of the requests that all services of the platform have."""


class CodeError(Exception):
    """A resource has no code that could run; the message says why."""


class _Kept(msgspec.Struct, frozen=True):
    """Something that is known of a resource's files.

    Attributes:
        revision: of the resource.
        listed_at: when the list of its files was read.
        artifact: the file that holds the code; None where none does.
        code: what came of it.
    """

    revision: str
    listed_at: float
    artifact: Artifact | None
    code: dict[str, object] | CodeError


class CodeCache:
    """A cache that fetches code, and keeps it for as long as its file is what it was.

    A file that is added to a resource, or takes the place of another, does not change the resource. So the list of
    its files is looked at again whenever a graph wants the code, and the file is fetched when it is another one.

    Args:
        client: goes to the catalog.
        kept_bytes: how much is kept.
    """

    def __init__(self, client: CatalogClient, kept_bytes: int = KEPT_BYTES) -> None:
        self._client = client
        self._kept_bytes = kept_bytes
        self._allowance = RateLimit(LISTED_IN_A_MINUTE, 60.0)
        self._fetching = trio.Lock()  # graphs that want the same at the same time fetch it once
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def execution(self, resource: Resource) -> dict[str, object]:
        """Return the executable part of a component.

        Raises:
            CodeError: there is none.
            CatalogUnavailableError: nobody can say.
        """
        stated = execution_of(resource)
        if stated is not None:
            return stated
        async with self._fetching:
            kept = self._kept.get(resource.id)
            if kept is None or kept.revision != resource.revision:
                kept = await self._fetched(resource, None)
            elif self._is_due(kept):
                kept = await self._looked_at_again(resource, kept)
            self._kept[resource.id] = kept
            self._kept.move_to_end(resource.id)
            self._make_room()
        if isinstance(kept.code, CodeError):
            raise kept.code
        return kept.code

    def _is_due(self, kept: _Kept) -> bool:
        return trio.current_time() - kept.listed_at >= LISTED_SECONDS and self._allowance.take()

    def _make_room(self) -> None:
        sizes = {key: _size_bytes(kept.code) for key, kept in self._kept.items()}
        while len(self._kept) > KEPT or sum(sizes.values()) > self._kept_bytes:
            key, _ = self._kept.popitem(last=False)
            del sizes[key]

    async def _looked_at_again(self, resource: Resource, kept: _Kept) -> _Kept:
        try:
            return await self._fetched(resource, kept)
        except CatalogUnavailableError:
            if isinstance(kept.code, CodeError):
                raise
            return kept  # what was read last counts while the catalog is away

    async def _fetched(self, resource: Resource, known: _Kept | None) -> _Kept:
        """Return what the catalog has now; what is known already is not fetched again."""
        now = trio.current_time()
        artifact: Artifact | None = None
        try:
            listed = await self._client.get(f"/api/resources/{segment(resource.id)}/artifacts")
            artifact = artifact_of(decode(listed.body))
            if known is not None and artifact == known.artifact and not isinstance(known.code, CodeError):
                return _Kept(resource.revision, now, artifact, known.code)
            return _Kept(resource.revision, now, artifact, await self._code(artifact))
        except CatalogRefusedError as error:
            code = CodeError(f"its code cannot be had: {error}")
        except MalformedJsonError:
            code = CodeError("the list of its files is no JSON")
        except UnicodeDecodeError:
            code = CodeError("its code is no text in UTF-8")
        return _Kept(resource.revision, now, artifact, code)

    async def _code(self, artifact: Artifact | None) -> dict[str, object] | CodeError:
        if artifact is None:
            return CodeError("it has a manifest there, and no code that this runtime can run")
        file = await self._client.get(f"/api/artifacts/{segment(artifact.id)}/download")
        is_text = artifact.language != "wasm"
        text = file.body.decode() if is_text else await to_base64(file.body)
        return execution_of_artifact(artifact, text)


def _size_bytes(kept: dict[str, object] | CodeError) -> int:
    return 0 if isinstance(kept, CodeError) else sum(len(str(part)) for part in kept.values())
