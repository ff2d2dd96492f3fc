"""A client of the HTTP interface for the command line: replies come decoded, refusals as sentences."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import click
import httpx
import msgspec

from engine.builtin.parts.connection_reason import words_of
from proto.codec import MalformedJsonError, decode_raw_values
from proto.problem import Finding
from service.cli.remote.address import ServiceAddress, service_address
from service.cli.until_signal import run_until_signal
from service.documents.printable import printable
from service.outbound.bounded_response import joined

P = ParamSpec("P")
T = TypeVar("T")
Shape = TypeVar("Shape")
Query = Mapping[str, str | int]

CONNECT_SECONDS = 10.0
"""The time that the service may take to take the connection."""

REPLY_SECONDS = 90.0
"""The time between two pieces of a reply: a wait for outputs may take a minute."""

MOST_REPLY_BYTES = 256 * 1024 * 1024
"""Bytes of one reply, unpacked: all outputs that may be kept of an execution are less."""

MOST_ENTRIES = 100_000
"""Entries of a list; a service bounds them by far less."""

SHOWN_PROBLEMS = 20
"""Problems of a refusal that are shown; the service bounds them, too."""

UNAUTHENTICATED = 401


class ServiceError(click.ClickException):
    """The service cannot be reached, or refuses; the message says what to do, and shows no control characters.

    Attributes:
        status: of the refusal; 0 where no answer came.
        problems: of a document that was sent.
    """

    exit_code = 1

    def __init__(self, message: str, status: int = 0, problems: Sequence[Finding] = ()) -> None:
        super().__init__("\n".join(printable(line) for line in message.split("\n")))
        self.status = status
        self.problems = tuple(problems)


class ServiceClient:
    """A client of a service. Made by :func:`open_service_client`; its paths begin below the service's URL."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self.url = url

    async def get(self, path: str, **query: str | int) -> bytes:
        """Read what is at a path, as the service wrote it.

        Raises:
            ServiceError: it cannot be read.
        """
        return await self._ask("GET", path, params=query)

    async def entries(self, path: str, key: str, **query: str | int) -> list[msgspec.Raw]:
        """Read all entries of a list, page by page, each as the service wrote it.

        Raises:
            ServiceError: it cannot be read.
        """
        entries: list[msgspec.Raw] = []
        while True:
            page = self.decode(await self.get(path, offset=len(entries), **query), dict[str, msgspec.Raw])
            listed = self.decode(bytes(page.get(key, b"[]")), list[msgspec.Raw])
            entries += listed
            if not listed or len(entries) >= self.decode(bytes(page.get("total", b"0")), int):
                return entries
            if len(entries) > MOST_ENTRIES:
                raise ServiceError(f"{self.url} lists more than {MOST_ENTRIES} {key}")

    def decode(self, content: bytes | msgspec.Raw, shape: type[Shape]) -> Shape:
        """Decode a reply, or an entry of one.

        Raises:
            ServiceError: it has another shape.
        """
        try:
            return decode_raw_values(bytes(content), shape)
        except (msgspec.ValidationError, MalformedJsonError) as error:
            raise ServiceError(f"{self.url} speaks something else: {error}") from error

    async def post(
        self,
        path: str,
        body: bytes | AsyncIterator[bytes] = b"",
        content_type: str = "application/json",
        query: Query | None = None,
    ) -> bytes:
        """Send a body, whole or piece by piece; the reply.

        Raises:
            ServiceError: it was refused, or could not be sent.
        """
        headers = {"Content-Type": content_type}
        return await self._ask("POST", path, content=body, headers=headers, params=query)

    async def delete(self, path: str) -> None:
        """Remove what is at a path.

        Raises:
            ServiceError: it cannot be removed.
        """
        await self._ask("DELETE", path)

    async def command(
        self, method: str, path: str, body: bytes = b"", query: Query | None = None, if_match: str = ""
    ) -> bytes:
        """Do what changes something; with ``if_match``, only while it has this tag. The reply.

        Raises:
            ServiceError: it was refused.
        """
        headers = {"Content-Type": "application/json"} | ({"If-Match": f'"{if_match}"'} if if_match else {})
        return await self._ask(method, path, content=body, headers=headers, params=query)

    async def _ask(self, method: str, path: str, **request: Any) -> bytes:
        try:
            async with self._client.stream(method, self.url + path, **request) as reply:
                content = await self._content(reply)
        except httpx.TimeoutException as error:
            raise ServiceError(f"{self.url} has not answered in time") from error
        except httpx.RequestError as error:
            reason = words_of(error)
            raise ServiceError(f"{self.url} cannot be reached: {reason}; is the service running there?") from error
        if reply.is_success:
            return content
        raise self._refusal(reply, content)

    async def _content(self, reply: httpx.Response) -> bytes:
        content = await joined(reply.aiter_bytes(), MOST_REPLY_BYTES)
        if content is None:
            raise ServiceError(f"{self.url} answers with more than {MOST_REPLY_BYTES} bytes")
        return content

    def _refusal(self, reply: httpx.Response, content: bytes) -> ServiceError:
        """Return what the service says against a request, with its problems below, and what to do."""
        status = reply.status_code
        try:
            said = decode_raw_values(content, Refusal)
        except (msgspec.ValidationError, MalformedJsonError):
            return ServiceError(f"{self.url} answers with status {status}; is it a symbia-runtime?", status)
        lines = [said.error]
        if [each.message for each in said.problems] != lines:  # one that says the same would say it twice
            lines += [f"  {each.path}: {each.message}" for each in said.problems[:SHOWN_PROBLEMS]]
        if len(said.problems) > SHOWN_PROBLEMS:
            lines.append(f"  and {len(said.problems) - SHOWN_PROBLEMS} more")
        if status == UNAUTHENTICATED:
            lines.append("Give --token, --api-key, SYMBIA_TOKEN or SYMBIA_API_KEY")
        findings = [Finding(each.code, each.path, each.message, each.line, each.column) for each in said.problems]
        return ServiceError("\n".join(printable(line) for line in lines), status, findings)


class ShownProblem(msgspec.Struct, frozen=True):
    """A problem of a refusal."""

    message: str
    path: str = ""
    code: str = ""
    line: int | None = None
    column: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The body of a refusal, of which the sentences are shown."""

    error: str
    problems: tuple[ShownProblem, ...] = ()


@asynccontextmanager
async def open_service_client(address: ServiceAddress) -> AsyncIterator[ServiceClient]:
    """Open a client of a service.

    Raises:
        ServiceError: the URL is none of a service.
    """
    parts = urlsplit(address.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServiceError(f"{address.url!r} is no URL of a service; write one such as http://127.0.0.1:5006")
    timeout = httpx.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS)
    trusted = ssl.create_default_context() if parts.scheme == "https" else False
    async with httpx.AsyncClient(
        headers=list(address.headers), timeout=timeout, verify=trusted, trust_env=False
    ) as client:
        yield ServiceClient(client, address.url)


def escaped(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="")


def ask(function: Callable[Concatenate[ServiceClient, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Let a function speak with the service that the options of the command name; a signal ends the command.

    Raises:
        ServiceError: the service cannot be reached, or refuses.
    """
    address = service_address()

    async def asked() -> T:
        async with open_service_client(address) as client:
            return await function(client, *args, **kwargs)

    return run_until_signal(asked)
