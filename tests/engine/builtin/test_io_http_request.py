import email
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio.testing

from engine.builtin.io_http_request import DEFINITION, http_request, open_client
from engine.builtin.parts.http_sent import QUERY_LIMIT_CHARACTERS, SET_HERE
from engine.contracts.handler import HandlerError
from tests.engine.builtin.harness import driven, places
from tests.engine.builtin.http_server import Answer, Request, Server, answer, endless, raw, serving, silence

HTTP_REQUEST = http_request(open_client)
JSON = "application/json; charset=utf-8"


async def asked(server: Server, value: Any = None, *, path: str = "/", **config: Any) -> Any:
    """The emitted value of one message."""
    async with driven(HTTP_REQUEST, url=server.url + path, **config) as driver:
        (outcome,) = await driver.send(value)
    assert outcome.error is None, outcome.error
    (found,) = driver.values(outcome)
    return found


async def failure(*answers: Answer, **config: Any) -> tuple[HandlerError, dict[str, Any]]:
    """The error of one message of a strict node, and its details."""
    async with serving(*answers) as server, driven(HTTP_REQUEST, url=server.url, strict=True, **config) as driver:
        (outcome,) = await driver.send(None)
    assert outcome.error is not None
    assert outcome.error.details is not None
    assert not outcome.emissions
    return outcome.error, msgspec.json.decode(outcome.error.details)


async def test_emits_the_answer() -> None:
    """A message becomes {status, statusText, headers, data, url}, with a JSON body as data."""
    async with serving(answer(b'{"items": [1, 2]}', content_type=JSON, x_a="b")) as server:
        found = await asked(server, path="/data?key=1#part")
        assert found == {
            "status": 200,
            "statusText": "OK",
            "headers": {"content-length": "17", "connection": "close", "content-type": JSON, "x-a": "b"},
            "data": {"items": [1, 2]},
            "body": {"items": [1, 2]},
            "url": f"{server.url}/data?key=1",
        }
        (request,) = server.requests
    assert (request.method, request.target, request.body) == ("GET", "/data?key=1", b"")
    assert "content-type" not in request.headers


async def test_a_reason_phrase_may_have_accents() -> None:
    """What a server says beside its status is kept letter by letter."""
    async with serving(raw(b"HTTP/1.1 200 D\xe9j\xe0 vu\r\nContent-Length: 0\r\n\r\n")) as server:
        assert (await asked(server))["statusText"] == "D\u00e9j\u00e0 vu"


async def test_json_is_not_rewritten() -> None:
    """The text of a JSON body stands in the emitted value, digit by digit."""
    body = b'{"big": 12345678901234567890123, "price": 1.10}'
    answered = answer(body, content_type="application/hal+json")
    async with serving(answered) as server, driven(HTTP_REQUEST, url=server.url) as driver:
        ((_, text),) = driver.texts(*await driver.send(1))
    assert b'"data":' + body in text


async def test_redirects_are_followed() -> None:
    """The answer is the last one, and its URL says where it came from."""
    async with serving(answer(status="302 Found", location="/there"), answer(b"here")) as server:
        found = await asked(server)
        assert (found["data"], found["url"]) == ("here", f"{server.url}/there")


async def test_messages_fill_the_url_in_order() -> None:
    """Each message of a batch makes its own request, one after another."""
    async with serving(answer(b"a"), answer(b"b")) as server:
        async with driven(
            HTTP_REQUEST, url=server.url + "/users/{id}", query={"full": True, "tag": ["x", 1]}
        ) as driver:
            outcomes = await driver.send({"id": 1}, {"id": "two/2"})
        assert [found["data"] for found in driver.values(*outcomes)] == ["a", "b"]
        assert [request.target for request in server.requests] == [
            "/users/1?full=true&tag=x&tag=1",
            "/users/two%2F2?full=true&tag=x&tag=1",
        ]


