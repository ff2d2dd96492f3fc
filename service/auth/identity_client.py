"""The client of Identity: whom does this token, key or session belong to?

The three questions and their answers are the platform's (``POST /auth/introspect``, ``POST /auth/verify-api-key``,
``GET /users/me``). Identity says no within a 200; anything else than a sensible answer means that nobody knows:
no connection, no answer in time, a status of 5xx, a body that is not what was promised. The caller then hears 503
and not 401, because a client that is told 401 throws a good token away.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import structlog
import trio

from engine.builtin.parts.connection_reason import reason_of
from proto.codec import MalformedJsonError, decode_strictly, encode
from service.auth.principal import IdentityResponseError, Recognition, of_api_key, of_introspection, of_session
from service.outbound.bounded_response import PLAIN, UnreadableAnswerError, read_bounded
from service.outbound.request_body import open_answer
from service.outbound.sibling_client import open_sibling_client
from service.problems import IdentityUnavailableError

CONNECTIONS = 20
"""Connections to Identity at once. A flood of made-up tokens waits here, and does not become a flood there."""

ANSWER_BYTES = 1024 * 1024
"""An answer is a few kilobytes; nothing larger is read."""

COMPLAINT_SECONDS = 10.0
"""The time between two log lines about an Identity that does not answer."""

REFUSALS = frozenset({400, 401, 403})
"""Statuses with which Identity, or a gateway before it, refuses a credential."""

log = structlog.get_logger("identity")


class IdentityClient:
    """A client of Identity. Made by :func:`open_identity`.

    Args:
        client: sends the requests; its base URL is the one of Identity's API.
        timeout_seconds: for a whole question, from looking for a connection to the last byte.
    """

    def __init__(self, client: httpx.AsyncClient, timeout_seconds: float) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._complained_at = -math.inf

    async def introspect(self, token: str) -> Recognition | None:
        """Return the principal of a bearer token or session; None when it is not active.

        Raises:
            IdentityUnavailableError: nobody can say.
        """
        status, answer = await self._ask("POST", "auth/introspect", {"token": token})
        return None if status in REFUSALS else self._understand(of_introspection, answer)

    async def verify_api_key(self, key: str) -> Recognition | None:
        """Return the principal of an API key; None when it is not valid.

        Raises:
            IdentityUnavailableError: nobody can say.
        """
        status, answer = await self._ask("POST", "auth/verify-api-key", {"apiKey": key})
        return None if status in REFUSALS else self._understand(of_api_key, answer)

    async def resolve_session(self, name: str, value: str) -> Recognition | None:
        """Return the principal of a session cookie: asked as a token, and otherwise as the cookie that it came as.

        Raises:
            IdentityUnavailableError: nobody can say.
        """
        recognition = await self.introspect(value)
        if recognition is not None:
            return recognition
        status, answer = await self._ask("GET", "users/me", cookie=f"{name}={value}")
        return None if status in REFUSALS else self._understand(of_session, answer)

    def _understand(self, read: Callable[[Any], Recognition | None], answer: Any) -> Recognition | None:
        try:
            return read(answer)
        except IdentityResponseError as error:
            raise self._unavailable(f"its answer makes no sense: {error}") from error

    async def _ask(self, method: str, path: str, body: Any = None, *, cookie: str = "") -> tuple[int, Any]:
        """Return the status of a refusal, or 200 and the decoded answer."""
        headers = {**PLAIN, "Content-Type": "application/json", "x-symbia-caller": "runtime"}
        if cookie:
            headers["Cookie"] = cookie
        content = None if body is None else encode(body)
        try:
            with trio.fail_after(self._timeout_seconds):
                async with open_answer(
                    self._client, method, path, headers=headers, content=content, is_repeatable=True
                ) as response:
                    if response.status_code in REFUSALS:
                        return response.status_code, None
                    if response.status_code != httpx.codes.OK:
                        raise self._unavailable(f"it answers with status {response.status_code}")
                    return response.status_code, decode_strictly(await read_bounded(response, ANSWER_BYTES))
        except trio.TooSlowError as error:
            raise self._unavailable(f"no answer within {self._timeout_seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unavailable(reason_of(error)) from error
        except UnreadableAnswerError as error:
            raise self._unavailable(str(error)) from error
        except (MalformedJsonError, UnicodeDecodeError) as error:
            raise self._unavailable("its answer is no JSON") from error

    def _unavailable(self, reason: str) -> IdentityUnavailableError:
        """Make the refusal; the reason is for the operator, now and then, and not for callers."""
        now = trio.current_time()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            log.warning("identity does not answer", url=str(self._client.base_url), reason=reason[:500])
        return IdentityUnavailableError(
            "The identity service does not answer, so nobody can say who is calling; try again shortly"
        )


@asynccontextmanager
async def open_identity(url: str, timeout_seconds: float) -> AsyncIterator[IdentityClient]:
    """Open a client of the Identity at ``url``, which ends in ``/api`` or has it appended."""
    async with open_sibling_client(timeout_seconds, base_url=api_url(url), connections=CONNECTIONS) as client:
        yield IdentityClient(client, timeout_seconds)


def api_url(url: str) -> str:
    """Return the URL of Identity's API, by the platform's rule: a base that ends in ``/api`` is taken as it is."""
    bare = url.rstrip("/")
    return bare if bare.endswith("/api") else f"{bare}/api"
