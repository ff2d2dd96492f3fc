"""One request to the logging service: its headers, its answer, and what it means when none comes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import trio

from engine.builtin.parts.connection_reason import kind_of
from engine.builtin.parts.retry_after import retry_after_seconds
from proto.codec import MalformedJsonError, decode, encode
from service.outbound.bounded_response import PLAIN, UnreadableAnswerError, read_bounded
from service.outbound.request_body import open_answer
from service.telemetry.credentials import Credentials
from service.telemetry.refusal import OWN_HEADERS, LoggingError

ANSWER_BYTES = 4 * 1024 * 1024
"""An answer is an id, or the list of an organisation's metrics; nothing larger is read."""

TIMEOUT_SECONDS = 10.0
"""The time for a whole request. It is nobody's wait but the exporter's."""


class LoggingClient:
    """A client of the logging service.

    Args:
        client: sends; its base URL is the one of the service's API.
        credentials: say who sends.
        scope: headers that say on behalf of what: service, environment, data class, policy.
    """

    def __init__(self, client: httpx.AsyncClient, credentials: Credentials, scope: Mapping[str, str]) -> None:
        self._client = client
        self._credentials = credentials
        self._scope = dict(scope)

    async def post(self, path: str, body: Any, *, org: str = "") -> Any:
        """Send a body; the decoded answer, None where it is empty.

        Args:
            path: below the service's API.
            body: made of structs and builtins.
            org: the organisation that it belongs to; "" for the service's own.

        Raises:
            LoggingError: it was not taken, or nobody knows.
        """
        return await self._ask("POST", path, encode(body), org)

    async def get(self, path: str, *, org: str = "") -> Any:
        """Ask for something; likewise."""
        return await self._ask("GET", path, None, org)

    async def _ask(self, method: str, path: str, content: bytes | None, org: str) -> Any:
        try:
            return await self._attempt(method, path, content, org)
        except LoggingError as error:
            if error.status != httpx.codes.UNAUTHORIZED or not self._credentials.forget():
                raise
        return await self._attempt(method, path, content, org)  # with a new secret, once

    async def _attempt(self, method: str, path: str, content: bytes | None, org: str) -> Any:
        headers = {**PLAIN, **OWN_HEADERS, **self._scope, **await self._credentials.headers()}
        if org:
            headers["X-Org-Id"] = org
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            with trio.fail_after(TIMEOUT_SECONDS):
                async with open_answer(
                    self._client,
                    method,
                    path,
                    headers=headers,
                    content=content,
                    is_repeatable=True,  # as the exporter does with what failed
                ) as answer:
                    if not answer.is_success:
                        wait_seconds = retry_after_seconds(answer.headers, datetime.now(UTC))
                        raise LoggingError(
                            f"it answers {method} {path} with status {answer.status_code}",
                            status=answer.status_code,
                            retry_after_seconds=wait_seconds,
                        )
                    body = await read_bounded(answer, ANSWER_BYTES)
                    return decode(body) if body.strip() else None
        except trio.TooSlowError as error:
            raise LoggingError(f"no answer within {TIMEOUT_SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LoggingError(f"{kind_of(error)} at {method} {path}") from error
        except UnreadableAnswerError as error:
            raise LoggingError(str(error)) from error
        except (MalformedJsonError, UnicodeDecodeError) as error:
            raise LoggingError(f"its answer to {method} {path} is no JSON") from error
