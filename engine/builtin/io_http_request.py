"""``symbia.io.http-request`` makes one HTTP request for each message and emits the answer.

An answer is a result, whatever its status, as it is on the platform. Where a node is strict, whatever is not a 2xx
answer is an error: it leaves by the ``error`` port with the answer, as far as there is one, beside the message.
An error says whether trying again may help (``engine.builtin.parts.http_failure``).

An instance requests one message after another, so answers keep the order of the messages; a node that asks for
concurrency has several instances.

Where requests may go is not decided here: the client comes from outside, and a service that runs untrusted graphs
passes one that refuses its own network. Such a client refuses by raising a ``RequestRefusedError``.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import httpx
import msgspec
import trio

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.content_coding import ACCEPTED_CODING
from engine.builtin.parts.http_failure import failure, is_success, status_error
from engine.builtin.parts.http_refusal import HttpResponseError
from engine.builtin.parts.http_response import (
    DATA_LIMIT_BYTES,
    HttpResponse,
    head_of,
    read_answer,
)
from engine.builtin.parts.http_sent import JSON, Sent, problems_of
from engine.builtin.parts.json_path import TooMuchToScanError
from engine.builtin.parts.platform_builtin import is_strict, strict_field
from engine.builtin.parts.redirects import BodilessRedirects, open_following, trusted_authorities
from engine.builtin.parts.refusal import RefusedError
from engine.builtin.parts.repeating import IDLE_LIMIT, IDLE_SECONDS, KEYS, REPEATABLE
from engine.builtin.parts.url_template import UrlError, UrlTemplate
from engine.contracts.component import Builtin
from engine.contracts.handler import NOTHING, Handler, HandlerError, InstanceContext, Message, Outcome
from engine.errors import NotKeptError
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

TIMEOUT_LIMIT_MS = 300_000
"""Five minutes: as long as an execution lasts by default."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_KEYED_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY_HEADER = "idempotency-key"
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

DEFINITION = declare(
    "symbia.io.http-request",
    "HTTP request",
    "Makes an HTTP request for each message and emits the answer.",
    inputs=(port("in", "Any value: it triggers a request, fills placeholders, and may be the body."),),
    outputs=(
        port(
            "out",
            "`{status, statusText, headers, data, body, url}` of an answer, and `encoding` where `data` is "
            "binary; `body` is the platform's: a text that is JSON is read, whatever its type.",
            {"type": "object"},
            lane="apocryphal",
            lane_note="what a server says cannot be computed from the graph",
        ),
        error_port("Failures and timeouts; with `strict` also answers outside 2xx, with the same fields."),
    ),
    config={
        "url": ConfigField(
            type="string",
            description="An http or https URL. `{field}` or `{field.inner}` behind the host stands for a field of "
            "the message, percent-encoded.",
            required=True,
            secret=True,
        ),
        "method": ConfigField(type="string", description="The HTTP method.", default="GET", enum=_METHODS),
        "headers": ConfigField(
            type="object", description="Request headers: names, and strings for values.", default={}, secret=True
        ),
        "query": ConfigField(
            type="object",
            description="Added behind the query of the URL, which stays as it stands: names, and strings, "
            "numbers, booleans or arrays of them.",
            default={},
            secret=True,
        ),
        "body": ConfigField(
            type="any",
            description="A string is sent as text, null sends nothing, anything else is sent as JSON. Without "
            "this key, POST, PUT and PATCH send the message's value as JSON, and the others nothing.",
            secret=True,
        ),
        "bodyEncoding": ConfigField(
            type="string",
            description="`base64` where a body that is a string stands for bytes.",
            default="text",
            enum=("text", "base64"),
        ),
        "form": ConfigField(
            type="object",
            description="Sent as a form (`application/x-www-form-urlencoded`), in the place of a body: names, and "
            "strings, numbers, booleans or arrays of them.",
            default={},
            secret=True,
        ),
        "multipart": ConfigField(
            type="array",
            description="Sent as `multipart/form-data`, in the place of a body: parts such as "
            '`{"name": "file", "filename": "a.csv", "type": "text/csv", "value": "..."}`, or with `base64` in the '
            "place of `value`.",
            default=[],
            secret=True,
        ),
        "fill": ConfigField(
            type="boolean",
            description="Whether placeholders are filled in headers, query and bodies, too: `{order.id}`, "
            "`{items.0.id}`, and `{}` for the value itself; `{{` and `}}` are braces. One that stands alone in a "
            "body keeps its type.",
            default=False,
        ),
        "timeoutMs": ConfigField(
            type="number",
            description="Milliseconds for the whole exchange.",
            default=10_000,
            minimum=1,
            maximum=TIMEOUT_LIMIT_MS,
        ),
        "maxResponseBytes": ConfigField(
            type="integer",
            description="Bytes of a body, after decompression, beyond which an answer is refused.",
            default=1024 * 1024,
            minimum=0,
            maximum=DATA_LIMIT_BYTES,
        ),
        "strict": strict_field(
            "An answer outside 2xx is an error, which `onError: retry` tries again where that may help; what "
            "says that it is JSON and is none is an error; `body` is `data`."
        ),
    },
    stateless=True,
)