@pytest.mark.parametrize(
    ("config", "body", "content_type"),
    [
        ({"method": "POST"}, b'{"a": 1.10}', "application/json"),
        ({"method": "PUT", "headers": {"Content-Type": "application/x"}}, b'{"a": 1.10}', "application/x"),
        ({"method": "POST", "body": {"b": [1]}}, b'{"b":[1]}', "application/json"),
        ({"method": "PATCH", "body": "text: \u00e9"}, "text: \u00e9".encode(), "text/plain; charset=utf-8"),
        ({"method": "POST", "body": None}, b"", None),
        ({"method": "DELETE"}, b"", None),
        ({"method": "DELETE", "body": False}, b"false", "application/json"),
    ],
)
async def test_sends_a_body(config: dict[str, Any], body: bytes, content_type: str | None) -> None:
    """What is sent is the configured body, or the message's own text where the method expects one."""
    async with serving(answer()) as server:
        await asked(server, b'{"a": 1.10}', **config)
        (request,) = server.requests
    assert (request.method, request.body) == (config["method"], body)
    assert request.headers.get("content-type") == content_type


async def test_a_form_is_sent() -> None:
    """In the place of a body, with its media type; what fills it is encoded."""
    value = {"a": "x&y", "n": 1.5, "tags": ["p", 2]}
    form = {"a": "{a}", "both": "{n}-{a}", "tags": "{tags}", "fixed": [1, "é"], "on": True}
    async with serving(answer()) as server:
        await asked(server, value, method="POST", form=form, fill=True)
        (request,) = server.requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.body == b"a=x%26y&both=1.5-x%26y&tags=p&tags=2&fixed=1&fixed=%C3%A9&on=true"


async def test_a_multipart_body_is_sent_as_others_read_it() -> None:
    """Texts, JSON, files and bytes; names and boundaries that nobody can break out of."""
    parts = [
        {"name": "note", "value": "for {id}"},
        {"name": 'a"b\r\nX: y', "value": "{items.0}"},
        {"name": "file", "filename": "t.bin", "type": "image/png", "base64": "AAH/"},
        {"name": "plain", "filename": "t.txt", "value": "--symbia"},
    ]
    async with serving(answer()) as server:
        await asked(server, {"id": 7, "items": [{"n": 1.10}]}, method="POST", multipart=parts, fill=True)
        (request,) = server.requests
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body)
    read = [
        (part.get_content_type(), part.get_filename(), part.get_payload(decode=True)) for part in message.walk()
    ]
    assert read[1:] == [
        ("text/plain", None, b"for 7"),
        ("application/json", None, b'{"n":1.1}'),
        ("image/png", "t.bin", b"\x00\x01\xff"),
        ("text/plain", "t.txt", b"--symbia"),
    ]
    assert b'name="a%22b%0D%0AX: y"' in request.body


async def test_placeholders_are_filled_everywhere_where_asked() -> None:
    """In headers, query and body; alone in a body one keeps its type and digits; braces are written twice."""
    value = b'{"id": 12345678901234567890, "user-id": "u 1", "items": [{"id": true}, {"id": "b"}]}'
    config: dict[str, Any] = {
        "method": "PUT",
        "headers": {"X-User": "<{user-id}>"},
        "query": {"item": "{items.1.id}", "fixed": "{{}}"},
        "body": {"id": "{id}", "all": "{items}", "text": "no. {id}", "deep": [{"x": "{items.0.id}"}]},
    }
    async with serving(answer(), answer()) as server:
        await asked(server, value, fill=True, **config)
        await asked(server, value, **config)
        filled, plain = server.requests
    assert filled.headers["x-user"] == "<u 1>"
    assert filled.target == "/?item=b&fixed=%7B%7D"
    assert filled.body == (
        b'{"id":12345678901234567890,"all":[{"id": true}, {"id": "b"}],'
        b'"text":"no. 12345678901234567890","deep":[{"x":true}]}'
    )
    assert plain.headers["x-user"] == "<{user-id}>"
    assert b'"id":"{id}"' in plain.body


