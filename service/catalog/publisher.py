"""The task that writes to the catalog what is to be published there, as far as the budget of writes allows.

    round ──► settle: what needs no write is done ──► wake ──► one write after the other, what graphs need first
                                                               └─ the window is spent: wait for the next one

It runs beside the rounds and never in them: a graph that was published runs however long a manifest waits for its
turn (docs/decisions/0158).
"""

from collections.abc import Callable, Iterable

import structlog
import trio

from service.catalog.client import CatalogClient
from service.catalog.errors import CatalogUnavailableError
from service.catalog.publication import Publication

SHORTEST_SECONDS = 0.05
"""The shortest wait after something went wrong, whatever anybody says."""

log = structlog.get_logger("catalog")


class Publisher:
    """The writer of what waits.

    Args:
        client: goes to the catalog, and knows the budget.
        manifests: what is published of components.
        entrances: what is published of graphs with an ingress; None where nothing is.

    Attributes:
        tell: is called after each attempt.
    """

    def __init__(self, client: CatalogClient, manifests: Publication, entrances: Publication | None) -> None:
        self.tell: Callable[[], None] = lambda: None
        self._client = client
        self._manifests = manifests
        self._entrances = entrances
        self._needed: frozenset[str] = frozenset()
        self._woken = trio.Event()

    @property
    def waiting(self) -> int:
        """The number of things that wait for their turn."""
        return self._manifests.waiting + (self._entrances.waiting if self._entrances is not None else 0)

    def wake(self, needed: Iterable[str]) -> None:
        """Look again at what waits: both publications have been settled.

        Args:
            needed: keys of the manifests that published graphs need.
        """
        self._needed = frozenset(needed)
        self._woken.set()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken = trio.Event()
            while self.waiting and not self._woken.is_set():
                await self._write_next()

    async def _write_next(self) -> None:
        publication, identity, is_urgent = self._next()
        seconds = self._client.budget.wait_seconds(is_urgent=is_urgent)
        if seconds:
            log.debug("writes wait", waiting=self.waiting, seconds=round(seconds, 1))
            with trio.move_on_after(seconds):
                await self._woken.wait()
            return
        try:
            await publication.publish(identity)
        except CatalogUnavailableError:
            await trio.sleep(max(self._client.quiet_seconds(), SHORTEST_SECONDS))
        except Exception:
            log.exception("unforeseen error")
            self._client.unavailable("something went wrong with its answer; the log of this service says what")
            await trio.sleep(max(self._client.quiet_seconds(), SHORTEST_SECONDS))
        finally:
            self.tell()

    def _next(self) -> tuple[Publication, tuple[str, str], bool]:
        """Return what is to be written next, and whether a graph needs it."""
        if self._entrances is not None:
            entrance = self._entrances.next_identity()
            if entrance is not None:
                return self._entrances, entrance, True
        identity = self._manifests.next_identity(self._needed)
        if identity is None:
            raise AssertionError("something waits")
        return self._manifests, identity, identity[0] in self._needed
