"""Fetches the sources of components: one GET, bounded in size and time."""

from collections.abc import Callable

import httpx
import trio

from engine.builtin.parts.connection_reason import words_of
from engine.components.source import SourceFetchError
from service.outbound.bounded_response import UnreadableAnswerError, read_bounded

FETCH_SECONDS = 30.0
"""The time for the whole of it, redirects included: somebody waits for the registration."""

_HEADERS = {
    "accept": "text/javascript, application/javascript, text/plain;q=0.9, */*;q=0.5",
    "accept-encoding": "identity",  # so that the bound on what is read is the bound on what is kept
    "user-agent": "symbia-runtime",
}


class SourceFetcher:
    """The runtime's ``fetch_source``.

    Args:
        open_client: makes the client that goes there; it decides what may be reached.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client

    async def __call__(self, url: str, limit_bytes: int) -> bytes:
        """Return what stands at a URL; refuse more than ``limit_bytes`` as soon as it is seen to be more.

        Raises:
            SourceFetchError: it cannot be reached, or must not be; it is not there, too large, or too slow.
        """
        try:
            with trio.fail_after(FETCH_SECONDS):
                async with self._open_client() as client, client.stream("GET", url, headers=_HEADERS) as answer:
                    return await self._read(answer, limit_bytes)
        except trio.TooSlowError as error:
            raise SourceFetchError(f"it took longer than {FETCH_SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise SourceFetchError(words_of(error)) from error

    async def _read(self, answer: httpx.Response, limit_bytes: int) -> bytes:
        if answer.status_code != httpx.codes.OK:
            raise SourceFetchError(f"it was answered by {answer.status_code} {answer.reason_phrase}".rstrip())
        try:
            return await read_bounded(answer, limit_bytes)
        except UnreadableAnswerError as error:
            raise SourceFetchError(str(error)) from error