async def test_a_body_may_be_bytes() -> None:
    async with serving(answer()) as server:
        await asked(server, {"b": "AP8="}, method="POST", body="{b}", bodyEncoding="base64", fill=True)
        (request,) = server.requests
    assert (request.body, request.headers["content-type"]) == (b"\0\xff", "application/octet-stream")


@pytest.mark.parametrize(
    "config",
    [
        {"headers": {"X-A": "{missing}"}},
        {"headers": {"X-A": "{line}"}},
        {"headers": {"X-A": "{list}"}},
        {"query": {"a": "{missing}"}},
        {"query": {"a": "{object}"}},
        {"query": {"a": "{long}"}},
        {"body": "{missing}"},
        {"body": {"a": "{list.7}"}},
        {"body": "x{list}"},
        {"body": "{half}"},
        {"body": {str(n): "{long}" for n in range(20)}},
        {"body": "{line}", "bodyEncoding": "base64"},
        {"multipart": [{"name": "a", "base64": "{line}"}]},
        {"form": {"a": "{list.0}{missing}"}},
    ],
)
async def test_what_does_not_fit_is_an_error_and_no_request(config: dict[str, Any]) -> None:
    """Never silence: a header that would be two, a field that is not there, a text that has no bytes."""
    value = {"line": "a\r\nX: y", "list": [1], "object": {}, "long": "x" * 60_000, "half": "\ud800"}
    async with (
        serving() as server,
        driven(HTTP_REQUEST, url=server.url, method="POST", fill=True, **config) as driver,
    ):
        (outcome,) = await driver.send(value)
        assert outcome.error is not None
        assert (outcome.error.name, outcome.error.is_permanent) == ("HttpInvalidRequest", True)
        assert server.requests == []


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"fill": True, "headers": {"X": "{"}}, "headers.X"),
        ({"fill": True, "headers": {"Content-Type": "{a}"}}, "headers.Content-Type"),
        ({"fill": True, "query": {"a": ["x", "}"]}}, "query.a[1]"),
        ({"fill": True, "method": "POST", "body": {"a": {"b": "{a b}"}}}, "body.a.b"),
        ({"method": "POST", "body": 1, "form": {"a": 1}}, "form"),
        ({"method": "POST", "form": {"a": 1}, "multipart": [{"name": "a", "value": 1}]}, "multipart"),
        ({"form": {"a": 1}}, "form"),
        ({"method": "POST", "form": {"a": {}}}, "form.a"),
        ({"method": "POST", "multipart": [{"name": "a"}]}, "multipart[0]"),
        ({"method": "POST", "multipart": [{"name": "a", "value": 1, "base64": ""}]}, "multipart[0]"),
        ({"method": "POST", "multipart": [{"value": 1}]}, "multipart[0]"),
        ({"method": "POST", "multipart": [{"name": "a", "value": 1, "type": "x\r\ny/z"}]}, "multipart[0].type"),
        ({"method": "POST", "multipart": [{"name": "a", "value": 1}] * 101}, "multipart"),
        ({"method": "POST", "bodyEncoding": "base64"}, "bodyEncoding"),
        ({"method": "POST", "bodyEncoding": "base64", "body": "*"}, "body"),
    ],
)
async def test_a_body_that_cannot_be_refuses_the_graph(config: dict[str, Any], place: str) -> None:
    assert await places(HTTP_REQUEST, url="http://host/", **config) == [place]


async def test_a_body_in_another_coding_passes_and_says_so() -> None:
    """As bytes, for whoever can undo it."""
    async with serving(answer(b"\x0b\x02", content_encoding="gzip, br", content_type="text/plain")) as server:
        found = await asked(server)
    assert (found["data"], found["encoding"], found["contentEncoding"]) == ("CwI=", "base64", "gzip, br")


async def test_sends_headers() -> None:
    """Configured headers are sent, and stand above the defaults."""
    async with serving(answer()) as server:
        await asked(server, headers={"X-Key": "k\t1", "Accept": "text/csv"})
        headers = server.requests[0].headers
    assert (headers["x-key"], headers["accept"]) == ("k\t1", "text/csv")
    assert (headers["user-agent"], headers["accept-encoding"]) == ("symbia-runtime", "gzip, deflate")


