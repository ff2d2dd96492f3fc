"""The credentials for the logging service: a secret of the system, an API key, a bearer token, or nothing.

The system's secret is Identity's: it gives it to whoever asks from a private address, and makes a new one whenever
it starts. So it is asked for once, kept, and asked for again when the logging service does not take it any more.
"""

from datetime import UTC, datetime
from typing import Protocol

import httpx
import msgspec
import trio

from engine.builtin.parts.connection_reason import kind_of
from engine.builtin.parts.retry_after import retry_after_seconds
from proto.codec import MalformedJsonError, decode_as
from service.outbound.bounded_response import PLAIN, UnreadableAnswerError, read_bounded
from service.telemetry.refusal import OWN_HEADERS, LoggingError

BOOTSTRAP_BYTES = 64 * 1024
"""The answer is a few hundred bytes."""

TIMEOUT_SECONDS = 5.0
"""The time for asking Identity."""


class Credentials(Protocol):
    """The source of the headers that say who sends, for every request."""

    async def headers(self) -> dict[str, str]:
        """Headers that say who sends, ``X-Org-Id`` among them where it is known.

        Raises:
            LoggingError: they cannot be had at present.
        """

    def forget(self) -> bool:
        """Forget credentials that were refused; return whether others can be had."""


class FixedCredentials:
    """Credentials that the operator gave."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    async def headers(self) -> dict[str, str]:
        return self._headers

    def forget(self) -> bool:
        return False


class Bootstrap(msgspec.Struct, rename="camel"):
    """Identity's answer to services of the system."""

    secret: str
    org_id: str = ""


class SystemCredentials:
    """The system's secret, asked for when it is first needed.

    Args:
        client: asks; it knows nothing of Identity.
        identity_api_url: where Identity's API lies.
        org: the organisation that counts in place of the one that Identity names; "" for Identity's.
    """

    def __init__(self, client: httpx.AsyncClient, identity_api_url: str, org: str = "") -> None:
        self._client = client
        self._url = f"{identity_api_url}/bootstrap/internal"
        self._org = org
        self._bootstrap: Bootstrap | None = None

    async def headers(self) -> dict[str, str]:
        if self._bootstrap is None:
            self._bootstrap = await self._ask()
        headers = {"Authorization": f"Bearer {self._bootstrap.secret}"}
        org = self._org or self._bootstrap.org_id
        return {**headers, "X-Org-Id": org} if org else headers

    def forget(self) -> bool:
        self._bootstrap = None
        return True

    async def _ask(self) -> Bootstrap:
        try:
            with trio.fail_after(TIMEOUT_SECONDS):
                async with self._client.stream("GET", self._url, headers={**PLAIN, **OWN_HEADERS}) as answer:
                    if answer.status_code != httpx.codes.OK:
                        raise LoggingError(
                            f"identity gives no secret of the system: status {answer.status_code}",
                            retry_after_seconds=retry_after_seconds(answer.headers, datetime.now(UTC)),
                        )
                    bootstrap = decode_as(await read_bounded(answer, BOOTSTRAP_BYTES), Bootstrap)
        except trio.TooSlowError as error:
            raise LoggingError("identity gives no secret of the system: no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LoggingError(f"identity gives no secret of the system: {kind_of(error)}") from error
        except (UnreadableAnswerError, MalformedJsonError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise LoggingError("identity gives no secret of the system: its answer makes no sense") from error
        if not (bootstrap.secret and bootstrap.secret.isascii() and bootstrap.secret.isprintable()):
            raise LoggingError("identity gives no secret of the system: what it gives is none")
        if not (bootstrap.org_id.isascii() and bootstrap.org_id.isprintable()):
            raise LoggingError("identity gives no secret of the system: its organisation is no name")
        return bootstrap
