"""Public keys fetched from a JWK Set's URL, and fetched again when they change.

Whoever signs tokens publishes a new key before using it and takes an old one away when it is done with. So the set
is fetched again when it is ``FRESH_SECONDS`` old, and earlier when a token names a key that is not in it; but not
more often than every ``REFETCH_SECONDS``, because anybody can make such names up. While the URL does not answer,
the last set is used, until it is ``USABLE_SECONDS`` old: then a key that was taken away might still be honoured.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
import structlog
import trio

from engine.builtin.parts.connection_reason import reason_of
from engine.builtin.parts.retry_after import retry_after_seconds
from proto.codec import MalformedJsonError, decode
from service.jwt.keys import KeyMaterialError, VerificationKey, key_set
from service.outbound.bounded_response import PLAIN, UnreadableAnswerError, read_bounded
from service.problems import IdentityUnavailableError
from service.siblings.backoff import ASKED_LIMIT_SECONDS

FRESH_SECONDS = 300.0
REFETCH_SECONDS = 30.0
RETRY_SECONDS = 2.0
"""The wait after a failed fetch with no usable set at hand: callers hear 503, and not each of them waits for a
timeout."""

USABLE_SECONDS = 3600.0
SET_BYTES = 256 * 1024

_FAILURES = (httpx.HTTPError, trio.TooSlowError, MalformedJsonError, UnreadableAnswerError, KeyMaterialError)

log = structlog.get_logger("identity")


class KeySource:
    """The keys for verifying tokens: those from the settings, and those of a JWK Set.

    Args:
        fixed: keys from the settings; they have no names.
        client: fetches the set.
        url: where the set lies; "" for nowhere.
        timeout_seconds: for a whole fetch.
    """

    def __init__(
        self, fixed: Sequence[VerificationKey], client: httpx.AsyncClient, url: str, timeout_seconds: float
    ) -> None:
        self._fixed = fixed
        self._client = client
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._set: tuple[VerificationKey, ...] = ()
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._asked_seconds = 0.0
        self._fetching = trio.Lock()

    async def find(self, algorithm: str, kid: str | None) -> Sequence[VerificationKey]:
        """Return the keys that are good for an algorithm; of those in the set, only the ones called ``kid``, if
        given.

        Raises:
            IdentityUnavailableError: the set is needed and cannot be had.
        """
        fixed = [key for key in self._fixed if algorithm in key.by_algorithm]
        if fixed or not self._url or algorithm[:2] not in ("RS", "PS", "ES", "Ed"):
            return fixed
        if trio.current_time() - self._fetched_at >= FRESH_SECONDS:
            await self._renew()
        found = self._select(algorithm, kid)
        if not found and await self._renew():
            found = self._select(algorithm, kid)
        if not self._is_usable():
            raise IdentityUnavailableError(
                "The keys that tokens are signed with cannot be fetched; try again shortly"
            )
        return found

    def _select(self, algorithm: str, kid: str | None) -> list[VerificationKey]:
        return [key for key in self._set if algorithm in key.by_algorithm and kid in (None, key.kid)]

    def _is_usable(self) -> bool:
        return trio.current_time() - self._fetched_at < USABLE_SECONDS

    async def _renew(self) -> bool:
        """Fetch the set if it is time to; whether it was fetched, by this task or by another one meanwhile."""
        if self._fetching.locked() and self._is_usable():
            return False  # somebody is at it, and what there is will do
        asked_at = trio.current_time()
        async with self._fetching:
            if self._fetched_at >= asked_at:
                return True
            pause = max(REFETCH_SECONDS if self._is_usable() else RETRY_SECONDS, self._asked_seconds)
            if trio.current_time() - self._tried_at < pause:
                return False
            self._tried_at = trio.current_time()
            self._asked_seconds = 0.0
            try:
                self._set = await self._fetch()
            except _FAILURES as error:
                reason = reason_of(error)[:500]
                log.warning("keys of tokens not fetched", url=self._url, reason=reason, usable=self._is_usable())
                return False
            self._fetched_at = trio.current_time()
            return True

    async def _fetch(self) -> tuple[VerificationKey, ...]:
        with trio.fail_after(self._timeout_seconds):
            async with self._client.stream("GET", self._url, headers=PLAIN) as response:
                if response.status_code != httpx.codes.OK:
                    asked_seconds = retry_after_seconds(response.headers, datetime.now(UTC))
                    self._asked_seconds = min(asked_seconds, ASKED_LIMIT_SECONDS)
                    raise KeyMaterialError(f"status {response.status_code}")
                return key_set(decode(await read_bounded(response, SET_BYTES)))