async def test_messages_share_no_cookies() -> None:
    """A cookie of one answer is not sent with the next message."""
    async with serving(answer(set_cookie="a=1"), answer()) as server:
        async with driven(HTTP_REQUEST, url=server.url) as driver:
            await driver.send(1, 2)
        assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("status", ["404 Not Found", "503 Later", "301 Moved"])
async def test_an_answer_is_a_result_whatever_its_status(status: str) -> None:
    """As on the platform, and with what else is known of it."""
    async with serving(answer(b'{"why": "gone"}', status=status, content_type=JSON)) as server:
        found = await asked(server)
    assert (found["status"], found["statusText"], found["body"]) == (int(status[:3]), status[4:], {"why": "gone"})


@pytest.mark.parametrize(
    ("content_type", "content", "data", "body"),
    [
        ("text/plain", b"42", "42", 42),
        ("text/plain", b"plain", "plain", "plain"),
        ("application/json", b"{", "{", "{"),
        ("application/json", b"", None, ""),
        ("application/octet-stream", b"\0", "AA==", "AA=="),
    ],
)
async def test_the_body_is_read_as_the_platform_reads_it(
    content_type: str, content: bytes, data: Any, body: Any
) -> None:
    """``body`` is JSON where it can be, whatever its type says; ``data`` goes by the type."""
    async with serving(answer(content, content_type=content_type)) as server:
        found = await asked(server)
    assert (found["data"], found["body"]) == (data, body)


async def test_other_answers_are_errors_of_a_strict_node() -> None:
    """A non-2xx answer leaves as an error whose details are the answer."""
    error, details = await failure(answer(b'{"why": "gone"}', status="404 Not Found", content_type=JSON))
    assert error.name == "HttpStatusError"
    assert error.message.endswith("was answered by 404 Not Found")
    assert (details["status"], details["statusText"], details["data"]) == (404, "Not Found", {"why": "gone"})


def _headed(head: str, body: bytes) -> Answer:
    """An answer with a head of one's own."""
    return raw(f"HTTP/1.1 {head}\r\nX-Reason: mine\r\n".encode() + body)