def open_client() -> httpx.AsyncClient:
    """Open a client that may go anywhere, for graphs of people who run them themselves."""
    limits = httpx.Limits(max_keepalive_connections=IDLE_LIMIT, keepalive_expiry=IDLE_SECONDS)
    return open_following(BodilessRedirects(verify=trusted_authorities(), trust_env=False, limits=limits))


class HttpRequest(Builtin):
    """The request component, which checks URL, headers and query when a graph is loaded: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = []
        try:
            UrlTemplate(config["url"])
        except UrlError as error:
            problems.append(Problem("config.invalid_url", "url", f"This URL cannot be requested. {error}"))
        return (*problems, *problems_of(config, _METHODS_WITH_BODY))


class Progress(msgspec.Struct):
    """The progress of an exchange.

    Attributes:
        head: the answer without its body, once it is there.
    """

    head: HttpResponse | None = None


class HttpRequester(Handler):
    """One client, with its connections, from ``initialize`` to ``cleanup``."""

    batch_messages = 1  # an answer does not wait for the requests of later messages

    def __init__(self, context: InstanceContext, open_client: Callable[[], httpx.AsyncClient]) -> None:
        config = context.config
        self._between_requests = context.on_slice_end
        self._account = context.account
        self._open_client = open_client
        self._client: httpx.AsyncClient | None = None
        self._template = UrlTemplate(config["url"])
        self._method: str = config["method"]
        self._timeout_seconds: float = config["timeoutMs"] / 1000
        self._limit_bytes = int(config["maxResponseBytes"])  # JSON has one kind of number: 1e6 is an integer, too
        self._is_strict = is_strict(config)
        has_body = "body" in config or bool(config["form"]) or bool(config["multipart"])
        self._sent = Sent(config, sends_value=not has_body and self._method in _METHODS_WITH_BODY)
        self._headers = httpx.Headers({"accept": f"{JSON}, */*;q=0.5", "user-agent": "symbia-runtime"})
        if self._sent.content_type:
            self._headers["content-type"] = self._sent.content_type
        has_own_key = any(name.lower() in KEYS for name in config["headers"])
        self._key_of = context.call_key if self._method in _KEYED_METHODS and not has_own_key else None

    async def initialize(self) -> Outcome:
        self._client = self._open_client()
        return NOTHING

    async def cleanup(self) -> Outcome:
        if self._client is not None:
            await self._client.aclose()
        return NOTHING

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = []
        for message in batch:
            await self._between_requests()
            outcomes.append(await self._request(message))
        return outcomes

    async def _request(self, message: Message) -> Outcome:
        value = message.value
        try:
            headers, query, body = await self._sent.fill(value)
            url = await self._template.fill(value, query)
        except (UrlError, TooMuchToScanError, msgspec.DecodeError) as error:
            return Outcome(error=RefusedError("HttpInvalidUrl", str(error)).as_error())
        except RefusedError as error:
            return Outcome(error=error.as_error())
        what = f"{self._method} {url.copy_with(userinfo=b'', query=None, fragment=None)}"  # queries hold keys
        progress = Progress()
        fault: Exception
        try:
            key = None if self._key_of is None else await self._key_of(message)
        except NotKeptError as error:
            return Outcome(error=HandlerError("NotKeptError", f"{what} was not made: {error}"))
        try:
            with trio.fail_after(self._timeout_seconds):
                answer = await self._exchange(url, self._headers_with(headers, body, key), body, progress)
        except trio.TooSlowError:
            fault = TimeoutError(f"took longer than {self._timeout_seconds:g} s")
        except (HttpResponseError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            fault = error
        else:
            if is_success(answer.status) or not self._is_strict:
                return Outcome(((0, encode(answer)),))
            return Outcome(error=status_error(what, answer))
        return Outcome(error=failure(what, url, fault, progress.head))

    def _headers_with(self, own: Mapping[str, str], body: bytes | None, key: str | None) -> httpx.Headers:
        headers = httpx.Headers(self._headers)
        headers.update(own)
        headers["accept-encoding"] = ACCEPTED_CODING
        if body is not None and self._sent.is_multipart:
            headers["content-type"] = self._sent.media_type(body)
        if key is not None:
            headers[KEY_HEADER] = key
        return headers

    async def _exchange(
        self, url: httpx.URL, headers: httpx.Headers, body: bytes | None, progress: Progress
    ) -> HttpResponse:
        assert self._client is not None, "initialize comes first"  # noqa: S101 - the engine's contract
        self._client.cookies.clear()  # messages know nothing of each other
        is_keyed = self._key_of is not None
        async with self._client.stream(
            self._method,
            url,
            headers=headers,
            extensions={REPEATABLE: False} if is_keyed else None,  # its server may not know such keys
            content=body,
            timeout=None,  # the scope around bounds the whole exchange; the client would bound each read
        ) as response:
            progress.head = head_of(response)
            if self._account is None:
                return await read_answer(response, self._limit_bytes, is_strict=self._is_strict)
            with closing(self._account.ledger.account(self._account.owner)) as account:
                return await read_answer(response, self._limit_bytes, account, is_strict=self._is_strict)


def http_request(open_client: Callable[[], httpx.AsyncClient]) -> Builtin:
    """Return the component, with the client that its instances open."""
    return HttpRequest(DEFINITION, lambda context: HttpRequester(context, open_client), reaches_outside=True)