BROKEN_BODIES = {
    "it is larger than 10 bytes": b"Content-Length: 11\r\n\r\nhello world",
    "it says it is JSON but is not": b"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
    "it says it is gzip but is not": b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "it says it is deflate but is not": b"Content-Encoding: deflate\r\nContent-Length: 5\r\n\r\nhello",
    "RemoteProtocolError": b"Content-Length: 9\r\n\r\ncut",
    "RemoteProtocolError: illegal chunk header": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("words", BROKEN_BODIES)
@pytest.mark.parametrize("head", ["500 Oops", "429 Slow down", "404 Not Found"])
async def test_a_status_stands_above_a_broken_body(head: str, words: str) -> None:
    """Its status and headers are known and leave, and the message says what is missing."""
    error, details = await failure(_headed(head, BROKEN_BODIES[words]), maxResponseBytes=10)
    assert error.name == "HttpStatusError"
    assert f"was answered by {head}, without a body: {words}" in error.message
    assert (details["status"], details["headers"]["x-reason"]) == (int(head[:3]), "mine")
    assert (details["data"], details["body"]) == (None, None)


@pytest.mark.parametrize(("words", "body"), BROKEN_BODIES.items())
async def test_a_broken_body_of_a_result_is_an_error_with_its_status(words: str, body: bytes) -> None:
    """There is no result without its content; what came of the answer leaves with the error."""
    error, details = await failure(_headed("200 OK", body), maxResponseBytes=10)
    assert error.name in {"HttpResponseTooLarge", "HttpInvalidResponse", "HttpRequestFailed"}
    assert words in error.message
    assert (details["status"], details["headers"]["x-reason"], details["data"]) == (200, "mine", None)


async def test_a_body_that_does_not_come_is_a_timeout_with_its_status(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The time is over, and the head of the answer leaves with the error."""
    del autojump_clock

    async def slow(_request: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await trio.sleep_forever()

    error, details = await failure(slow, timeoutMs=1_000)
    assert error.name == "HttpTimeout"
    assert (details["status"], details["data"]) == (200, None)


LASTING = [
    "301 X",
    "304 X",
    "400 X",
    "401 X",
    "403 X",
    "404 X",
    "409 X",
    "410 X",
    "413 X",
    "422 X",
    "501 X",
    "505 X",
    "999 X",
]


@pytest.mark.parametrize("status", LASTING)
async def test_permanent_statuses_say_so(status: str) -> None:
    """Whoever asks again gets the same answer."""
    error, _ = await failure(answer(status=status, retry_after="5"))
    assert (error.is_permanent, error.retry_after_seconds) == (True, 0.0)


@pytest.mark.parametrize("status", ["408 X", "425 X", "429 X", "500 X", "502 X", "503 X", "504 X", "520 X"])
async def test_passing_statuses_say_when(status: str) -> None:
    """They may be over soon, and ``Retry-After`` says when: in seconds, or as a date."""
    error, _ = await failure(answer(status=status, retry_after="5"))
    assert (error.is_permanent, error.retry_after_seconds) == (False, 5.0)
    noon, then = "Tue, 01 Dec 2026 12:00:00 GMT", "Tue, 01 Dec 2026 12:00:07 GMT"
    error, _ = await failure(answer(status=status, date=noon, retry_after=then))
    assert error.retry_after_seconds == 7.0


async def test_a_passing_status_says_when_without_a_body() -> None:
    """A body that cannot be read does not hide how long to wait."""
    error, _ = await failure(_headed("503 X", b"Retry-After: 9\r\nContent-Length: 9\r\n\r\ncut"))
    assert (error.is_permanent, error.retry_after_seconds) == (False, 9.0)


async def test_hopeless_requests_say_so() -> None:
    """Too large an answer, a loop of redirects, a message without the field: trying again changes nothing."""
    large, _ = await failure(answer(b"hello world"), maxResponseBytes=10)
    loop, _ = await failure(*[answer(status="302 X", location="/")] * 6)
    assert (large.is_permanent, loop.is_permanent) == (True, True)
    broken, _ = await failure(raw(b"nonsense\r\n\r\n"))
    assert not broken.is_permanent
    async with driven(HTTP_REQUEST, url="http://127.0.0.1:1/{id}") as driver:
        (outcome,) = await driver.send({})
    assert outcome.error is not None
    assert outcome.error.is_permanent


async def test_errors_show_no_secrets() -> None:
    """Neither the message nor the details of an error repeat credentials, nor the message a query."""
    async with serving(answer(status="500 No")) as server:
        url = server.url.replace("://", "://user:secret@") + "?key=token"
        async with driven(HTTP_REQUEST, url=url, strict=True) as driver:
            (outcome,) = await driver.send(1)
    assert outcome.error is not None
    assert "secret" not in str(outcome.error)
    assert "token" not in outcome.error.message


async def test_timeouts_are_errors(autojump_clock: trio.testing.MockClock) -> None:
    """A server that says nothing is given up after the configured time, connection and all."""
    error, details = await failure(silence, timeoutMs=2_500)
    assert error.name == "HttpTimeout"
    assert "longer than 2.5 s" in error.message
    assert list(details) == ["error", "url"]
    assert details["error"] == error.message
    assert 2.5 <= autojump_clock.current_time() < 2.6


async def test_refused_connections_are_errors() -> None:
    """Where nobody listens, the message fails and says what was tried."""
    async with serving() as server:
        url = server.url
    async with driven(HTTP_REQUEST, url=url) as driver:
        (outcome,) = await driver.send(1)
    assert outcome.error is not None
    assert outcome.error.name == "HttpRequestFailed"
    assert f"GET {url} failed: ConnectError" in outcome.error.message


@pytest.mark.parametrize("data", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"])
async def test_broken_answers_are_errors(data: bytes) -> None:
    """What is no HTTP, or ends too soon, fails the message."""
    error, _ = await failure(raw(data))
    assert error.name == "HttpRequestFailed"
    assert "ProtocolError" in error.message


async def test_bodies_are_bounded() -> None:
    """A body that goes beyond the limit is refused while it comes; one that just fits is taken."""
    error, _ = await failure(endless, maxResponseBytes=100_000)
    assert error.name == "HttpResponseTooLarge"
    assert "100000 bytes" in error.message
    async with serving(answer(b"x" * 1_000)) as server:
        assert len((await asked(server, maxResponseBytes=1_000))["data"]) == 1_000


async def test_a_client_may_refuse() -> None:
    """The client comes from outside; what it refuses is an error of the message."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("This address is not allowed", request=request)

    guarded = http_request(lambda: httpx.AsyncClient(transport=httpx.MockTransport(refuse)))
    async with driven(guarded, url="http://host/") as driver:
        (outcome,) = await driver.send(1)
    assert outcome.error is not None
    assert "This address is not allowed" in outcome.error.message


async def test_cleanup_closes_the_client() -> None:
    """The client of an instance is closed with it."""
    clients = []

    def open_one() -> httpx.AsyncClient:
        clients.append(open_client())
        return clients[-1]

    async with driven(http_request(open_one), url="http://host/"):
        assert [client.is_closed for client in clients] == [False]
    assert [client.is_closed for client in clients] == [True]


async def test_unfit_message_is_an_error() -> None:
    """A message without the field for a placeholder fails, and nothing is requested."""
    async with serving() as server:
        async with driven(HTTP_REQUEST, url=server.url + "/{id}") as driver:
            (outcome,) = await driver.send({"other": 1})
        assert server.requests == []
    assert outcome.error is not None
    assert outcome.error.name == "HttpInvalidUrl"
    assert "{id}" in outcome.error.message


async def test_configuration_is_checked() -> None:
    """A wrong URL, header or parameter is a problem at its own place, all at once."""
    config = {
        "url": "ftp://host/",
        "headers": {"bad name": "x", "Host": "x", "X-Split": "a\r\nb", "X-Number": 1, "X-Good": "x"},
        "query": {"object": {}, "list": [1, None], "good": 1.5},
    }
    assert await places(HTTP_REQUEST, **config) == [
        "url",
        *("headers.bad name", "headers.Host", "headers.X-Split", "headers.X-Number"),
        *("query.object", "query.list"),
    ]
    fits, exceeds = ({"a": "x" * (QUERY_LIMIT_CHARACTERS - 2 + more)} for more in (0, 1))
    assert await places(HTTP_REQUEST, url="http://host/", query=fits) == []
    assert await places(HTTP_REQUEST, url="http://host/", query=exceeds) == ["query"]
    assert await places(HTTP_REQUEST, url="http://host/", headers=dict.fromkeys(SET_HERE, "x")) == [
        f"headers.{name}" for name in SET_HERE
    ]


async def test_client_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the host's environment do not apply to graphs."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with serving(answer(b"direct")) as server:
        assert (await asked(server))["data"] == "direct"


def test_limits_fit_together() -> None:
    """The default timeout and size lie within their own limits."""
    for key in ("timeoutMs", "maxResponseBytes"):
        field = DEFINITION.config[key]
        assert field.minimum is not None
        assert field.maximum is not None
        assert field.minimum <= field.default <= field.maximum


async def test_an_instance_outlives_its_failures() -> None:
    """After a timeout, an endless body and a broken answer, the next message is answered."""
    answers = (silence, endless, raw(b"nonsense\r\n\r\n"), answer(b"well"))
    async with serving(*answers) as server, driven(HTTP_REQUEST, url=server.url, timeoutMs=200) as driver:
        outcomes = await driver.send(1, 2, 3, 4)
    assert [outcome.error.name for outcome in outcomes if outcome.error] == [
        "HttpTimeout",
        "HttpResponseTooLarge",
        "HttpRequestFailed",
    ]
    assert driver.values(outcomes[3])[0]["data"] == "well"
